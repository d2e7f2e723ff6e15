"""The state of each id of sections 4 and 5 after some files were judged: once for each file that says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.topics.benchmark.catalog import Entry, load_catalog
from fleetkeeper.topics.benchmark.files.judged_files import JudgedFile
from fleetkeeper.topics.benchmark.states import State, number_of
from fleetkeeper.transport.commands import Unobservable

SECTIONS = ("4", "5")
NOT_IN_FILES = "these files do not say it; it is judged on nodes"


def file_states(files: Sequence[JudgedFile], policy: Benchmark, today: date) -> list[State]:
    """The states, in the order of the policy's edition."""
    entries = [entry for entry in load_catalog() if entry.section in SECTIONS and number_of(entry, policy.edition)]
    return [state for entry in entries for state in states_of_entry(entry, files, policy, today)]


def states_of_entry(entry: Entry, files: Sequence[JudgedFile], policy: Benchmark, today: date) -> Iterator[State]:
    """The states of one id: one for each file that says something of it; one without a file where none does."""
    ids = set(entry.ids)
    saying = [file for file in files if ids & file.judged or file.problem]
    attestation = policy.attestation_of(entry.ids)
    if entry.level > policy.level:
        yield State(entry, "", "not applicable", f"level {entry.level} is not asked for")
    elif saying:
        yield from (state_in_file(entry, file) for file in saying)
    elif attestation and attestation.holds_on(today):
        text = f"{attestation.by}, until {attestation.until}: {attestation.because}"
        yield State(entry, "", "attested", text)
    else:
        yield State(entry, "", "unknown", NOT_IN_FILES)


def state_in_file(entry: Entry, file: JudgedFile) -> State:
    """The state of one id in one file that says something of it."""
    if file.problem:
        return State(entry, file.path, "unknown", f"line {file.problem[0]}: {file.problem[1]}")
    ids = set(entry.ids)
    mine = [placed for placed in file.open if ids & set(placed.finding.cis)]
    if mine:
        why = "; ".join(dict.fromkeys(f"line {placed.line}: {placed.finding.saw}" for placed in mine))
        return State(entry, file.path, "wrong", why, error=any(placed.counts for placed in mine))
    parts = [part.why for part in file.parts if ids & set(part.cis)]
    if dark := [part.why for part in parts if isinstance(part, Unobservable)]:
        return State(entry, file.path, "unknown", "; ".join(dict.fromkeys(dark)))
    if accepted := [placed for placed in file.findings if ids & set(placed.finding.cis)]:
        return State(entry, file.path, "waived", f"{accepted[0].finding.saw} ({accepted[0].accepted})")
    reasons = [part for part in parts if isinstance(part, str)]
    return State(entry, file.path, "not applicable", reasons[0]) if reasons else State(entry, file.path, "holds")
