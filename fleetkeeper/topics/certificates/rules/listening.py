"""The rule that every port on which TLS is expected is one that the inventory names, and speaks TLS."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.certificates.listening.facts import Facts, TlsPort
from fleetkeeper.topics.certificates.policy import Certificate, Policy
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.transport.commands import Unobservable

HTTPS = 443
MESH = "dockerd"
"""The program that listens on the ports of the swarm's mesh, on every member."""
ANSWERS = {
    "plain": "answers without TLS",
    "silent": "takes the connection and answers nothing",
    "closed": "takes no connection",
}
OTHERWISE = "answers something that is no TLS"


def cover_every_tls_port(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every port for TLS that others can reach speaks TLS, and the inventory names what is served there.

    A certificate that nobody wrote down ends unnoticed, and a port that was published for TLS and answers in the clear
    takes passwords in the clear. Looked at are ports whose numbers are for TLS (443, 465, 636, 853, 990, 993, 995,
    5061, 5671, 6443, 8443, 8883, 9443): those that a container publishes, and those on which a program of the node or
    of a container in the node's network listens. A handshake is made on the node. Findings are warnings. A node that
    was not seen is unknown, and so is a port that the inventory does not name and that could not be asked. The runbook
    does not ask for this: it is an addition of this project.
    """
    certificates = certificates_of(fleet)
    mesh: set[int] = set()
    for node in fleet.inventory.nodes:
        try:
            containers = fleet.of(node, Containers).containers
            ports = raise_if_unobservable(fleet.of(node, Facts).ports, node)
        except Unobservable as why:
            yield why
            continue
        for port in ports:
            if MESH not in port.programs or port.port not in mesh:
                yield from judged_port(fleet, port, containers, certificates, node)
            mesh |= {port.port} if MESH in port.programs else set()


def certificates_of(fleet: Fleet) -> tuple[Certificate, ...]:
    """The certificates of the inventory; empty where it says that there are none."""
    try:
        return fleet.inventory.section(Policy).certificates
    except NotApplicable:
        return ()


def judged_port(
    fleet: Fleet,
    port: TlsPort,
    containers: tuple[Container, ...],
    certificates: tuple[Certificate, ...],
    node: str,
) -> Iterator[Finding | Unobservable]:
    """The warning about one port; none where it is named and speaks TLS, or is a program's on the node without TLS.

    An Unobservable where it is not named and what it speaks could not be seen.
    """
    users = [container for container in containers if container.id in (*port.published, *port.containers)]
    who = ", ".join(dict.fromkeys(container.name for container in users)) or owner_in_words(port)
    named = is_named(fleet, port, users, certificates)
    if isinstance(port.speaks, Unobservable):
        if not named:
            yield Unobservable(
                f"what {who} serves on {port.port} could not be seen: {port.speaks.why}", port.speaks.hint, node
            )
    elif port.speaks == "TLS" and not named:
        yield warning(
            f"{who} serves TLS on {port.port}, and `certificates` does not name it",
            "every name that is served with TLS in the inventory",
            "what nobody wrote down nobody watches: its certificate ends as a surprise",
            node,
            "`fleetkeeper init` shows what is served; name it under `certificates`, or waive this",
        )
    elif port.speaks != "TLS" and (port.published or MESH in port.programs):
        yield warning(
            f"{who} publishes {port.port}, a port for TLS, and {ANSWERS.get(port.speaks, OTHERWISE)}",
            "TLS on ports that are for TLS",
            "clients that expect TLS fail there, and others send passwords in the clear",
            node,
            "see whether the service was meant to serve TLS there, or publish another port",
        )


def is_named(fleet: Fleet, port: TlsPort, users: list[Container], certificates: tuple[Certificate, ...]) -> bool:
    """Whether the inventory names a certificate for a port, by its number or by the service that serves it.

    The service counts where the certificate names no ports. So does any such one for port 443 of the swarm's mesh, of
    which no container is known. `users` are the containers behind the port.
    """
    services = fleet.inventory.services if isinstance(fleet.inventory.services, dict) else {}
    for certificate in certificates:
        service = services.get(certificate.service)
        serves = service is not None and any(container.belongs_to(service.name) for container in users)
        if port.port in certificate.ports or (serves and not certificate.ports):
            return True
        if MESH in port.programs and port.port == HTTPS and not certificate.ports:
            return True
    return False


def owner_in_words(port: TlsPort) -> str:
    """Who listens on a port of which no container is known, in words; never empty."""
    if MESH in port.programs:
        return "a service of the swarm"
    return ", ".join(port.programs) + " on the node" if port.programs else "a program that this account may not see"


def warning(saw: str, want: str, why: str, node: str, hint: str) -> Finding:
    """A warning about a port of a node."""
    return Finding(saw=saw, want=want, why=why, node=node, severity="warning", hint=hint)
