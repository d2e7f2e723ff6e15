"""Remedies for what is served: renew or replace once, or reload. What certbot cannot mend is left to a person.

A swarm task is never restarted for a certificate: a reload that does not help is for a person.
"""

from __future__ import annotations

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.pki import chain_problems
from fleetkeeper.topics.certificates.facts import Lineage, ServedCertificate
from fleetkeeper.topics.certificates.policy import Acme
from fleetkeeper.topics.certificates.rules.validity import WANT_KEY, case_of
from fleetkeeper.topics.certificates.served_certificate import (
    View,
    configured,
    leaf_of,
    lineages_of,
    newest_lineage,
    served_path,
)
from remediate.plan import ForAPerson, Plan
from remediate.remedies.certificates.certbot import NOT_UNDONE, RELOADED, ServingContainer
from remediate.remedies.certificates.reissue import OTHERWISE, new_key, points_to, reissue_plan
from remediate.remedies.certificates.renewal import Answer, not_reloadable, registration_step, view_of


def renew_certificate(finding: Finding, fleet: Fleet) -> Answer:
    """Renew what has ended or soon will, once; replace what no client takes, where the inventory says how; or reload.

    What is served from a file that is not certbot's is told to a person, with the line of nginx' configuration.
    Disturbs: a reload of nginx. Way back: none is needed; the old certificate stays in certbot's archive.

    Raises Unobservable when the container, the port or a file was not seen.
    """
    view = view_of(finding, fleet)
    if isinstance(view, ForAPerson):
        return view
    if finding.want == WANT_KEY:
        return new_key(view, finding)
    served = served_port(view, finding)
    if served is None or not raise_if_unobservable(served.chain):
        return ForAPerson("it is not a certificate that is served, and could be renewed", finding.hint)
    return not_reloadable(view) or replacement_plan(view, served, finding)


def replacement_plan(view: View, served: ServedCertificate, finding: Finding) -> Answer:
    """The plan: serve what is on disk, if it is good; else renew what is due, or replace what that would not mend.

    `served` must have a chain. Raises Unobservable. That is so when the files or the port were not seen.
    """
    if (path := good_on_disk(view, served)) is not None:
        return reload_plan(view, served, path)
    now, mine = view.fleet.looked_at, view.certificate
    kinds = {
        problem.kind
        for problem in chain_problems.chain_problems(
            chain_problems.load_chain(raise_if_unobservable(served.chain)), case_of(view.fleet, mine)
        )
    }
    leaf, lineage = leaf_of(raise_if_unobservable(served.chain)), newest_lineage(lineages_of(view))
    due = "expired" in kinds or chain_problems.time_left(leaf, now) < chain_problems.least_time_left(
        leaf, mine.min_left
    )
    if due and lineage and not (kinds & OTHERWISE and isinstance(mine.acme, Acme)):
        return renewal_plan(view, served, lineage, finding)
    return reissue_plan(view, served, kinds, finding)


def renewal_plan(view: View, served: ServedCertificate, lineage: Lineage, finding: Finding) -> Answer:
    """The plan that renews the lineage and reloads nginx; or why certbot cannot. Raises Unobservable.

    Not: without certbot, its configuration or an account that may be registered, and for a file that certbot does not
    renew.
    """
    if not view.inside.certbot:
        return ForAPerson(f"there is no certbot in {view.service}", finding.hint)
    if not lineage.configured:
        return ForAPerson(f"certbot has lost the renewal configuration of {lineage.name}", finding.hint)
    account = registration_step(view, lineage) if not lineage.account_found else None
    if isinstance(account, ForAPerson):
        return account
    path = served_path(view, served, lineage)
    if path != lineage.path:
        return ForAPerson(
            f"nginx serves {path}, which certbot does not renew (it renews {lineage.path})",
            points_to(view, served, lineage),
        )
    server = ServingContainer(view)
    words = ("renew", "--cert-name", lineage.name, "--no-random-sleep-on-renew", "--non-interactive")
    return Plan(
        steps=(
            *([account[0]] if account else []),
            server.certbot(*words, says=f"renew {lineage.name} if it is due"),
            *server.reload(served, path),
        ),
        disturbs=("reload",),
        disturbance=RELOADED,
        undo=NOT_UNDONE,
        success="what is served is valid and far from its end, on a fresh look",
        requires=(server.still_served(served), *([account[1]] if account else []), server.no_other_certbot()),
    )


def reload_nginx(finding: Finding, fleet: Fleet) -> Answer:
    """Serve what lies on disk: test the configuration, reload, compare.

    Disturbs: a reload of nginx, which serves open connections to their end. Way back: none is needed. A person must act
    when nginx refuses its configuration, or what lies on disk is no better.

    Raises Unobservable when the container, the port or a file was not seen.
    """
    view = view_of(finding, fleet)
    if isinstance(view, ForAPerson):
        return view
    if refused := not_reloadable(view):
        return refused
    served = served_port(view, finding)
    path = good_on_disk(view, served) if served else None
    if served and path:
        return reload_plan(view, served, path)
    lineage = newest_lineage(lineages_of(view))
    if served and lineage and served_path(view, served, lineage) != lineage.path:
        return ForAPerson("nginx is configured to serve another file", points_to(view, served, lineage))
    return ForAPerson("what lies on disk is no better than what is served", finding.hint)


def reload_plan(view: View, served: ServedCertificate, path: str) -> Plan:
    """The plan that reloads nginx so that it serves the file `path`. Raises Unobservable as `still_served` does."""
    server = ServingContainer(view)
    return Plan(
        steps=server.reload(served, path),
        disturbs=("reload",),
        disturbance=RELOADED,
        undo="a reload cannot be undone, and need not be: it reads the files that are there",
        success="what is served is what lies on disk, on a fresh look",
        requires=(server.still_served(served),),
    )


def served_port(view: View, finding: Finding) -> ServedCertificate | None:
    """The handshake with the port that the finding is about; None when the look has none."""
    return next((handshake for handshake in view.handshakes if view.about(handshake) == finding.about), None)


def good_on_disk(view: View, served: ServedCertificate) -> str | None:
    """The path of the first configured file with another chain than is served, and a good one; None without one.

    Good is what a client accepts, and far enough from its end. Raises Unobservable when the files were not seen.
    """
    for file in configured(view, served) or []:
        if not file.chain or file.chain == served.chain:
            continue
        leaf = leaf_of(file.chain)
        far = chain_problems.time_left(leaf, view.fleet.looked_at) >= chain_problems.least_time_left(
            leaf, view.certificate.min_left
        )
        if far and not chain_problems.chain_problems(
            chain_problems.load_chain(file.chain), case_of(view.fleet, view.certificate)
        ):
            return file.path
    return None
