"""The report of an audit for a person who has a minute: three lines about the worst, and each thing once.

What is red is told worst first. Where there is more than fits into LINES, the least of it is told in fewer lines:
without its hint, then a line for each rule. `-v` tells everything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import count_of
from fleetkeeper.reports.loss_ranks import CAUSES, loss_rank
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Found, Judged

LINES = 19
"""How many lines the sections of the report may take, so that with pytest's own a first night fits into forty."""
TOP = 3
WIDTH = 160
MORE = "-v lists them"
DARK_RANK = (0, 0)
NODES = "nodes."
"""How the rules about nodes begin: what they tell hides the others."""


@dataclass
class Paragraph:
    """One thing to tell. `forms` are its lines in full first, then in ever fewer lines; `level` is the form in use."""

    forms: Sequence[Sequence[str]]
    level: int = 0

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the form in use."""
        return self.forms[self.level]


@dataclass
class Section:
    """A titled part of the report. `colour` holds the arguments of pytest's terminal writer."""

    title: str
    paragraphs: list[Paragraph] = field(default_factory=list)
    colour: dict[str, bool] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Its number of lines with the title; 0 when it has none."""
        lines = sum(len(paragraph.lines) for paragraph in self.paragraphs)
        return lines + 1 if lines else 0


def fit_sections(sections: Sequence[Section], room: int) -> None:
    """Shorten paragraphs, those at the end first, until the sections take no more than `room` lines, or none can be."""
    paragraphs = [paragraph for section in sections for paragraph in section.paragraphs]
    for paragraph in reversed(paragraphs):
        while paragraph.level < len(paragraph.forms) - 1 and sum(section.size for section in sections) > room:
            paragraph.level += 1


def top_lines(items: Iterable[Judged]) -> list[str]:
    """The state of the night in at most three lines: the worst findings, one for each rule, and nodes that are dark.

    Two are of the worst kind of loss at most while there are others. The last line says how many more there are; empty
    when nothing is red.
    """
    judged = list(items)
    matches: dict[str, tuple[tuple[int, int], str]] = {}
    for item in judged:
        for cause, rank, text in headlines_of(item):
            if not follows_from(item, judged):
                matches.setdefault(cause, (rank, text))
    ranked = sorted(matches.values(), key=lambda match: match[0])
    others = [match for match in ranked[2:] if match[0][0] != ranked[0][0][0]] or ranked[2:]
    lines = [text for _, text in (*ranked[:2], *others[:1])]
    more = len(ranked) - TOP
    return [*lines[:-1], f"{lines[-1]}; and {more} more"] if more > 0 else lines


def follows_from(item: Judged, others: Iterable[Judged]) -> bool:
    """Whether what is wrong follows from what another broken promise about the same subject or node tells.

    CAUSES says which rules explain which.
    """
    causes = CAUSES.get(item["rule"], ())
    names = names_of(item)
    return any(
        other["outcome"] == "finding" and other["rule"] in causes and names & names_of(other) for other in others
    )


def names_of(item: Judged) -> set[str]:
    """The subject of an item, and the nodes of its findings."""
    return {item["subject"], *(finding["node"] for finding in item["findings"])} - {""}


def headlines_of(item: Judged) -> Iterator[tuple[str, tuple[int, int], str]]:
    """(cause, rank, text) of the first open finding of a broken promise, and of each reason why a node is dark.

    `cause` is the id of a rule or the name of a node, `rank` as `loss_rank` returns it.
    """
    if item["outcome"] == "finding":
        finding = next(finding for finding in item["findings"] if not finding["waived"])
        yield item["rule"], loss_rank(item["rule"]), headline(finding)
    if item["rule"] == "nodes.can_be_looked_at":
        for dark in item["unknown"]:
            yield dark["node"], DARK_RANK, clipped(f"{dark['node']} could not be looked at: {one_line(dark['why'])}")


def headline(finding: Found) -> str:
    """What was seen, clipped, with its subject in front and its node behind unless the text names them."""
    subject, node, saw = finding["subject"], finding["node"], finding["saw"]
    front = f"{subject}: " if subject and subject != node and not mentions(saw, subject) else ""
    place = f" (on {node})" if node and not mentions(saw, node) else ""
    return clipped(one_line(f"{front}{saw}"), WIDTH - 30) + one_line(place)


def mentions(text: str, name: str) -> bool:
    """Whether a text has a name as a word of its own, also as a part of a name with `_`, `-`, `.` or `/`.

    >>> mentions("unix:///run/none.sock is gone", "one"), mentions("rodan_postgres runs twice", "postgres")
    (False, True)
    """
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) is not None


def clipped(text: str, width: int = WIDTH) -> str:
    """The text in at most `width` characters, cut between words.

    >>> clipped("one two three", 9)
    'one two …'
    """
    return text if len(text) <= width else text[: width - 1].rsplit(" ", 1)[0] + " …"


def finding_paragraphs(items: Iterable[Judged]) -> list[Paragraph]:
    """A paragraph for each rule with findings, worst first: with hints, without, and in one line.

    Waived ones are left out. One that follows from another rule's finding is shortened first.
    """
    judged = [item for item in items if item["outcome"] == "finding"]
    by_rule: dict[str, list[Found]] = defaultdict(list)
    for item in judged:
        by_rule[item["rule"]] += [finding for finding in item["findings"] if not finding["waived"]]
    caused = {item["rule"] for item in judged if follows_from(item, judged)}
    return [
        finding_paragraph(by_rule[rule], int(rule in caused))
        for rule in sorted(by_rule, key=lambda rule: (loss_rank(rule), rule))
    ]


def finding_paragraph(findings: Sequence[Found], level: int) -> Paragraph:
    """The paragraph about the findings of one rule, in three forms: with hints, without them, and one line for all.

    `level` is the form to begin with: 1 for findings whose cause has told the hint.
    """
    forms = (lines_with_hints(findings), [finding_line(finding) for finding in findings], [rule_line(findings)])
    return Paragraph(forms, level)


def lines_with_hints(findings: Sequence[Found]) -> list[str]:
    """A line for each finding, and behind those that share it the hint, or what is wanted where there is none."""
    lines: list[str] = []
    for finding, following in zip_longest(findings, findings[1:]):
        lines.append(finding_line(finding))
        if following is None or advice_of(finding) != advice_of(following):
            lines.append(advice_of(finding))
    return lines


def finding_line(finding: Found) -> str:
    """Rule, subject, what was seen, and where unless that says it."""
    place = f"  (on {finding['node']})" if finding["node"] and not mentions(finding["saw"], finding["node"]) else ""
    return one_line(f"{finding['rule']} [{finding['subject']}] {finding['saw']}{place}")


def advice_of(finding: Found) -> str:
    """The line with the hint of a finding, or with what is wanted where it has none."""
    return f"  hint  {one_line(finding['hint'])}" if finding["hint"] else f"  want  {one_line(finding['want'])}"


def rule_line(findings: Sequence[Found]) -> str:
    """The findings of one rule in one line: their number, the subjects, and what was seen first."""
    if len(findings) == 1:
        return finding_line(findings[0])
    names = name_some(dict.fromkeys(finding["about"] or finding["subject"] for finding in findings))
    text = f"{findings[0]['rule']}: {len(findings)} ({names}): {findings[0]['saw']}"
    return f"{clipped(one_line(text), WIDTH - len(MORE))}; {MORE}"


def name_some(names: Iterable[str], at_most: int = 4) -> str:
    """The first names, separated by commas, and how many more there are (`a, b and 3 more`).

    >>> name_some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    listed = list(names)
    more = len(listed) - at_most
    return ", ".join(listed[:at_most]) + (f" and {more} more" if more > 0 else "")


def unknown_paragraphs(items: Iterable[Judged]) -> list[Paragraph]:
    """A paragraph for each cause of unknown promises, else for each reason: the nodes, why, and what it hides.

    Those come first that hide a node itself. A hint that a finding about the same nodes gives is not given again.
    """
    judged = list(items)
    hidden: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for item in judged:
        for dark in item["unknown"]:
            key = dark["cause"] or dark["why"], dark["hint"]
            hidden[key].append((dark["node"], f"{item['rule']} [{item['subject']}]"))
    given = {(f["node"], f["hint"]) for item in judged for f in item["findings"] if item["rule"].startswith(NODES)}
    first = sorted(hidden.items(), key=lambda entry: not any(hidden.startswith(NODES) for _, hidden in entry[1]))
    return [
        unknown_paragraph(why, "" if {(node, hint) for node, _ in pairs} <= given else hint, pairs)
        for (why, hint), pairs in first
    ]


def unknown_paragraph(why: str, hint: str, hidden: Sequence[tuple[str, str]]) -> Paragraph:
    """The paragraph about one reason why something could not be seen.

    `hidden` are pairs of node (may be empty) and promise.
    """
    nodes = name_some(dict.fromkeys(node for node, _ in hidden if node))
    promises = name_some(dict.fromkeys(promise for _, promise in hidden), 2)
    line = one_line(f"{nodes + ': ' if nodes else ''}{why}; hides {promises}")
    return Paragraph(([line, f"  hint  {one_line(hint)}"], [line]) if hint else ([line],))


def warning_paragraphs(items: Iterable[Judged]) -> list[Paragraph]:
    """One line for each rule with warnings: their number, and what was seen first. Items with findings are left out.

    Worst first.
    """
    by_rule: dict[str, list[Found]] = defaultdict(list)
    for item in items:
        if item["outcome"] != "finding":
            by_rule[item["rule"]] += [f for f in item["findings"] if not f["waived"] and f["severity"] == "warning"]
    rules = sorted((rule for rule, findings in by_rule.items() if findings), key=lambda rule: (loss_rank(rule), rule))
    return [Paragraph(([rule_line(by_rule[rule])],)) for rule in rules]


def waived_paragraphs(items: Iterable[Judged]) -> list[Paragraph]:
    """One line for each waiver in use: what it accepts, until when, and who answers for it.

    The first two promises are named.
    """
    accepted: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for item in items:
        for finding in item["findings"]:
            if waiver := finding["waived"]:
                key = (waiver["until"], waiver["owner"], waiver["because"])
                accepted[key].append(f"{item['rule']} [{item['subject']}]")
    return [
        Paragraph(([clipped(one_line(f"{name_some(names, 2)}, until {until} by {owner}: {because}"))],))
        for (until, owner, because), names in accepted.items()
    ]


def reason_paragraphs(reasons: Sequence[str]) -> list[Paragraph]:
    """The reasons why promises do not apply; else one line that counts them, or none: pytest counts them as skipped."""
    counted = f"{count_of(len(reasons), 'reason')} why promises do not apply here; {MORE}"
    return [Paragraph((reasons, [counted], []))] if reasons else []
