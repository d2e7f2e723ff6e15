"""The causes that are worth an issue after a whole audit: each open error, and each reason why a node is dark, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from fleetkeeper.judging.acceptance import waiver_covers
from fleetkeeper.judging.finding import Finding
from fleetkeeper.reports.history import DIGITS, Changes, digest, open_findings

if TYPE_CHECKING:
    from fleetkeeper.inventory.schema import Waiver
    from fleetkeeper.reports.results_schema import Dark, Found, Judged

NAMED_KINDS = frozenset({"service", "volume", "fleet"})
"""Kinds of subjects whose names are no host's and nobody's: those of an inventory's services and volumes, its own."""

DARK = "dark "
"""How the key of a dark node's cause begins: no finding's does."""


@dataclass(frozen=True)
class Cause:
    """One thing for a person to mend. `key` is the same at the next audit; `level` is "error" or "warning".

    `since` is when it began (ISO 8601, UTC; empty where that is not remembered): another one when it comes back.
    `title` and `tags` may be shown to anybody who may see the issue. `details` name hosts and hold what servers said.
    """

    key: str
    title: str
    level: str
    tags: dict[str, str]
    details: dict[str, str] = field(default_factory=dict)
    since: str = ""


def open_causes(changes: Changes, items: Iterable[Judged], waivers: Sequence[Waiver] = ()) -> list[Cause]:
    """The causes that a whole audit of an inventory saw: errors that are not waived, then nodes that are dark.

    `waivers` are the inventory's: a cause says which one has ended.
    """
    mine = [item for item in items if item["inventory"] == changes.inventory]
    since = {finding.key: finding.since for finding in (*changes.new, *changes.newly_judged, *changes.old)}
    pairs = [(item, finding) for item in mine for finding in item["findings"] if not finding["waived"]]
    keys = (finding.key for finding in open_findings(mine))
    causes: dict[str, Cause] = {}
    for key, (item, finding) in zip(keys, pairs, strict=True):
        if is_error(finding):
            cause = with_ended_waiver(finding_cause(key, item, finding), finding, waivers)
            causes[key] = replace(cause, since=since.get(key, ""))
    for item in mine:
        for why in item["unknown"]:
            cause = dark_cause(why)
            causes.setdefault(cause.key, cause)
    return list(causes.values())


def is_error(finding: Found) -> bool:
    """Whether a finding fails an audit: warnings are worth no issue."""
    return finding["severity"] == "error"


def finding_cause(key: str, item: Judged, finding: Found) -> Cause:
    """The cause that a finding is."""
    subject = public_name(item["kind"], item["subject"])
    tags = {"rule": finding["rule"], "subject": subject, "owner": finding.get("owner", "")}
    names = ("subject", "node", "about", "saw", "want", "why", "hint")
    details = {name: str(finding.get(name, "")) for name in names}
    return Cause(key, f"{finding['rule']} [{subject}]: {item['promise']}", "error", tags, details)


def with_ended_waiver(cause: Cause, finding: Found, waivers: Iterable[Waiver]) -> Cause:
    """The cause, with the last day of the first waiver that covers its finding; since that is open, it has ended."""
    names = {name: finding.get(name, "") for name in ("rule", "subject", "node", "about")}
    judged = Finding("", "", cis=tuple(finding.get("cis", ())), **cast("dict[str, Any]", names))
    for waiver in waivers:
        if waiver_covers(waiver, judged) and not waiver.lacks_reason:
            ended = {"waiver": f"{waiver.owner} accepted it until {waiver.until}: {waiver.because}"}
            tags = {**cause.tags, "waiver_ended": str(waiver.until)}
            return replace(cause, tags=tags, details={**cause.details, **ended})
    return cause


def dark_cause(why: Dark) -> Cause:
    """The cause that a node is dark for one reason: whatever it hides, it is one."""
    key = DARK + digest(("dark", why["node"], DIGITS.sub("#", why["cause"])))
    node = public_name("node", why["node"]) if why["node"] else "something"
    tags = {"rule": "unknown", "subject": node, "owner": why.get("owner", "")}
    details = {name: str(why.get(name, "")) for name in ("node", "cause", "why", "hint")}
    return Cause(key, f"{node} could not be looked at", "warning", tags, details)


def public_name(kind: str, name: str) -> str:
    """The name of a subject if it is no host's, else its kind and a digest by which it is told from others.

    >>> public_name("service", "celery"), public_name("node", "vgpu.example.org")
    ('celery', 'node 9a9743')
    """
    return name if kind in NAMED_KINDS else f"{kind} {digest([kind, name])[:6]}"


def ended_causes(changes: Changes, keys: Iterable[str], causes: Iterable[Cause]) -> dict[str, str]:
    """The keys of those causes that a whole audit has seen to be over, each with the reason.

    A finding is over when the history has it no more: what could not be judged again is still in it. Without a history
    nothing is over. A dark node is when it was looked at again.
    """
    if not changes.previous:
        return {}
    findings = (*changes.new, *changes.newly_judged, *changes.old, *changes.unseen)
    present = {finding.key for finding in findings} | {cause.key for cause in causes}
    reasons = {finding.key: "accepted by a waiver" for finding in changes.waived}
    reasons |= {finding.key: "no longer asked for by the inventory" for finding in changes.dropped}
    reasons |= {key: "looked at again" for key in keys if key.startswith(DARK)}
    return {key: reasons.get(key, "judged again without it") for key in keys if key not in present}
