"""After a service was changed: whether it still answers where it answered before, inside and from outside.

Two checks, since neither proves it alone. Inside its network namespace the new task listens on the same ports as the
old one. From the node, its published port takes a connection and keeps it: where nothing listens behind it, the
connection is refused, or Docker's own proxy takes it and drops it at once. The same is checked before the change, so
that a port that did not answer then is no failure. A port of the swarm's mesh (ingress) may be answered by any replica.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetkeeper.looking.fleet import raise_if_unobservable
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.services.facts import Published, SwarmService
from fleetkeeper.transport.script_files import load_script
from remediate.remedies.containers.file_owners import preflight_of
from remediate.steps import Require, Run

PORTS_LISTEN = "remediate/remedies/containers/scripts/ports_listen.sh"
PORTS_ANSWER = "remediate/remedies/containers/scripts/ports_answer.sh"

TRIES = 10
WHY_BEFORE = "or nobody could see afterwards that it does so again"


def port_check_steps(placement: Placement, name: str) -> list[Run]:
    """The read-only step that checks that the same ports are listened on again; empty without ports.

    Without it a start that hangs half-way would pass. Raises Unobservable when the ports were not seen.
    """
    ports = raise_if_unobservable(preflight_of(placement).listens)
    if not ports:
        return []
    words = ("sh", "-c", load_script(PORTS_LISTEN), "looking for its ports", name, *(f"{port:04X}" for port in ports))
    return [
        Run(
            placement.node, words, says=f"see that {name} serves {port_numbers(ports)} again", changes=False, tells=True
        )
    ]


def open_before(placement: Placement, service: SwarmService) -> list[Require]:
    """Conditions that the published ports answer now: else nobody could see afterwards whether they do again.

    Empty without published ports behind which something listens. Raises Unobservable when that was not seen.
    """
    return [
        Require(
            *(placement.node, port_check_command(service, mode, ports, 1)),
            because=f"port {port_numbers(ports)} of {placement.node} answers ({WHY_BEFORE})",
            limit=at_most(ports, 1),
        )
        for mode, ports in published_ports_in_use(placement, service)
    ]


def open_again(placement: Placement, service: SwarmService) -> list[Run]:
    """Read-only steps that check that the published ports answer again, through the node's own address.

    Empty as `open_before` is. Raises Unobservable when what listens was not seen.
    """
    return [
        Run(
            *(placement.node, port_check_command(service, mode, ports, TRIES)),
            says=f"see that port {port_numbers(ports)} of {placement.node} reaches {service.name} again",
            changes=False,
            tells=True,
            limit=at_most(ports, TRIES),
        )
        for mode, ports in published_ports_in_use(placement, service)
    ]


def at_most(ports: tuple[int, ...], tries: int) -> float:
    """Time limit of a port check in seconds: each port of each try has 5, with 2 in between."""
    return 20.0 + tries * (2 + 5 * len(ports))


def published_ports_in_use(placement: Placement, service: SwarmService) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(mode, published TCP ports) for those behind which something listens today; mode is host or ingress.

    A mode without such ports is left out. Raises Unobservable when what listens was not seen.
    """
    served = raise_if_unobservable(preflight_of(placement).listens)
    for mode in ("host", "ingress"):
        ports = tuple(
            port.port for port in service.published if leads_to_listener(port, mode) and port.target in served
        )
        if ports:
            yield mode, ports


def leads_to_listener(port: Published, mode: str) -> bool:
    """Whether the port is a TCP port published in that mode. Whether something listens is not asked here."""
    return port.mode == mode and port.protocol == "tcp"


def port_check_command(service: SwarmService, mode: str, ports: Iterable[int], tries: int) -> tuple[str, ...]:
    """The command that succeeds once every published port answers; it tries `tries` times.

    `mode` is host or ingress; nothing is run here.
    """
    numbers = (str(port) for port in ports)
    return (
        "sh",
        "-c",
        load_script(PORTS_ANSWER),
        "trying its published ports",
        service.name,
        mode,
        str(tries),
        *numbers,
    )


def port_numbers(ports: Iterable[int]) -> str:
    """The port numbers, joined by commas."""
    return ", ".join(str(port) for port in ports)
