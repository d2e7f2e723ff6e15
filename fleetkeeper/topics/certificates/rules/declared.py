"""The rule that every name that is served and every lineage that is renewed is in the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.nginx import Site, matches_server_name
from fleetkeeper.readers.pki.names import alternatives, covers
from fleetkeeper.topics.certificates.facts import ContainerFiles, Facts, Lineage
from fleetkeeper.topics.certificates.policy import Policy
from fleetkeeper.topics.certificates.served_certificate import leaf_of
from fleetkeeper.topics.containers.placement import service_of, unseen_nodes
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


def each_serving_service(inventory: Inventory) -> Iterable[Subject]:
    """The services that certificates name, as subjects.

    Raises NotApplicable with the reason where there are no certificates.
    """
    keys = dict.fromkeys(certificate.service for certificate in inventory.section(Policy).certificates)
    return (Subject("service", key) for key in keys)


def are_in_the_inventory(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every name that is served with TLS, and every certificate that certbot keeps, is in the inventory.

    What nobody wrote down nobody watches: its end comes as a surprise. nginx' sites and certbot's lineages in the
    containers of the service are held against the names under `certificates`. Findings are warnings. A node or
    container that was not seen is unknown, and so is a site whose names cannot be compared. The runbook does not ask
    for this: it is an addition of this project.
    """
    certificates = fleet.inventory.section(Policy).certificates
    names = [name for certificate in certificates for name in (certificate.name, *further_names(certificate.acme))]
    lineages = {certificate.lineage for certificate in certificates if certificate.lineage}
    service_of(fleet, subject.name)
    for node in fleet.inventory.nodes:
        try:
            facts = fleet.of(node, Facts)
        except Unobservable as why:
            yield why
            continue
        for inside in facts.inside:
            if isinstance(inside, Unobservable):
                yield inside
            elif inside.service == subject.name and inside.unseen is not None:
                yield replace(inside.unseen, node=inside.unseen.node or node)
            elif inside.service == subject.name:
                yield from strangers(inside, names, lineages, node)
    yield from unseen_nodes(fleet)


def further_names(acme: object) -> tuple[str, ...]:
    """The further names that an `acme` section asks for in the same certificate; empty without such a section."""
    return getattr(acme, "names", ())


def strangers(
    inside: ContainerFiles, names: list[str], lineages: set[str], node: str
) -> Iterator[Finding | Unobservable]:
    """A warning for each lineage and each site in one container that the inventory does not mention.

    `names` and `lineages` are those of the inventory. Sites that are only a catch-all, `localhost` or a regular
    expression are left out. An Unobservable where a site's names cannot be compared. Raises Unobservable when the
    certificate of a lineage cannot be read.
    """
    for lineage in inside.lineages:
        if lineage.name not in lineages and not is_known(lineage_names(lineage), names):
            yield warning(
                f"certbot keeps a certificate for {', '.join(lineage_names(lineage))[:200]} "
                "that the inventory does not mention",
                lineage.name,
                node,
            )
    for site in inside.nginx.sites if inside.nginx else ():
        try:
            known = not requestable_names(site) or site_matches(site, names)
        except Unobservable as why:
            yield replace(why, node=node)
            continue
        if not known:
            yield warning(
                f"nginx serves {', '.join(requestable_names(site))[:200]}, which the inventory does not mention",
                requestable_names(site)[0],
                node,
            )


def lineage_names(lineage: Lineage) -> tuple[str, ...]:
    """The names in the certificate of a lineage; without one on disk, the lineage's own name.

    Raises Unobservable when that certificate cannot be read.
    """
    return alternatives(leaf_of(lineage.chain)) if lineage.chain else (lineage.name,)


def requestable_names(site: Site) -> tuple[str, ...]:
    """The names of a site that a client can ask for: no catch-all, `localhost` or regular expression."""
    return tuple(name for name in site.names if name not in ("_", "", "localhost") and not name.startswith("~"))


def site_matches(site: Site, names: Iterable[str]) -> bool:
    """Whether nginx answers for one of the names with this site.

    Raises Unobservable where that depends on a regular expression that is not evaluated here.
    """
    patterns = sorted(site.names, key=lambda pattern: pattern.startswith("~"))
    return any(matches_server_name(pattern, name) for pattern in patterns for name in names)


def is_known(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """Whether one of the inventory's names is covered by one of `patterns`, which may have wildcards."""
    return any(covers(pattern, name) for pattern in patterns for name in names)


def warning(saw: str, about: str, node: str) -> Finding:
    """The warning about a name or lineage (`about`) that the inventory does not mention."""
    return Finding(
        saw=saw,
        want="each of them under `certificates` in the inventory",
        why="nobody is warned before it expires",
        node=node,
        about=about,
        severity="warning",
        hint="add it, or remove it: `certbot delete --cert-name NAME`",
    )
