"""What waivers accept of findings: a whole one, or some of the ids of the CIS Docker Benchmark that it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase

from fleetkeeper.inventory.benchmark_ids import as_written, id_matches, ids_by_number
from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.finding import Finding


def sort_out(
    findings: Iterable[Finding], waivers: Sequence[Waiver], today: date
) -> tuple[list[Finding], list[tuple[Finding, Waiver]]]:
    """Split the findings into the open ones, and pairs (finding, waiver) of those that a waiver in force accepts.

    A waiver is in force up to and including its `until`, by the date of the look (UTC), once its reason is filled in.
    One that names an id accepts that id alone: a finding that breaks others too stays open for those, and is among the
    waived with what was accepted. A finding with a waiver that is not in force is open, with the reason in its hint. Of
    several waivers in force of the same thing the first counts.
    """
    open_: list[Finding] = []
    waived: list[tuple[Finding, Waiver]] = []
    for finding in findings:
        left, accepted = split_by_waivers(finding, [w for w in waivers if is_in_force(w, today)])
        waived += accepted
        if left is not None:
            idle = [w for w in waivers if not is_in_force(w, today) and waiver_covers(w, left)]
            left = with_accepted_part(left, accepted)
            open_.append(with_idle_waiver(left, idle[0]) if idle else left)
    return open_, waived


def is_in_force(waiver: Waiver, today: date) -> bool:
    """Whether a waiver accepts anything today: it has not ended, and says why."""
    return today <= waiver.until and not waiver.lacks_reason


def split_by_waivers(
    finding: Finding, waivers: Iterable[Waiver]
) -> tuple[Finding | None, list[tuple[Finding, Waiver]]]:
    """What is left open of a finding (None: nothing), and what each of the waivers accepts of it."""
    accepted: list[tuple[Finding, Waiver]] = []
    left = finding
    for waiver in waivers:
        if not waiver_covers(waiver, left):
            continue
        ids = accepted_ids(waiver, left)
        accepted.append((replace(left, cis=ids), waiver))
        rest = tuple(name for name in left.cis if name not in ids)
        if not rest:
            return None, accepted
        left = replace(left, cis=rest)
    return left, accepted


def waiver_covers(waiver: Waiver, finding: Finding) -> bool:
    """Whether a waiver matches a finding by rule, subject and node (globs), whether or not it is in force.

    In place of a rule it may name an id of the benchmark, which must be one of the finding's: then it covers that part
    of it. Its subject may also be the narrower thing that the finding is about.
    """
    return (
        (fnmatchcase(finding.rule, waiver.rule) or id_matches(finding.cis, waiver.rule))
        and any(fnmatchcase(name, waiver.subject) for name in (finding.subject, finding.about))
        and fnmatchcase(finding.node, waiver.node)
    )


def accepted_ids(waiver: Waiver, finding: Finding) -> tuple[str, ...]:
    """The ids of a finding that a waiver accepts which covers it: all, or those that it names, in both editions."""
    if fnmatchcase(finding.rule, waiver.rule):
        return finding.cis
    return tuple(name for same in ids_by_number(finding.cis).values() if id_matches(same, waiver.rule) for name in same)


def with_accepted_part(finding: Finding, accepted: Sequence[tuple[Finding, Waiver]]) -> Finding:
    """The finding, which says before its hint which of its ids are accepted, and for which it stays open."""
    if not accepted:
        return finding
    parts = [f"{id_names(part.cis)} is accepted by {who.owner} until {who.until}" for part, who in accepted]
    return with_note(finding, f"{', '.join(parts)}; {id_names(finding.cis)} is not")


def id_names(ids: Iterable[str]) -> str:
    """Ids in words, each by its number in 1.8.

    >>> id_names(["1.6:2.14", "1.8:2.15", "1.8:5.6"])
    'cis:1.8:2.15 and cis:1.8:5.6'
    """
    return " and ".join(as_written(f"1.8:{number}" for number in ids_by_number(ids)))


def with_idle_waiver(finding: Finding, waiver: Waiver) -> Finding:
    """The finding, with the reason why its waiver is not in force before its hint."""
    if waiver.lacks_reason:
        return with_note(finding, f"the waiver of {waiver.owner} accepts nothing until its `because` is filled in")
    return with_note(finding, f"the waiver of {waiver.owner} ran out on {waiver.until}")


def with_note(finding: Finding, note: str) -> Finding:
    """The finding with a note before its hint."""
    return replace(finding, hint=f"{note}; {finding.hint}" if finding.hint else note)
