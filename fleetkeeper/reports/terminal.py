"""The end of the terminal: the worst in three lines, findings, what is unknown or waived, and the next command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.rule import Rule
from fleetkeeper.judging.verdicts import Outcome, Verdict
from fleetkeeper.reports.history import Changes, OpenFinding
from fleetkeeper.reports.last_line import Scope, next_command
from fleetkeeper.reports.loss_ranks import loss_rank
from fleetkeeper.reports.owner_lines import owner_lines
from fleetkeeper.reports.results import finding_item
from fleetkeeper.reports.short_report import (
    LINES,
    Paragraph,
    Section,
    finding_paragraphs,
    fit_sections,
    mentions,
    reason_paragraphs,
    top_lines,
    unknown_paragraphs,
    waived_paragraphs,
    warning_paragraphs,
)
from fleetkeeper.transport.audit_helper import other_versions
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line, printable_text

if TYPE_CHECKING:
    import pytest

    from fleetkeeper.reports.results_schema import Found, Judged

Lines = Iterator[str]
WORDS = ("want", "why", "hint", "owner")
SHOWN = 5
"""How many new, and how many gone findings are named."""


def check_message(verdict: Verdict) -> str:
    """The message of a failed or unknown check, which JUnit and `-rA` show too."""
    lines = list(finding_lines([finding_item(finding, None) for finding in verdict.findings]))
    lines += [f"could not be seen: {one_line(unseen_text(why))}" + hint_of(why.hint) for why in verdict.unknown]
    judged = [f"  judge {verdict.rule.line}"] if verdict.findings else []
    return "\n".join([verdict.rule.promise, *lines, *judged])


def unseen_text(why: Unobservable) -> str:
    """Node, cause and reason of something that could not be seen: the cause first, where there is one.

    >>> unseen_text(Unobservable("`docker ps` exited 1: x", node="data", cause="the Docker engine does not answer"))
    'data: the Docker engine does not answer (`docker ps` exited 1: x)'
    """
    return str(replace(why, why=f"{why.cause} ({why.why})") if why.cause else why)


def waived_message(verdict: Verdict) -> str:
    """The message of a check whose findings are all waived."""
    return "; ".join(
        f"{one_line(finding.saw)} (waived by {waiver.owner} until {waiver.until}: {waiver.because})"
        for finding, waiver in verdict.waived
    )


def finding_lines(findings: Iterable[Found]) -> Lines:
    """The lines saw, want, why, hint and owner of findings. Those that differ only in `saw` share the other lines."""
    alike: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for finding in findings:
        alike[finding["want"], finding["why"], finding["hint"], finding.get("owner", "")].append(finding)
    for lines, group in alike.items():
        yield from (seen_line(finding) for finding in group)
        yield from (f"  {label:<5} {one_line(text)}" for label, text in zip(WORDS, lines, strict=True) if text)


def seen_line(finding: Found) -> str:
    """The line `saw` of a finding, with its place unless the text has it already."""
    return one_line(f"  saw   {with_place(finding['saw'], finding['node'], finding['about'])}")


def with_place(saw: str, node: str, about: str) -> str:
    """What a finding saw, with its node and what it is about, as far as the text does not have them already.

    >>> with_place("it takes no tasks (paused)", "vgpu", ""), with_place("vgpu is paused", "vgpu", "")
    ('it takes no tasks (paused)  (on vgpu)', 'vgpu is paused')
    """
    shown = [name for name in (node, about) if name and not mentions(saw, name)]
    where = " ".join(f"on {name}" if name == node else name for name in shown)
    return saw + (f"  ({where})" if where else "")


def hint_of(hint: str) -> str:
    """A hint as a further line; empty without one."""
    return f"\n  hint  {one_line(hint)}" if hint else ""


def write_summary(
    reporter: pytest.TerminalReporter,
    items: Sequence[Judged],
    scope: Scope,
    changes: Sequence[Changes] = (),
    rules: Mapping[str, Rule] | None = None,
) -> None:
    """Write the summary, and keep pytest's own short summary from repeating it.

    `scope` is what the run was asked to judge. `rules` are those that were judged, by id: the place of the code that
    judged each finding is printed. There is at least one item.
    """
    changed = [line for change in changes for line in changed_lines(change)]
    in_full = reporter.config.option.verbose > 0
    for line in top_lines(items):
        reporter.write_line(printable_text(line), red=True, bold=True)
    if in_full:
        sections(reporter, items, rules or {})
        write_lines(reporter, "since the audit before", changed)
    else:
        write_short(reporter, items, changed)
    quieten(reporter)
    reporter.write_line("")
    reporter.write_line(next_command(items, scope) + ("" if in_full else detail_note(items)))
    if reporter.config.option.runxfail and any(item["outcome"] == Outcome.WAIVED.name.lower() for item in items):
        reporter.write_line("what is waived fails all the same: --runxfail was given")


def write_short(reporter: pytest.TerminalReporter, items: Sequence[Judged], changed: Sequence[str]) -> None:
    """Write the sections for a person who has a minute. `changed` are the lines of "since the audit before".

    Shortened to fit LINES; an empty one is left out.
    """
    reasons, owners = list(reason_lines(items)), list(owner_lines(items))
    versions = list(other_versions((dark["node"], dark["why"]) for item in items for dark in item["unknown"]))
    titled = [
        Section("findings", finding_paragraphs(items), {"red": True}),
        Section("could not be looked at", unknown_paragraphs(items), {"red": True}),
        Section("warnings", warning_paragraphs(items), {"yellow": True}),
        Section("waived", waived_paragraphs(items), {"yellow": True}),
        Section("owners", [Paragraph((owners,))] if owners else []),
        Section("not asked for here", reason_paragraphs(reasons)),
        Section("since the audit before", [Paragraph((changed,))] if changed else []),
    ]
    titled[1].paragraphs += [Paragraph(([line],)) for line in versions]
    fit_sections(titled, LINES)
    for section in titled:
        lines = [line for paragraph in section.paragraphs for line in paragraph.lines]
        write_lines(reporter, section.title, lines, **section.colour)


def detail_note(items: Sequence[Judged]) -> str:
    """The end of the last line: `-v` tells each in full. Empty without findings and unknown checks."""
    return "; -v tells each in full" if any(item["findings"] or item["unknown"] for item in items) else ""


def sections(reporter: pytest.TerminalReporter, items: Sequence[Judged], rules: Mapping[str, Rule]) -> None:
    """Write the sections of the summary in full: findings, unknown, warnings, waived, and not applicable.

    Worst first; an empty one is left out.
    """
    wrong = Outcome.FINDING.name.lower()
    ranked = sorted(items, key=lambda item: loss_rank(item["rule"]))
    failed = [(item, open_findings(item)) for item in ranked if item["outcome"] == wrong]
    warned = [(item, open_findings(item, "warning")) for item in ranked if item["outcome"] != wrong]
    write_lines(reporter, "findings", lines_of_findings(failed, rules), red=True)
    write_lines(reporter, "could not be looked at", unknown_lines(items), red=True)
    write_lines(reporter, "warnings", lines_of_findings(warned, rules), yellow=True)
    write_lines(reporter, "waived", waived_lines(items), yellow=True)
    write_lines(reporter, "owners", owner_lines(items))
    write_lines(reporter, "not asked for here", reason_lines(items))


def write_lines(reporter: pytest.TerminalReporter, name: str, lines: Iterable[str], **colour: bool) -> None:
    """Write one section, if it has lines. Lines that are not indented get the colour."""
    written = list(lines)
    if written:
        reporter.section(name, sep="-", **colour)
    for line in written:
        reporter.write_line(printable_text(line), **({} if line.startswith(" ") else colour))


def title(item: Judged) -> str:
    """The title of an item: `RULE [SUBJECT] PROMISE`."""
    return f"{item['rule']} [{one_line(item['subject'])}] {item['promise']}"


def lines_of_findings(judged: Iterable[tuple[Judged, list[Found]]], rules: Mapping[str, Rule]) -> Lines:
    """For each item with findings, its title, the findings, and the place of the code that judged them."""
    for item, findings in judged:
        if findings:
            yield title(item)
            yield from finding_lines(findings)
            if rule := rules.get(item["rule"]):
                yield f"  judge {rule.line}"


def open_findings(item: Judged, severity: str = "") -> list[Found]:
    """The findings of an item that are not waived, of one severity ("error", "warning"; empty: any)."""
    return [f for f in item["findings"] if not f["waived"] and severity in ("", f["severity"])]


def unknown_lines(items: Iterable[Judged]) -> Lines:
    """The lines about each cause of unknown promises, else each reason, with the first three of them.

    A dead node or engine is reported once, with all its reasons. Then a line for each edition of the audit helper that
    is not ours.
    """
    hidden: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for item in items:
        for dark in item["unknown"]:
            key = dark["node"], dark["cause"] or dark["why"], dark["hint"]
            hidden[key].append((f"{item['rule']} [{item['subject']}]", dark["why"]))
    for (node, cause, hint), pairs in hidden.items():
        yield one_line(f"{node}: {cause}" if node else cause)
        yield from (f"  saw   {one_line(why)}" for why in dict.fromkeys(why for _, why in pairs) if why != cause)
        yield f"  hides {one_line(folded([name for name, _ in pairs]))}"
        if hint:
            yield f"  hint  {one_line(hint)}"
    yield from other_versions((node, why) for (node, _, _), pairs in hidden.items() for _, why in pairs)


def folded(names: Sequence[str], at_most: int = 3) -> str:
    """The first names, separated by commas, and how many more promises there are.

    >>> folded(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more promises'
    """
    more = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {count_of(more, 'more promise')}" if more > 0 else "")


def waived_lines(items: Iterable[Judged]) -> Lines:
    """The lines about each waived finding, with its waiver.

    Three for each: its title, what was seen, until when and by whom.
    """
    for item in items:
        for finding in item["findings"]:
            if waiver := finding["waived"]:
                yield title(item)
                yield f"  saw   {one_line(finding['saw'])}"
                yield one_line(f"  until {waiver['until']}, accepted by {waiver['owner']}: {waiver['because']}")


def reason_lines(items: Iterable[Judged]) -> Lines:
    """Why promises do not apply, a line for each reason. With the first of the rules that do not."""
    skipped: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if item["outcome"] == Outcome.NOT_APPLICABLE.name.lower():
            skipped[item["reason"]].append(item["rule"])
    for reason, rules in skipped.items():
        yield f"{one_line(reason)}: {folded(list(dict.fromkeys(rules)))}"


def changed_lines(changes: Changes) -> Lines:
    """What changed since the audit before: new and gone findings, a line each, and numbers.

    Of the old ones only the longest open is named. Empty on the first audit. So is what has been open for long
    (`weekly_lines`).
    """
    if not changes.previous:
        return
    parts = (
        ("new", changes.new),
        ("newly judged (rules that no audit before asked)", changes.newly_judged),
        ("gone", changes.gone),
        ("waived since", changes.waived),
        ("no longer asked for", changes.dropped),
        ("old", changes.old),
        ("not judged again", changes.unseen),
    )
    numbers = (
        ", ".join(f"{len(findings)} {word}" for word, findings in parts if findings) or "nothing was open, nothing is"
    )
    yield f"{one_line(changes.inventory)}, against {minute(changes.previous)}: {numbers}"
    yield from change_lines("new ", changes.new)
    yield from change_lines("gone", changes.gone)
    yield from weekly_lines(changes)
    if changes.old and not changes.long_red:
        first = min(changes.old, key=lambda item: item.since)
        yield f"  old   the longest open since {minute(first.since)}: {known_line(first)}"


def change_lines(word: str, findings: Sequence[OpenFinding]) -> Lines:
    """A line for each of the first five findings, and one that counts the others."""
    yield from (f"  {word}  {known_line(finding)}" for finding in findings[:SHOWN])
    if len(findings) > SHOWN:
        yield f"  {word}  and {len(findings) - SHOWN} more (results.json lists them)"


def weekly_lines(changes: Changes) -> Lines:
    """Once a week: what has been red for a week and more, and since when. The longest three are named."""
    unseen = sum(finding in changes.unseen for finding in changes.long_red)
    if changes.long_red:
        note = f" ({unseen} not judged this time)" if unseen else ""
        yield f"  red for a week and more: {count_of(len(changes.long_red), 'finding')}{note}"
    for finding in changes.long_red[:3]:
        note = ", not judged this time" if finding in changes.unseen else ""
        yield f"  since {minute(finding.since)}{note}: {known_line(finding)}"


def known_line(finding: OpenFinding) -> str:
    """One open finding on one line: `RULE [SUBJECT] SAW  (on NODE)`."""
    saw = with_place(finding.saw, finding.node, finding.about)
    return one_line(f"{finding.rule} [{finding.subject}] {saw}")


def minute(moment: str) -> str:
    """A time of results.json (ISO 8601, UTC) for people, to the minute.

    >>> minute("2026-11-22T03:00:07.123456+00:00")
    '2026-11-22 03:00 UTC'
    """
    return f"{moment[:16].replace('T', ' ')} UTC"


def quieten(reporter: pytest.TerminalReporter) -> None:
    """Keep checks out of pytest's short summary, where -r has its default and every failure is a check."""
    bad = [report for kind in ("failed", "error") for report in reporter.stats.get(kind, ())]
    if reporter.config.option.reportchars == "fE" and all(hasattr(report, "fleetkeeper") for report in bad):
        reporter.reportchars = ""
