"""How certificates are looked at: containers and schedules first, then each port and each container: two round trips.

Handshakes are made on the node where the container runs: neither a firewall nor a name that leads elsewhere matters.
Handshakes from the machine that audits are made beside this, in `external_probe`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fleetkeeper.inventory.schema import Node, Service, require_policy
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers import tls_handshakes
from fleetkeeper.readers.cron import snapshot as schedules
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.own_crontab import read_own_crontab
from fleetkeeper.readers.cron.snapshot import OWN, list_schedules
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.readers.json_documents import json_document
from fleetkeeper.topics.certificates import node_commands, renewal_processes, renewal_schedule
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
MOST_WORDS, MOST_ROUNDS = 100, 2
"""Users and paths in lines that run certbot, about which one node is asked at once, and rounds for their scripts."""


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts of a node; empty ones where no service that certificates name runs.

    Raises NotApplicable where the inventory has no certificates. A generator: yields commands, receives their outputs.
    Raises Unobservable when `docker inspect` gave no answer that makes sense.
    """
    certificates, services = inventory.section(Policy).certificates, require_policy(inventory.services)
    inspected, everything, own = yield [inspect_containers(), list_schedules(), OWN]
    if inspected.rc == ABSENT:
        return Facts()
    listing = inspection_json(inspected).partition("\n")[2]
    containers, everything_inspected = parse_containers(listing), json_document(listing, "`docker inspect`")
    serving = serving_here(containers, certificates, services)
    if not serving:
        return Facts()
    at = [
        endpoint for container, key in serving for endpoint in tls_endpoints(container, of_service(certificates, key))
    ]
    http = challenge_commands(at, containers)
    answers = or_why(lambda: Answers(schedules.read(everything.text())))
    hooked = hook_words(answers, only_of_root=node.sudo == "audit")
    words = words_about_lines(answers, containers)
    about_lines = [schedules.ask(words)] if words else []
    inside = {
        container.id: node_commands.look_inside(container.id, [*asked_for(of_service(certificates, key)), *hooked])
        for container, key in serving
    }
    questions = yield from ask_for_certificates(
        [*about_lines, *inside.values(), *http.values()], [probe for endpoint in at for probe in probes_of(endpoint)]
    )
    if isinstance(answers, Answers) and about_lines:
        add_answer(answers, words, questions[about_lines[0]])
        for _ in range(MOST_ROUNDS):  # a script that was read raises questions of its own
            if not (words := words_about_lines(answers, containers)):
                break
            [answer] = yield [schedules.ask(words)]
            add_answer(answers, words, answer)
    return replace(
        scheduled_here(
            answers,
            own,
            containers,
            {key: questions[command] for key, command in inside.items()},
            everything_inspected,
        ),
        served=tuple(served(endpoint, questions) for endpoint in at),
        inside=tuple(look_inside(questions[inside[container.id]], container.id, key) for container, key in serving),
        http={name: http_status(questions[command]) for name, command in http.items()},
    )


def serving_here(
    containers: Iterable[Container], certificates: Iterable[Certificate], services: Mapping[str, Service]
) -> list[tuple[Container, str]]:
    """The running containers of services that certificates name, each with the inventory's key of the service.

    A container may come twice, for two keys.
    """
    keys = dict.fromkeys(certificate.service for certificate in certificates)
    return [
        (container, key)
        for container in containers
        if container.running
        for key in keys
        if container.belongs_to(services[key].name)
    ]


def of_service(certificates: Iterable[Certificate], service: str) -> list[Certificate]:
    """The certificates of one service, by its key in the inventory."""
    return [certificate for certificate in certificates if certificate.service == service]


def asked_for(certificates: Iterable[Certificate]) -> list[str]:
    """The names of certificates, and the paths of their files where the inventory gives them."""
    return [word for certificate in certificates for word in (certificate.name, certificate.file) if word]


def ask_for_certificates(
    others: Sequence[Command], asking: Sequence[Probe]
) -> Generator[Sequence[Command], list[Output], Asked]:
    """The outputs by command, after one round trip, and a second one in containers where the node has no openssl.

    The answers on the node stay beside those from the containers. A generator: yields the commands, receives their
    outputs, and returns them.
    """
    commands = list(dict.fromkeys([*others, *(probe.on_node for probe in asking)]))
    questions = dict(zip(commands, (yield commands), strict=True))
    again = [probe.in_container for probe in asking if questions[probe.on_node].rc == tls_handshakes.NO_OPENSSL]
    if again:
        again = list(dict.fromkeys(again))
        questions.update(zip(again, (yield again), strict=True))
    return questions


def look_inside(answer: Output, container: str, service: str) -> ContainerFiles:
    """The files of one container; without any, and with the reason, where its output could not be parsed.

    `service` is the inventory's key of its service.
    """
    files = or_why(lambda: parse(answer.text(), container, service))
    return ContainerFiles(container, service, unseen=files) if isinstance(files, Unobservable) else files


def http_status(answer: Output) -> int | Unobservable:
    """The HTTP status that was printed (0: no answer), or why it could not be seen."""
    return or_why(lambda: tls_handshakes.status(answer))


def hook_words(answers: Answers | Unobservable, only_of_root: bool) -> list[str]:
    """What hooks in the node's schedules name: programs, and files as `hook:/path`.

    Empty where the schedules cannot be read. `only_of_root` leaves out the schedules of other users.
    """
    if isinstance(answers, Unobservable):
        return []
    words = renewal_schedule.words_to_ask(answers.printed, only_of_root)
    return [f"hook:{word}" if word.startswith("/") else word for word in words]


def words_about_lines(answers: Answers | Unobservable, containers: Sequence[Container]) -> list[str]:
    """The users, paths and scripts that the node must be asked about, to say whether its lines get to certbot.

    At most 100, and none that it was asked about before; empty where the schedules cannot be read.
    """
    if isinstance(answers, Unobservable):
        return []
    node = renewal_processes.node_surroundings(containers, {}, answers)
    list(renewal_schedule.renewals_on_node(answers.printed, node))
    return [word for word in node.questions if word.isprintable() and word not in answers.asked][:MOST_WORDS]


def add_answer(answers: Answers, words: Sequence[str], answer: Output) -> None:
    """Take in the answer to these words; what was not answered leaves its lines unclear."""
    with suppress(Unobservable):
        answers.add(words, schedules.read(answer.text()))


def scheduled_here(
    answers: Answers | Unobservable,
    own: Output,
    containers: Sequence[Container],
    inside: Mapping[str, Output],
    inspected: Any,
) -> Facts:
    """The facts with renewals, crontab and cron daemon of the node.

    `answers` are what the node said of its schedules, `own` the output of `crontab -l`, `containers` are the node's,
    `inside` what the looks into some of them printed, by id, and `inspected` the JSON of `docker inspect`. Where the
    schedules cannot be read, the three are that Unobservable; where only `own` cannot, the crontab alone is.
    """
    if isinstance(answers, Unobservable):
        return Facts(renewals=answers, crontab=answers, cron=answers)
    node, printed = renewal_processes.node_surroundings(containers, inside, answers), answers.printed
    return Facts(
        renewals=(
            *renewal_schedule.renewals_on_node(printed, node),
            *renewal_processes.main_processes(inspected, node),
        ),
        reloaders=tuple(renewal_processes.self_reloaders(inspected)),
        crontab=read_own_crontab(own, printed, renewal_schedule.BLOCK),
        cron=renewal_schedule.cron_runs(printed),
        unseen=tuple(printed.lines.get("unseen", [])),
        docker=tuple(printed.lines.get("docker", [])),
    )
