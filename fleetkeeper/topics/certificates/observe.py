"""How certificates are looked at: containers and schedules first, then each port and each container: two round trips.

Handshakes are made on the node where the container runs: neither a firewall nor a name that leads elsewhere matters.
What the world sees is asked beside this, in `world`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node, Service, require_policy
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers import tls_handshakes
from fleetkeeper.readers.cron import snapshot as schedules
from fleetkeeper.readers.cron.own_crontab import read_own_crontab
from fleetkeeper.readers.cron.snapshot import OWN, list_schedules
from fleetkeeper.readers.docker.engine import ABSENT, engine_says, inspect_containers
from fleetkeeper.topics.certificates import node_commands, renewal_schedule
from fleetkeeper.topics.certificates.facts import ContainerFiles, Facts
from fleetkeeper.topics.certificates.parse import parse
from fleetkeeper.topics.certificates.policy import Certificate, Policy
from fleetkeeper.topics.certificates.tls_probes import Probe, challenge_commands, probes_of, served, tls_endpoints
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.transport.commands import Command, Output, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

Asked = dict[Command, Output]


def observe(node: Node, inventory: Inventory) -> Look:
    """Empty facts on a node where none of their services runs. Raises NotApplicable where there are no certificates."""
    certificates, services = inventory.section(Policy).certificates, require_policy(inventory.services)
    inspected, everything, own = yield [inspect_containers(), list_schedules(), OWN]
    if inspected.rc == ABSENT:
        return Facts()
    containers = parse_containers(engine_says(inspected).partition("\n")[2])
    serving = serving_here(containers, certificates, services)
    if not serving:
        return Facts()
    at = [
        endpoint for container, key in serving for endpoint in tls_endpoints(container, of_service(certificates, key))
    ]
    http = challenge_commands(at, containers)
    inside = {
        container.id: node_commands.look_inside(container.id, asked_for(of_service(certificates, key)))
        for container, key in serving
    }
    questions = yield from ask_for_certificates(
        [*inside.values(), *http.values()], [probe for endpoint in at for probe in probes_of(endpoint)]
    )
    return replace(
        scheduled_here(everything, own, containers),
        served=tuple(served(endpoint, questions) for endpoint in at),
        inside=tuple(look_inside(questions[inside[container.id]], container.id, key) for container, key in serving),
        http={name: http_status(questions[command]) for name, command in http.items()},
    )


def serving_here(
    containers: Iterable[Container], certificates: Iterable[Certificate], services: Mapping[str, Service]
) -> list[tuple[Container, str]]:
    """The running containers of services that certificates name, each with the service's key."""
    keys = dict.fromkeys(certificate.service for certificate in certificates)
    return [
        (container, key)
        for container in containers
        if container.running
        for key in keys
        if container.belongs_to(services[key].name)
    ]


def of_service(certificates: Iterable[Certificate], service: str) -> list[Certificate]:
    return [certificate for certificate in certificates if certificate.service == service]


def asked_for(certificates: Iterable[Certificate]) -> list[str]:
    """Names, and paths of files."""
    return [word for certificate in certificates for word in (certificate.name, certificate.file) if word]


def ask_for_certificates(
    others: Sequence[Command], asking: Sequence[Probe]
) -> Generator[Sequence[Command], list[Output], Asked]:
    """One round trip for everything; a second one, through containers, only where the node has no openssl."""
    commands = list(dict.fromkeys([*others, *(probe.on_node for probe in asking)]))
    questions = dict(zip(commands, (yield commands), strict=True))
    again = [probe.in_container for probe in asking if questions[probe.on_node].rc == tls_handshakes.NO_OPENSSL]
    if again:
        again = list(dict.fromkeys(again))
        questions.update(zip(again, (yield again), strict=True))
    return questions


def look_inside(answer: Output, container: str, service: str) -> ContainerFiles | Unobservable:
    return or_why(lambda: parse(answer.text(), container, service))


def http_status(answer: Output) -> int | Unobservable:
    return or_why(lambda: tls_handshakes.status(answer))


def scheduled_here(everything: Output, own: Output, containers: Sequence[Container]) -> Facts:
    """What is scheduled on the node itself, or why that could not be seen."""
    try:
        printed = schedules.read(everything.text())
    except Unobservable as why:
        return Facts(renewals=why, crontab=why, cron=why)
    return Facts(
        renewals=tuple(renewal_schedule.renewals_on_node(printed, containers)),
        crontab=read_own_crontab(own, printed, renewal_schedule.BLOCK),
        cron=renewal_schedule.cron_runs(printed),
        unseen=tuple(printed.lines.get("unseen", [])),
        docker=tuple(printed.lines.get("docker", [])),
    )
