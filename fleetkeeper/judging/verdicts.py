"""The one place where findings, waivers and what could not be seen become an outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.transport.commands import Unobservable, unknown_by_bug


class Outcome(Enum):
    """The five outcomes, with pytest's own word for each."""

    HOLDS = "passed"
    FINDING = "failed"
    UNKNOWN = "error"
    NOT_APPLICABLE = "skipped"
    WAIVED = "xfailed"


@dataclass(frozen=True)
class Verdict:
    """What a rule says about one subject. `waived` pairs a finding with the waiver that accepts it."""

    rule: Rule
    subject: Subject
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    waived: tuple[tuple[Finding, Waiver], ...] = ()
    unknown: tuple[Unobservable, ...] = ()
    not_applicable: str = ""

    @property
    def outcome(self) -> Outcome:
        """An unwaived finding beats unknown, unknown beats waived: unknown is never green."""
        if self.findings:
            return Outcome.FINDING
        if self.unknown:
            return Outcome.UNKNOWN
        if self.not_applicable:
            return Outcome.NOT_APPLICABLE
        return Outcome.WAIVED if self.waived else Outcome.HOLDS


NOTHING = "nothing"
"""The kind of a subject that stands where there is nothing to judge; its name says why."""


def subjects_of(rule: Rule, inventory: Inventory, limit: Collection[str] = ()) -> Sequence[Subject]:
    """What a rule judges in an inventory; of nodes, only those of `limit` (empty: all).

    Where the inventory has nothing for the rule, one subject that says why: never silence.
    """
    try:
        subjects = tuple(rule.each(inventory))
    except NotApplicable as why:
        return (Subject(NOTHING, str(why)),)
    if not subjects:
        return (Subject(NOTHING, f"{inventory.name} names nothing that this is about"),)
    return [subject for subject in subjects if subject.kind != "node" or not limit or subject.name in limit]


def nothing_judged(rule: Rule, subject: Subject) -> Verdict:
    """The verdict about a subject that says why there is nothing to judge."""
    return Verdict(rule, subject, not_applicable=subject.name)


def judge_rules(
    rules: Iterable[Rule], fleet: Fleet, limit: Collection[str] = (), *, strict: bool = False
) -> list[Verdict]:
    """The verdict of each rule about each of its subjects; `limit` and `strict` as for `verdict`."""
    return [
        judge_subject(rule, fleet, subject, strict=strict, nodes=limit)
        for rule in rules
        for subject in subjects_of(rule, fleet.inventory, limit)
    ]


@dataclass
class Heard:
    """What a judge said, before waivers."""

    findings: list[Finding] = field(default_factory=list)
    unknown: list[Unobservable] = field(default_factory=list)
    not_applicable: str = ""


def judge_subject(
    rule: Rule, fleet: Fleet, subject: Subject, *, strict: bool = False, nodes: Collection[str] = ()
) -> Verdict:
    """Judge one subject. `strict` makes warnings count; `nodes` keeps only findings on those nodes (empty: all)."""
    if subject.kind == NOTHING:
        return nothing_judged(rule, subject)
    heard = collect_findings(rule, fleet, subject)
    findings = [replace(f, rule=rule.id, subject=subject.name) for f in heard.findings]
    here = [f for f in findings if is_counted(f.node, nodes)]
    open_, waived = sort_out(here, fleet)
    return Verdict(
        rule,
        subject,
        findings=tuple(f for f in open_ if strict or f.severity == "error"),
        warnings=tuple(f for f in open_ if not strict and f.severity == "warning"),
        waived=tuple(waived),
        unknown=tuple(dict.fromkeys(heard.unknown)),
        not_applicable=heard.not_applicable or findings_outside_limit(findings, here),
    )


def findings_outside_limit(findings: list[Finding], here: list[Finding]) -> str:
    """What is only wrong outside --limit is not judged: that must not look as if it held."""
    if here or not findings:
        return ""
    return f"what is wrong is on {', '.join(sorted({f.node for f in findings}))}, outside --limit"


def is_counted(node: str, nodes: Collection[str]) -> bool:
    return not nodes or not node or node in nodes


def collect_findings(rule: Rule, fleet: Fleet, subject: Subject) -> Heard:
    """Let the judge speak to its end, or until it meets something that could not be seen."""
    heard = Heard()
    try:
        for finding in rule.judge(fleet, subject):
            (heard.unknown if isinstance(finding, Unobservable) else heard.findings).append(finding)  # type: ignore[arg-type]
    except Unobservable as why:
        heard.unknown.append(why)
    except NotApplicable as why:
        heard.not_applicable = str(why)
    except Exception as odd:  # noqa: BLE001 - a judge that stumbles has not judged: unknown, and the others go on
        heard.unknown.append(unknown_by_bug(f"{rule.id} stumbled over what was seen", odd))
    return heard


def sort_out(findings: Iterable[Finding], fleet: Fleet) -> tuple[list[Finding], list[tuple[Finding, Waiver]]]:
    """Part the findings that a waiver in force accepts from those that stand."""
    open_: list[Finding] = []
    waived: list[tuple[Finding, Waiver]] = []
    for finding in findings:
        accepted = [w for w in fleet.inventory.waivers if waiver_covers(w, finding)]
        in_force = [w for w in accepted if fleet.looked_at.date() <= w.until]
        if in_force:
            waived.append((finding, in_force[0]))
        else:
            open_.append(with_expired_waiver(finding, accepted[0]) if accepted else finding)
    return open_, waived


def waiver_covers(waiver: Waiver, finding: Finding) -> bool:
    """Whether a waiver is about a finding, in force or not."""
    return (
        fnmatchcase(finding.rule, waiver.rule)
        and any(fnmatchcase(name, waiver.subject) for name in (finding.subject, finding.about))
        and fnmatchcase(finding.node, waiver.node)
    )


def with_expired_waiver(finding: Finding, waiver: Waiver) -> Finding:
    """A finding whose waiver has run out says so, and names the owner."""
    note = f"the waiver of {waiver.owner} ran out on {waiver.until}"
    return replace(finding, hint=f"{note}; {finding.hint}" if finding.hint else note)
