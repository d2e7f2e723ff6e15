"""Remedies for what is served: renew once, or reload. What certbot cannot mend is told to a person.

A swarm task is never restarted for a certificate: a reload that does not help is for a person.
"""

from __future__ import annotations

from fleet.facts import Fleet, seen
from fleet.rules import Finding
from fleet.topics.certificates import chain
from fleet.topics.certificates.facts import Lineage, Served
from fleet.topics.certificates.validity import case_of
from fleet.topics.certificates.views import (
    View,
    configured,
    fingerprint,
    leaf_of,
    lineages,
    newest,
)
from remediate.plan import ForAPerson, Plan
from remediate.remedies.certbot import There
from remediate.remedies.renewal import Answer, first_issue, not_reloadable, registering, view_of

RELOAD = "a reload of nginx: open connections are served to their end"
NOT_UNDONE = "a renewal and a reload cannot be undone, and need not be: the old certificate stays in its archive"


def renew(finding: Finding, fleet: Fleet) -> Answer:
    """Renew a certificate that has ended or soon will, once; or reload, where a good one lies on disk already.

    Other faults of a certificate (its name, its chain, its issuer, its key) are not mended by renewing it.
    """
    view = view_of(finding, fleet)
    if isinstance(view, ForAPerson):
        return view
    served = port_of(view, finding)
    if served is None or not seen(served.chain):
        return ForAPerson("it is not a certificate that is served, and could be renewed", finding.hint)
    if refused := not_reloadable(view):
        return refused
    if (path := good_on_disk(view, served)) is not None:
        return reloading(view, served, path)
    lineage = newest(lineages(view))
    leaf = leaf_of(seen(served.chain))
    due = ended(view, served) or chain.left(leaf, fleet.looked_at) < chain.least(leaf, view.certificate.min_left)
    if not due:
        return ForAPerson("renewing it would not mend this", finding.hint)
    return renewal(view, served, lineage, finding)


def renewal(view: View, served: Served, lineage: Lineage | None, finding: Finding) -> Answer:
    """The plan that renews, when certbot can."""
    if not view.inside.certbot:
        return ForAPerson(f"there is no certbot in {view.service}", finding.hint)
    if lineage is None:
        return first_issue(view, finding)
    if not lineage.configured:
        return ForAPerson(f"certbot has lost the renewal configuration of {lineage.name}", finding.hint)
    account = registering(view, lineage) if not lineage.account_found else None
    if isinstance(account, ForAPerson):
        return account
    path = served_path(view, served, lineage)
    if path != lineage.path:
        return ForAPerson(
            f"nginx serves {path}, which certbot does not renew (it renews {lineage.path})",
            "let `ssl_certificate` and `ssl_certificate_key` name the files under /etc/letsencrypt/live, then reload",
        )
    there = There(view)
    words = ("renew", "--cert-name", lineage.name, "--no-random-sleep-on-renew", "--non-interactive")
    return Plan(
        steps=(
            *([account[0]] if account else []),
            there.certbot(
                *words,
                says=f"renew {lineage.name} if it is due, one attempt (certbot renew --cert-name {lineage.name})",
            ),
            *there.reload(served, path),
        ),
        disturbs=("reload",),
        disturbance=RELOAD,
        undo=NOT_UNDONE,
        success="what is served is valid and far from its end, on a fresh look",
        requires=(there.still_served(served), *([account[1]] if account else []), there.no_other_certbot()),
    )


def reload(finding: Finding, fleet: Fleet) -> Answer:
    """Serve what lies on disk: test the configuration, reload, compare."""
    view = view_of(finding, fleet)
    if isinstance(view, ForAPerson):
        return view
    if refused := not_reloadable(view):
        return refused
    served = port_of(view, finding)
    path = good_on_disk(view, served) if served else None
    if served is None or path is None:
        return ForAPerson("what lies on disk is no better than what is served", finding.hint)
    return reloading(view, served, path)


def reloading(view: View, served: Served, path: str) -> Plan:
    there = There(view)
    return Plan(
        steps=there.reload(served, path),
        disturbs=("reload",),
        disturbance=RELOAD,
        undo="a reload cannot be undone, and need not be: it reads the files that are there",
        success="what is served is what lies on disk, on a fresh look",
        requires=(there.still_served(served),),
    )


def port_of(view: View, finding: Finding) -> Served | None:
    return next((one for one in view.handshakes if view.about(one) == finding.about), None)


def ended(view: View, served: Served) -> bool:
    problems = chain.problems(chain.load(seen(served.chain)), case_of(view.fleet, view.certificate))
    return any(one.kind == "expired" for one in problems)


def served_path(view: View, served: Served, lineage: Lineage) -> str:
    """The file that nginx is told to serve; certbot's own where that cannot be told."""
    files = configured(view, served)
    return files[0].path if files else lineage.path


def good_on_disk(view: View, served: Served) -> str | None:
    """The configured file, when it holds another certificate than is served, and one that a client would take."""
    for file in configured(view, served) or []:
        if not file.chain or fingerprint(file.chain) == fingerprint(seen(served.chain)):
            continue
        leaf = leaf_of(file.chain)
        far = chain.left(leaf, view.fleet.looked_at) >= chain.least(leaf, view.certificate.min_left)
        if far and not chain.problems(chain.load(file.chain), case_of(view.fleet, view.certificate)):
            return file.path
    return None
