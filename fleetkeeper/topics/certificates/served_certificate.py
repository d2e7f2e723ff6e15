"""One certificate of the inventory in the facts: each container that serves it, its handshakes and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.nginx import Site, site_of
from fleetkeeper.readers.pki.chain_problems import load_chain
from fleetkeeper.readers.pki.names import is_for
from fleetkeeper.topics.certificates.facts import CertificateFile, ContainerFiles, Facts, Lineage, ServedCertificate
from fleetkeeper.topics.certificates.policy import Certificate, Policy
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.placement import seen_containers, service_of, unseen_nodes
from fleetkeeper.topics.services.idle_reasons import idle_reason
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_word

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

Said = Iterator[Finding | Unobservable]


@dataclass(frozen=True)
class View:
    """One certificate in one container that serves its name."""

    fleet: Fleet
    certificate: Certificate
    node: str
    container: Container
    facts: Facts

    @property
    def service(self) -> str:
        """The name of the container's service."""
        return self.container.service

    @property
    def handshakes(self) -> list[ServedCertificate]:
        """The handshakes with this container for this name, also failed ones: one for each port that was asked."""
        mine = self.facts.served
        return [
            served for served in mine if (served.name, served.container) == (self.certificate.name, self.container.id)
        ]

    @property
    def served(self) -> list[ServedCertificate]:
        """The handshakes that gave a certificate. Raises Unobservable when that of a port could not be seen."""
        return [handshake for handshake in self.handshakes if raise_if_unobservable(handshake.chain)]

    @property
    def inside(self) -> ContainerFiles:
        """The files about certificates in the container. Raises Unobservable when they could not be seen.

        That is so too when it was not looked into.
        """
        why = [files for files in self.facts.inside if isinstance(files, Unobservable)]
        files = [
            files
            for files in self.facts.inside
            if isinstance(files, ContainerFiles) and files.container == self.container.id
        ]
        if not files:
            raise why[0] if why else Unobservable("the container was not looked into")
        if files[0].unseen is not None:
            raise files[0].unseen
        return files[0]

    def about(self, served: ServedCertificate) -> str:
        """The label of one port of this name, as NAME:PORT."""
        return f"{self.certificate.name}:{served.port}"


def each_certificate(inventory: Inventory) -> Iterable[Subject]:
    """One subject for each name of the inventory's certificates.

    Raises NotApplicable with the reason where there are none.
    """
    return (Subject("certificate", certificate.name) for certificate in inventory.section(Policy).certificates)


def certificate_of(fleet: Fleet, subject: Subject) -> Certificate:
    """The inventory's entry for a subject of `each_certificate`.

    Raises NotApplicable with the reason where the inventory has no certificates. Raises StopIteration for a name that
    is not in it.
    """
    certificates = fleet.inventory.section(Policy).certificates
    return next(certificate for certificate in certificates if certificate.name == subject.name)


def each_view(fleet: Fleet, subject: Subject, judge: Callable[[View], Said]) -> Said:
    """The findings of `judge` about every container that serves the name.

    What cannot be seen of one, or of a node, is yielded as Unobservable, and hides no finding about another. A finding
    where all nodes were seen and no container runs. Raises NotApplicable where the inventory has no certificates.
    """
    certificate = certificate_of(fleet, subject)
    places = serving_containers(fleet, certificate)
    hidden = list(unseen_nodes(fleet))
    for node, container in places:
        try:
            yield from judge(View(fleet, certificate, node, container, fleet.of(node, Facts)))
        except Unobservable as why:
            yield replace(why, node=why.node or node)
    yield from hidden
    if not places and not hidden:
        yield nowhere(fleet, certificate)


def views_of(fleet: Fleet, certificate: Certificate) -> list[View]:
    """Every running container of the name's service; empty where none runs.

    Raises Unobservable while the containers of any node could not be seen, or what a node serves.
    """
    for why in unseen_nodes(fleet):
        raise why
    return [
        View(fleet, certificate, node, container, fleet.of(node, Facts))
        for node, container in serving_containers(fleet, certificate)
    ]


def serving_containers(fleet: Fleet, certificate: Certificate) -> list[tuple[str, Container]]:
    """The running containers of a certificate's service on the nodes that were seen, each after its node's name.

    Raises NotApplicable where the inventory has no such service.
    """
    name = service_of(fleet, certificate.service).name
    everywhere = ((seen_container.node, seen_container.container) for seen_container in seen_containers(fleet))
    return [(node, container) for node, container in everywhere if container.running and container.belongs_to(name)]


def nowhere(fleet: Fleet, certificate: Certificate) -> Finding:
    """The finding that no container of the certificate's service runs."""
    return Finding(
        saw=f"{certificate.name} is served nowhere: no container of {certificate.service} runs"
        + idle_reason(fleet, certificate.service),
        want=f"one running container of {certificate.service}",
        why="nobody reaches the site",
        about=certificate.name,
        hint="see services.are_running",
    )


def leaf_of(chain: Iterable[str]) -> x509.Certificate:
    """The first certificate of a chain. Raises Unobservable when it cannot be read."""
    return load_chain(list(chain)[:1])[0]


def fingerprint(chain: Iterable[str]) -> str:
    """The SHA-256 of the leaf, in hex. Raises Unobservable when the leaf cannot be read."""
    return leaf_of(chain).fingerprint(hashes.SHA256()).hex()


def lineages_of(view: View) -> list[Lineage]:
    """The lineages of certbot for the name: the one that the inventory names, else those whose leaf covers the name.

    Without any, the one that has the certificate's name. Empty where certbot has none of these. Raises Unobservable
    when the container's files were not seen, or a leaf cannot be read. In certbot's order.
    """
    matches = view.inside.lineages
    if view.certificate.lineage:
        return [lineage for lineage in matches if lineage.name == view.certificate.lineage]
    mine = [lineage for lineage in matches if lineage.chain and is_for(leaf_of(lineage.chain), view.certificate.name)]
    return mine or [lineage for lineage in matches if lineage.name == view.certificate.name]


def newest_lineage(lineages: Iterable[Lineage]) -> Lineage | None:
    """The lineage whose certificate ends last; one without a certificate on disk only when there is no other.

    None when there is none at all. Raises Unobservable when a leaf cannot be read.
    """
    ranked = sorted(
        lineages, key=lambda lineage: leaf_of(lineage.chain).not_valid_after_utc.timestamp() if lineage.chain else 0.0
    )
    return ranked[-1] if ranked else None


def answering(view: View, served: ServedCertificate) -> Site | None:
    """The site of nginx that answers for the name on this port.

    None where that is not known: without nginx, or where it refuses its configuration. Raises Unobservable when the
    container's files were not seen.
    """
    server = view.inside.nginx
    if server is None or server.broken:
        return None
    return site_of(server.sites, view.certificate.name, served.inside or served.port)


def configured(view: View, served: ServedCertificate) -> list[CertificateFile] | None:
    """The files with the certificate for the name on this port, as nginx or the inventory names them.

    None where neither names one. Raises Unobservable when such a file was not seen.
    """
    files = {file.path: file for file in view.inside.files}
    for path in paths(view, served):
        if path not in files:
            how = "nginx picks the file by a variable" if "$" in path else f"{path} was not read"
            raise Unobservable(f"{how}: {directive(view, served)}".rstrip(": "), node=view.node)
    return [files[path] for path in paths(view, served)] or None


def paths(view: View, served: ServedCertificate) -> tuple[str, ...]:
    """The paths of the files with the certificate for the name on this port: the inventory's `file`, else nginx' own.

    Empty where neither names one. Raises Unobservable as `answering` does.
    """
    if view.certificate.file:
        return (view.certificate.file,)
    site = answering(view, served)
    return site.certificates if site else ()


def directive(view: View, served: ServedCertificate) -> str:
    """The directive of nginx that names the certificate, and its place; empty where that is not known."""
    try:
        site = answering(view, served)
    except Unobservable:
        return ""
    if site is None or not site.certificates:
        return ""
    where = f" in {site.places[0]}" if site.places else ""
    return f"`ssl_certificate {shown_word(site.certificates[0])};`{where}"


def served_path(view: View, served: ServedCertificate, lineage: Lineage) -> str:
    """The path of the file that nginx serves; certbot's own where none is named.

    Raises Unobservable as `configured` does.
    """
    files = configured(view, served)
    return files[0].path if files else lineage.path
