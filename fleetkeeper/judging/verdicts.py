"""The one place where findings, waivers and what could not be seen become an outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.rules import Finding, NotApplicable, Rule, Subject
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.transport.commands import Unobservable, stumbled


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


@dataclass
class Heard:
    """What a judge said, before waivers."""

    findings: list[Finding] = field(default_factory=list)
    unknown: list[Unobservable] = field(default_factory=list)
    not_applicable: str = ""


def verdict(
    rule: Rule, fleet: Fleet, subject: Subject, *, strict: bool = False, nodes: Collection[str] = ()
) -> Verdict:
    """Judge one subject. `strict` makes warnings count; `nodes` keeps only findings on those nodes (empty: all)."""
    heard = hear(rule, fleet, subject)
    findings = [replace(f, rule=rule.id, subject=subject.name) for f in heard.findings]
    here = [f for f in findings if counts(f.node, nodes)]
    open_, waived = sort_out(here, fleet)
    return Verdict(
        rule,
        subject,
        findings=tuple(f for f in open_ if strict or f.severity == "error"),
        warnings=tuple(f for f in open_ if not strict and f.severity == "warning"),
        waived=tuple(waived),
        unknown=tuple(dict.fromkeys(heard.unknown)),
        not_applicable=heard.not_applicable or elsewhere(findings, here),
    )


def elsewhere(findings: list[Finding], here: list[Finding]) -> str:
    """What is only wrong outside --limit is not judged: that must not look as if it held."""
    if here or not findings:
        return ""
    return f"what is wrong is on {', '.join(sorted({f.node for f in findings}))}, outside --limit"


def counts(node: str, nodes: Collection[str]) -> bool:
    return not nodes or not node or node in nodes


def hear(rule: Rule, fleet: Fleet, subject: Subject) -> Heard:
    """Let the judge speak to its end, or until it meets something that could not be seen."""
    heard = Heard()
    try:
        for said in rule.judge(fleet, subject):
            (heard.unknown if isinstance(said, Unobservable) else heard.findings).append(said)  # type: ignore[arg-type]
    except Unobservable as why:
        heard.unknown.append(why)
    except NotApplicable as why:
        heard.not_applicable = str(why)
    except Exception as odd:  # noqa: BLE001 - a judge that stumbles has not judged: unknown, and the others go on
        heard.unknown.append(stumbled(f"{rule.id} stumbled over what was seen", odd))
    return heard


def sort_out(findings: Iterable[Finding], fleet: Fleet) -> tuple[list[Finding], list[tuple[Finding, Waiver]]]:
    """Part the findings that a waiver in force accepts from those that stand."""
    open_: list[Finding] = []
    waived: list[tuple[Finding, Waiver]] = []
    for finding in findings:
        accepted = [w for w in fleet.inventory.waivers if w.covers(finding)]
        in_force = [w for w in accepted if fleet.looked_at.date() <= w.until]
        if in_force:
            waived.append((finding, in_force[0]))
        else:
            open_.append(expired(finding, accepted[0]) if accepted else finding)
    return open_, waived


def expired(finding: Finding, waiver: Waiver) -> Finding:
    """A finding whose waiver has run out says so, and names the owner."""
    note = f"the waiver of {waiver.owner} ran out on {waiver.until}"
    return replace(finding, hint=f"{note}; {finding.hint}" if finding.hint else note)
