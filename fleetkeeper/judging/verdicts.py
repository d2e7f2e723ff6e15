"""The one place where findings, waivers and failed observations become an outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase

from fleetkeeper.errors import NotApplicable, NotJudgedNow, SectionUndecided
from fleetkeeper.inventory.benchmark_ids import id_matches
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Undecided, Waiver, require_policy
from fleetkeeper.judging.acceptance import sort_out
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.transport.commands import Unobservable, unknown_by_bug


class Outcome(Enum):
    """The five outcomes of a verdict; the value is pytest's word for each."""

    HOLDS = "passed"
    FINDING = "failed"
    UNKNOWN = "error"
    NOT_APPLICABLE = "skipped"
    WAIVED = "xfailed"


@dataclass(frozen=True)
class Verdict:
    """The result of a rule about one subject. `waived` pairs a finding with the waiver that accepts it.

    `warnings` are findings that do not fail the rule; `unknown` are the failed observations; `not_applicable` is the
    reason why the rule does not apply, or "". `left_out`: it was not judged this time (`--quick`, or nothing to judge
    yet), so nothing that was open before is gone. `reporter` is the id of the rule that reports the undecided section
    for which this one does not apply; else "". `parts` of the promise were not judged, by their ids of the benchmark;
    those that could not be seen are among `unknown` too.
    """

    rule: Rule
    subject: Subject
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    waived: tuple[tuple[Finding, Waiver], ...] = ()
    unknown: tuple[Unobservable, ...] = ()
    not_applicable: str = ""
    left_out: bool = False
    reporter: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The outcome, by precedence: an unwaived finding, unknown, not applicable, waived, holds.

        Unknown is never green.
        """
        if self.findings:
            return Outcome.FINDING
        if self.unknown:
            return Outcome.UNKNOWN
        if self.not_applicable:
            return Outcome.NOT_APPLICABLE
        return Outcome.WAIVED if self.waived else Outcome.HOLDS


NOT_SEEN = "not seen"
"""What the reason of a part begins with that nobody saw, and for which a person answers."""
NOTHING = "nothing"
"""The kind of the placeholder subject where there is nothing to judge; the subject's name is the reason."""

SECTION = "section"
"""The kind of the subject for which the first rule of a topic is unknown while the topic's section is undecided."""
DECIDE = "write the section, or `none: why` if nothing is wanted there (docs/inventory.md)"


def subjects_of(rule: Rule, inventory: Inventory, limit: Collection[str] = ()) -> Sequence[Subject]:
    """The subjects of a rule in an inventory; of nodes, only those named in `limit` (empty: all).

    Where the inventory has nothing for the rule, one subject of kind NOTHING with the reason. Where the section of the
    rule's topic is undecided, one subject of kind SECTION with its key for the rule that reports it, and NOTHING for
    the others. Nothing is raised.
    """
    try:
        for section in undecided_sections(inventory):
            if rule.id == section.reporter:
                return (Subject(SECTION, section.key),)
            if rule.topic == section.topic:
                require_policy(section)
        subjects = tuple(rule.each(inventory))
    except NotApplicable as why:
        return (Subject(NOTHING, str(why)),)
    if not subjects:
        return (Subject(NOTHING, f"{inventory.name} names nothing that this is about"),)
    return [subject for subject in subjects if subject.kind != "node" or not limit or subject.name in limit]


def undecided_sections(inventory: Inventory) -> list[Undecided]:
    """The sections of an inventory that are undecided as a whole; parts of sections are not looked at."""
    sections = (inventory.services, *inventory.sections.values())
    return [section for section in sections if isinstance(section, Undecided)]


def undecided_verdict(rule: Rule, subject: Subject, inventory: Inventory) -> Verdict:
    """The unknown verdict about the undecided section whose key is the subject's name; it quotes the section."""
    texts = [section.undecided for section in undecided_sections(inventory) if section.key == subject.name]
    reasons = (Unobservable(f"`{subject.name}` is undecided: {text}", hint=DECIDE) for text in texts)
    return Verdict(rule, subject, unknown=tuple(reasons))


def nothing_judged(rule: Rule, subject: Subject, inventory: Inventory) -> Verdict:
    """The not-applicable verdict about a subject of kind NOTHING."""
    return Verdict(rule, subject, not_applicable=subject.name, reporter=reporter_of(rule, inventory))


def reporter_of(rule: Rule, inventory: Inventory) -> str:
    """The id of the rule that reports the undecided section for which a rule has no subjects.

    "" where the reason is another, or it has some. The section is that of its topic, or that of its subjects.
    """
    try:
        for section in undecided_sections(inventory):
            if rule.topic == section.topic:
                return section.reporter
        list(rule.each(inventory))
    except SectionUndecided as why:
        return why.reporter
    except NotApplicable:
        pass
    return ""


def with_unreported(verdict: Verdict, asked: Collection[str]) -> Verdict:
    """The verdict; unknown where it does not apply for an undecided section that no rule of this run reports.

    `asked` are the ids of the rules of this run.
    """
    if not verdict.reporter or verdict.reporter in asked:
        return verdict
    reason = Unobservable(verdict.not_applicable, hint=DECIDE)
    return replace(verdict, unknown=(*verdict.unknown, reason), not_applicable="", reporter="")


def judge_rules(
    rules: Iterable[Rule], fleet: Fleet, limit: Collection[str] = (), *, strict: bool = False
) -> list[Verdict]:
    """The verdict of each rule about each of its subjects.

    `strict` and `limit` (the names of nodes, empty: all) are `strict` and `nodes` of `judge_subject`. An undecided
    section is told by one rule where that is among `rules`, else by each that needs the section.
    """
    rules = list(rules)
    asked = {rule.id for rule in rules}
    return [
        with_unreported(judge_subject(rule, fleet, subject, strict=strict, nodes=limit), asked)
        for rule in rules
        for subject in subjects_of(rule, fleet.inventory, limit)
    ]


@dataclass
class Heard:
    """The result of running a judge, before waivers; its last three fields are those of the verdict."""

    findings: list[Finding] = field(default_factory=list)
    unknown: list[Unobservable] = field(default_factory=list)
    not_applicable: str = ""
    left_out: bool = False
    reporter: str = ""
    parts: list[Part] = field(default_factory=list)

    def take(self, heard: Finding | Unobservable | Part) -> None:
        """Keep what a judge yielded where it belongs; a part that could not be seen is unknown too."""
        if isinstance(heard, Finding):
            self.findings.append(heard)
        elif isinstance(heard, Unobservable):
            self.unknown.append(heard)
        else:
            self.parts.append(heard)
            if isinstance(heard.why, Unobservable):
                self.unknown.append(heard.why)


def judge_subject(
    rule: Rule, fleet: Fleet, subject: Subject, *, strict: bool = False, nodes: Collection[str] = ()
) -> Verdict:
    """The verdict of a rule about one subject.

    `strict` makes warnings count as findings; `nodes` keeps only findings on those nodes (empty: all), and those that
    name none: where all are elsewhere, the rule is not applicable. No exception of the judge goes through.
    """
    if subject.kind == NOTHING:
        return nothing_judged(rule, subject, fleet.inventory)
    if subject.kind == SECTION:
        return undecided_verdict(rule, subject, fleet.inventory)
    heard = collect_findings(rule, fleet, subject)
    named = [replace(f, rule=rule.id, subject=subject.name) for f in heard.findings]
    here = [f for f in named if is_counted(f.node, nodes)]
    parted, accepted = sort_out(here, fleet.inventory.waivers, fleet.looked_at.date())
    open_ = [with_enforced_severity(f, fleet.inventory) for f in parted]
    waived = [(with_enforced_severity(f, fleet.inventory), waiver) for f, waiver in accepted]
    return Verdict(
        rule,
        subject,
        findings=tuple(f for f in open_ if strict or f.severity == "error"),
        warnings=tuple(f for f in open_ if not strict and f.severity == "warning"),
        waived=tuple(waived),
        unknown=tuple(dict.fromkeys(heard.unknown)),
        not_applicable=heard.not_applicable or findings_outside_limit(named, here) or why_no_part(rule, heard),
        left_out=heard.left_out,
        reporter=heard.reporter,
        parts=tuple(heard.parts),
    )


def with_enforced_severity(finding: Finding, inventory: Inventory) -> Finding:
    """The finding; as an error where the inventory enforces its rule, or an id of the benchmark that it breaks."""
    enforced = any(fnmatchcase(finding.rule, glob) or id_matches(finding.cis, glob) for glob in inventory.enforced)
    return replace(finding, severity="error") if enforced else finding


def why_no_part(rule: Rule, heard: Heard) -> str:
    """Why a rule does not apply of which no part does, in words; "" where a part was judged, or could not be seen."""
    reasons = dict.fromkeys(part.why for part in heard.parts if isinstance(part.why, str))
    left = set(rule.cis) - {name for part in heard.parts for name in part.cis}
    return "; ".join(reasons) if reasons and not (left or heard.findings or heard.unknown) else ""


OUTSIDE_LIMIT = "outside --limit"
"""How the reason ends why a rule is not judged whose findings are all on other nodes."""


def findings_outside_limit(findings: list[Finding], kept: list[Finding]) -> str:
    """Why a rule is not judged: it has `findings`, and --limit leaves none of them (`kept`). "" in any other case.

    Without it the rule would look as if it held.
    """
    if kept or not findings:
        return ""
    return f"what is wrong is on {', '.join(sorted({f.node for f in findings}))}, {OUTSIDE_LIMIT}"


def is_counted(node: str, nodes: Collection[str]) -> bool:
    """Whether a finding on `node` is kept: `nodes` is empty or holds it, or the finding names no node ("")."""
    return not nodes or not node or node in nodes


def collect_findings(rule: Rule, fleet: Fleet, subject: Subject) -> Heard:
    """Run the judge to its end, or until it raises, and return its findings and failed observations.

    NotApplicable sets `not_applicable`, any other exception adds an Unobservable; what was yielded before is kept. So
    does an undecided part of a section; a section that is undecided as a whole is reported by one rule, elsewhere.
    """
    heard = Heard()
    try:
        for finding in rule.judge(fleet, subject):
            heard.take(with_attestation(finding, fleet) if isinstance(finding, Part) else finding)
    except Unobservable as why:
        heard.unknown.append(why)
    except SectionUndecided as why:
        if why.reporter:
            heard.not_applicable, heard.reporter = str(why), why.reporter
        else:
            heard.unknown.append(Unobservable(str(why), hint=DECIDE))
    except NotApplicable as why:
        heard.not_applicable, heard.left_out = str(why), isinstance(why, NotJudgedNow)
    except Exception as odd:  # noqa: BLE001 - a judge that stumbles has not judged: unknown, and the others go on
        heard.unknown.append(unknown_by_bug(f"{rule.id} stumbled over what was seen", odd))
    return heard


def with_attestation(part: Part, fleet: Fleet) -> Part:
    """The part; one that could not be seen does not apply where a person answers for it, until their day.

    A node may be of a kind on which nothing can see it, such as a container. What is wrong stays wrong.
    """
    policy = fleet.inventory.benchmark
    attestation = policy.attestation_of(part.cis) if isinstance(policy, Benchmark) else None
    if isinstance(part.why, str) or attestation is None or not attestation.holds_on(fleet.looked_at.date()):
        return part
    why = (
        f"{NOT_SEEN} ({part.why.why}); {attestation.by} answers for it until {attestation.until}: {attestation.because}"
    )
    return replace(part, why=why)
