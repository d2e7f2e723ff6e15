"""The ports of a node where a name may be served, the commands that ask there, and the parsed answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers import tls_handshakes
from fleetkeeper.topics.certificates import node_commands
from fleetkeeper.topics.certificates.facts import ServedCertificate
from fleetkeeper.topics.certificates.policy import Certificate
from fleetkeeper.topics.containers.facts import Container, Port
from fleetkeeper.transport.commands import Command, Output, Unobservable

T = TypeVar("T")
HTTP = 80
HTTPS = 443
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 - Docker's words, nothing is bound


@dataclass(frozen=True)
class TlsEndpoint:
    """One port of one container that may serve a name: on the node (`host`, `port`) and in the container (`inside`)."""

    certificate: Certificate
    container: str
    host: str
    port: int
    inside: int

    @property
    def options(self) -> tuple[str, ...]:
        """The options of s_client for its certificate."""
        return options(self.certificate)


@dataclass(frozen=True)
class Probe:
    """One question about one endpoint. `kind` is `now` (a handshake), `old` (one below TLS 1.2) or `headers`."""

    place: TlsEndpoint
    kind: str = "now"

    def command(self, where: str) -> Command:
        """The command that asks `where` (ADDRESS:PORT) for what `kind` says. It only builds the command."""
        if self.kind == "headers":
            return node_commands.headers(where, self.place.certificate.name, self.place.options)
        if self.kind == "now":
            return node_commands.handshake(where, self.place.options)
        return node_commands.old_handshake(where, self.place.options)

    @property
    def on_node(self) -> Command:
        """The command that asks the published port on the node. It only builds the command."""
        host = f"[{self.place.host}]" if ":" in self.place.host else self.place.host
        return self.command(f"{host}:{self.place.port}")

    @property
    def in_container(self) -> Command:
        """The command that asks inside the container, for a node without openssl."""
        return node_commands.in_container(self.place.container, self.command(f"127.0.0.1:{self.place.inside}"))


def options(certificate: Certificate) -> tuple[str, ...]:
    """The options of s_client for a certificate: server name and STARTTLS.

    Clients do not send a server name for an IP address (RFC 6066, 3).
    """
    name = ("-noservername",) if is_ip(certificate.name) else ("-servername", certificate.name)
    return (*name, *(("-starttls", certificate.starttls) if certificate.starttls else ()))


def is_ip(name: str) -> bool:
    """Whether a name is an IP address (of version 4 or 6)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def tls_endpoints(container: Container, certificates: Iterable[Certificate]) -> Iterator[TlsEndpoint]:
    """The ports to ask for each name: those of the policy, else the TCP ports that the container publishes, else 443.

    A published port 80 is not among them. `host` is the address on which the container publishes it.
    """
    published = {port.host: port for port in container.ports if port.host and port.protocol == "tcp"}
    for certificate in certificates:
        guessed = [port for port in published if port != HTTP] or [HTTPS]
        for number in certificate.ports or guessed:
            port = published.get(number, Port(number, host=number))
            yield TlsEndpoint(
                certificate, container.id, EVERYWHERE.get(port.host_ip, port.host_ip), number, port.container
            )


def probes_of(endpoint: TlsEndpoint) -> list[Probe]:
    """The questions about one endpoint: a handshake, an old one, and headers where the policy wants HSTS."""
    kinds = ["now", "old", *(["headers"] if endpoint.certificate.hsts else [])]
    return [Probe(endpoint, kind) for kind in kinds]


def challenge_commands(endpoints: Sequence[TlsEndpoint], containers: Iterable[Container]) -> dict[str, Command]:
    """By name, the command that requests an ACME challenge from port 80 (RFC 8555, 8.3).

    The address is the one on which the container publishes port 80, else the node's own.
    """
    ports = {
        container.id: next(
            (p for p in container.ports if p.host == HTTP and p.protocol == "tcp"), Port(HTTP, host=HTTP)
        )
        for container in containers
    }
    matches: dict[str, Command] = {}
    for endpoint in endpoints:
        address = ports[endpoint.container].host_ip
        name = endpoint.certificate.name
        matches[name] = node_commands.challenge(name, EVERYWHERE.get(address, address), HTTP)
    return matches


def served(endpoint: TlsEndpoint, questions: Mapping[Command, Output]) -> ServedCertificate:
    """The parsed answers about one endpoint; those from inside the container take the place of those from the node.

    `questions` are outputs by command, with one for each probe of the endpoint. A lost answer is Unobservable in its
    own fields, a lost handshake in all: none is raised.
    """
    answer: dict[str, Output] = {}
    for probe in probes_of(endpoint):
        answer[probe.kind] = questions.get(probe.in_container) or questions[probe.on_node]
    made = ServedCertificate(
        endpoint.certificate.name, endpoint.container, endpoint.port, endpoint.host, endpoint.inside
    )
    return answer_of_endpoint(made, answer)


def answer_of_endpoint(handshake: ServedCertificate, answer: Mapping[str, Output]) -> ServedCertificate:
    """The handshake with what the other answers about its port show; `answer` holds outputs by kind.

    An answer that cannot be parsed is Unobservable in its own fields only, but for the handshake (`now`): without it
    all fields are. Where the server refused that, `refused` and `said` say why, and nothing else is filled in.
    """
    sentence = or_why(lambda: tls_handshakes.handshake(answer["now"]))
    if isinstance(sentence, Unobservable):
        return with_fields(handshake, chain=sentence, old=sentence, hsts=sentence)
    chain, protocol = sentence
    if not chain:
        text = tls_handshakes.printed(answer["now"])
        why = or_why(lambda: tls_handshakes.refusal_kind(text))
        if isinstance(why, Unobservable):
            return with_fields(handshake, chain=why, old=why, hsts=why)
        return with_fields(handshake, refused=why, said=tls_handshakes.openssl_error(text))
    old = or_why(lambda: tls_handshakes.old_protocols(answer["old"])) if "old" in answer else ()
    hsts = or_why(lambda: tls_handshakes.max_age(answer["headers"])) if "headers" in answer else None
    return with_fields(handshake, chain=chain, protocol=protocol, old=old, hsts=hsts)


def with_fields(served: ServedCertificate, **seen: Any) -> ServedCertificate:
    """A copy of the result with other values in these fields."""
    return ServedCertificate(**{**vars(served), **seen})
