"""The rules that need the swarm's word too: which ports are published, and how often what fails is started again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from ipaddress import ip_address

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.rules.crowd import Member, judge_containers, policy_for, settings_of
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import SwarmService
from fleetkeeper.transport.commands import Unobservable

PUBLIC = (80, 443)
"""Ports that are meant for everybody, without a word in the inventory."""
PRIVILEGED = 1024
WHY_PORT = "each is a door into the service"
Swarm = Mapping[str, SwarmService]
"""The services of the swarm by name."""


def publish_what_is_meant(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Containers on the node publish only ports that are meant, on addresses that are meant.

    Each is a door into the service; one below 1024 speaks for the node itself. By what containers publish, and their
    services in the swarm, whose ports are open on every node. 80 and 443 are meant; others are named by `benchmark:
    {ports: {SERVICE: [443, "127.0.0.1:5432"]}}`, and without that line only ports below 1024 and those on all addresses
    are judged. Nothing is on the default bridge (level 2). Warnings, unless enforced. Unknown where a manager of the
    swarm was not seen. Does not apply without Docker.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 5.8, 5.9, 5.14 and 5.30.
    """
    swarm = swarm_services(fleet, subject.name)
    checks = {"5.8": privileged_ports, "5.9": other_ports, "5.14": open_addresses}
    bound = {number: partial(check, swarm) for number, check in checks.items()}
    return judge_containers(fleet, subject, {**bound, "5.30": default_bridge})


PUBLISHING = ("5.8", "5.9", "5.14", "5.30")


def restart_as_meant(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """A container that fails is started again only as often as the inventory says.

    Without an end, a broken one takes the node's time for ever, and hides that it is broken; with one, a database stays
    down after the last try. So it applies only where `benchmark: {restarts: 5}` asks for it. By the container's own
    policy, or that of its service in the swarm. Warnings, unless enforced. Unknown where a manager of the swarm was not
    seen. Does not apply without Docker.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 5.15.
    """
    return judge_containers(fleet, subject, {"5.15": partial(restarts, swarm_services(fleet, subject.name))})


RESTARTING = ("5.15",)


def swarm_services(fleet: Fleet, node: str) -> Swarm | Unobservable:
    """The services of the swarm of a node, by name; empty where it is in none.

    An Unobservable where no manager was seen. Raises Unobservable where the node's own part in a swarm was not seen.
    """
    if fleet.of(node, Services).swarm not in ("manager", "worker"):
        return {}
    seen = [facts for facts in fleet.facts.values() if isinstance(facts, Services) and facts.swarm == "manager"]
    if not seen:
        return Unobservable("no manager of its swarm was seen", hint="add a manager under `nodes`")
    return {service.name: service for facts in seen for service in facts.services}


def service_in_swarm(member: Member, swarm: Swarm | Unobservable) -> SwarmService | None:
    """The swarm's service of a container; None for any other container.

    Raises Unobservable where no manager was seen, or the managers that were seen do not know it.
    """
    name = member.container.swarm_service
    if not name:
        return None
    if isinstance(swarm, Unobservable):
        raise swarm
    if name not in swarm:
        raise Unobservable(f"no manager that was seen knows its service {name}", hint="look again")
    return swarm[name]


def published_ports(swarm: Swarm | Unobservable, member: Member) -> list[tuple[str, int]]:
    """The addresses and ports of the node that lead to a container; an empty address is all of them."""
    own = [("" if is_everywhere(port.host_ip) else port.host_ip, port.host) for port in member.container.ports]
    service = service_in_swarm(member, swarm)
    mesh = [("", port.port) for port in service.published if port.mode == "ingress"] if service else []
    return sorted({(address, port) for address, port in (*own, *mesh) if port is not None})


def is_everywhere(address: str) -> bool:
    """Whether an address stands for all of the node's.

    >>> [is_everywhere(address) for address in ("", "0.0.0.0", "[::]", "0:0:0:0:0:0:0:0", "127.0.0.1", "::1", "x")]
    [True, True, True, True, False, False, False]
    """
    try:
        return not address or ip_address(address.strip("[]")).is_unspecified
    except ValueError:
        return False


def chosen_ports(member: Member, *, everywhere: bool) -> set[int]:
    """The ports of a container that are published on one that the engine chooses; `everywhere`: on all addresses."""
    ports = (port for port in member.container.ports if port.chosen)
    return {port.container for port in ports if not everywhere or is_everywhere(port.host_ip)}


def named_ports(member: Member, policy: Benchmark) -> list[tuple[str, int]]:
    """The addresses and ports that the inventory lets a container publish; an empty address is any."""
    split = [port.rpartition(":")[::2] for port in policy_for(member, policy.ports or {}) or ()]
    return [(address.strip("[]"), int(number)) for address, number in split]


def privileged_ports(swarm: Swarm | Unobservable, member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for ports below 1024 that nobody names."""
    allowed = {*PUBLIC, *(port for _, port in named_ports(member, policy))}
    others = sorted({port for _, port in published_ports(swarm, member) if port < PRIVILEGED} - allowed)
    if others:
        want = "ports from 1024 on, or `benchmark: {ports: …}`"
        yield Wrong(f"publishes {ports_in_words(others)}", want, "whoever has such a port speaks for the node itself")


def other_ports(swarm: Swarm | Unobservable, member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for ports that the inventory does not name. Raises NotApplicable where it names none at all."""
    if policy.ports is None:
        raise NotApplicable("no ports are named that services may publish (`benchmark: {ports: …}`)")
    allowed = {*PUBLIC, *(port for _, port in named_ports(member, policy))}
    published = {port for _, port in published_ports(swarm, member)} | chosen_ports(member, everywhere=False)
    if others := sorted(published - allowed):
        yield Wrong(f"publishes {ports_in_words(others)}, which nobody names", "only ports that are named", WHY_PORT)


def open_addresses(swarm: Swarm | Unobservable, member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for ports that are open on other addresses than is meant."""
    named = named_ports(member, policy)
    free = sorted(chosen_ports(member, everywhere=True) - {port for address, port in named if not address})
    others = [f"{port} on a port that the engine chooses, of all addresses" for port in free]
    others += open_ports(published_ports(swarm, member), named)
    if others:
        hint = "an address before the port (`127.0.0.1:…`); ports of a swarm's mesh are on all, there a firewall helps"
        want = "the address that is meant, or `benchmark: {ports: …}`"
        yield Wrong(f"publishes {', '.join(others)}", want, "it is open to networks that nobody thought of", hint)


def open_ports(published: list[tuple[str, int]], named: list[tuple[str, int]]) -> list[str]:
    """Those of the published ports, as `ADDRESS:PORT`, that are open on other addresses than is meant.

    >>> open_ports([("", 5432), ("192.0.2.1", 5432), ("", 443)], [("127.0.0.1", 5432)])
    ['*:5432', '192.0.2.1:5432']
    """
    anywhere = {*PUBLIC, *(port for address, port in named if not address)}
    bound = {port for address, port in named if address}
    return [
        f"{address or '*'}:{port}"
        for address, port in published
        if port not in anywhere and (address, port) not in named and (not address or port in bound)
    ]


def ports_in_words(ports: list[int]) -> str:
    """Ports in words.

    >>> ports_in_words([53]), ports_in_words([53, 123])
    ('port 53', 'the ports 53, 123')
    """
    return f"port {ports[0]}" if len(ports) == 1 else f"the ports {', '.join(map(str, ports))}"


def default_bridge(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container on the default bridge."""
    if {"bridge"} & {*settings_of(member.container).networks, member.container.isolation.network}:
        yield Wrong(
            "is on the default bridge", "a network of its own", "all that has no network of its own meets there"
        )


def restarts(swarm: Swarm | Unobservable, member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container that is started again more often than the inventory lets be."""
    if policy.restarts is None:
        raise NotApplicable("no number of restarts is named (`benchmark: {restarts: …}`)")
    settings, service = settings_of(member.container), service_in_swarm(member, swarm)
    how, most = (service.restart, service.attempts) if service else (settings.restart, settings.attempts)
    if how in ("", "no", "none"):
        return
    if how in ("always", "unless-stopped") or not most:
        yield Wrong("is started again without an end", f"{policy.restarts} times at most", "it hides that it is broken")
    elif most > policy.restarts:
        yield Wrong(f"is started again {most} times", f"{policy.restarts} times at most", "it hides that it is broken")
