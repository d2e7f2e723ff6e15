"""The names that are served with TLS: from the web server's configuration, certbot's lineages, and a handshake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from fleetkeeper.commands.init.dump_listings import Ask, hint_of
from fleetkeeper.inventory.survey_results import FoundService, ServedSite
from fleetkeeper.readers import tls_handshakes
from fleetkeeper.readers.pki.chain_problems import read_certificates
from fleetkeeper.readers.pki.names import common_name, dns_names
from fleetkeeper.topics.certificates import node_commands
from fleetkeeper.topics.certificates.facts import ContainerFiles
from fleetkeeper.topics.certificates.parse import parse
from fleetkeeper.topics.certificates.policy import HostName
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.transport.commands import Unobservable

HTTPS = 443
LOCAL = ("localhost", "_")
NAMES: TypeAdapter[str] = TypeAdapter(HostName)


@dataclass(frozen=True)
class TlsContainer:
    """A container that may serve TLS, and the port of the node on which it does (0: none is published)."""

    place: Placement
    service: FoundService
    port: int


def serving(places: Sequence[Placement], services: Sequence[FoundService]) -> Iterator[TlsContainer]:
    """The running containers that have a web server, or that publish port 443.

    With its service; those of no service are left out. A container may come twice.
    """
    for placement in places:
        for service in services:
            if placement.container.running and placement.container.belongs_to(service.name):
                port = published(placement)
                if service.web or port:
                    yield TlsContainer(placement, service, port)


def published(placement: Placement) -> int:
    """The port of the node that leads to 443 in the container, else 443 of the node itself.

    0 when neither is published.
    """
    ports = [port for port in placement.container.ports if port.host and port.protocol == "tcp"]
    return next((port.host for port in ports if HTTPS in (port.container, port.host) and port.host), 0)


def sites_of(servers: Sequence[TlsContainer], ask: Ask, unseen: list[str]) -> list[ServedSite]:
    """Each name that these containers are configured for, or serve, once: with what one of them serves for it now.

    `ask` runs commands on a node; `unseen` gets a sentence for each container that could not be looked into.
    """
    sites: dict[str, ServedSite] = {}
    for server in servers:
        names, foreign = site_names(server, ask, unseen)
        for name in names:
            if name not in sites or not sites[name].until:  # a later container may serve what an earlier one does not
                sites[name] = replace(served(server, name, ask), foreign=foreign)
    return list(sites.values())


def site_names(server: TlsContainer, ask: Ask, unseen: list[str]) -> tuple[list[str], bool]:
    """The names for which a container has a certificate; where it has none, the names in the one that it serves.

    And whether it was seen to have neither nginx nor files of certbot. Adds a line to `unseen` where the container
    could not be looked into.
    """
    foreign = False
    try:
        [answer] = ask(server.place.node, [node_commands.look_inside(server.place.container.id)])
        inside = parse(answer.text(), server.place.container.id, server.service.key)
    except Unobservable as why:
        unseen.append(
            f"{server.place.node}: {server.place.container.name} could not be looked into: {why.why}{hint_of(why)}"
        )
        inside = ContainerFiles(server.place.container.id, server.service.key)
    else:
        foreign = inside.nginx is None and not inside.lineages
    return configured(inside) or names_without_sni(server, ask), foreign


def configured(inside: ContainerFiles) -> list[str]:
    """The names of sites that serve TLS, and those in certbot's lineages, without wildcards and catch-alls.

    Each once; empty without any.
    """
    names = [name for site in inside.nginx.sites for name in site.names] if inside.nginx else []
    lineages = [name for lineage in inside.lineages for pem in lineage.chain[:1] for name in alternative(pem)]
    return [name for name in dict.fromkeys([*names, *lineages]) if is_valid_name(name)]


def names_without_sni(server: TlsContainer, ask: Ask) -> list[str]:
    """The names in the certificate that is served to a client that sends no server name; empty where none is served."""
    chain = handshake_chain(server, ("-noservername",), ask)
    return [name for name in alternative(chain[0]) if is_valid_name(name)] if chain else []


def is_valid_name(name: str) -> bool:
    """Whether it is a host name that an inventory accepts, and not `localhost`."""
    try:
        return name not in LOCAL and NAMES.validate_python(name) == name
    except ValidationError:
        return False


def alternative(pem: str) -> list[str]:
    """The DNS names of a PEM certificate (RFC 5280, 4.2.1.6); empty when it has none or cannot be read."""
    try:
        return list(dns_names(read_certificates(pem)))
    except Unobservable:
        return []


def handshake_chain(server: TlsContainer, options: tuple[str, ...], ask: Ask) -> tuple[str, ...]:
    """The chain of one handshake, made on the node itself, as PEM; empty when there is none, or it was not seen.

    `options` are further words for s_client.
    """
    if not server.port:
        return ()
    try:
        [answer] = ask(server.place.node, [node_commands.handshake(f"127.0.0.1:{server.port}", options)])
        return tls_handshakes.handshake(answer)[0]
    except Unobservable:
        return ()


def served(server: TlsContainer, name: str, ask: Ask) -> ServedSite:
    """A name with issuer and end of the certificate that is served for it now; else with a note why there are none."""
    chain = handshake_chain(server, ("-servername", name), ask)
    if not chain:
        return ServedSite(name, server.service.key, note="nothing is served for it on 443 now")
    try:
        leaf = read_certificates(chain[0])
    except Unobservable as why:
        return ServedSite(name, server.service.key, note=why.why)
    return ServedSite(name, server.service.key, common_name(leaf.issuer), f"{leaf.not_valid_after_utc:%Y-%m-%d}")
