"""The history of findings: nothing opens or ends in it that a whole audit has not judged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetkeeper.errors import UsageError
from fleetkeeper.reports.finding_intervals import FindingHistory, Interval, InventoryFile, open_history
from fleetkeeper.reports.history import WHOLE, Extent, Memory, OpenFinding, compare_findings
from tests.pure.reports.test_history import make_finding, make_item

LAB = InventoryFile("lab", "/srv/lab.yml")
BEGINNING = datetime(2026, 11, 1, 3, tzinfo=UTC)
DARK = [{"node": "data", "why": "no route", "hint": "", "cause": ""}]
ACCEPTED = {"owner": "ada", "until": "2027-01-31", "because": "later"}


@contextmanager
def history_of(state: Path, *, write: bool = True) -> Iterator[FindingHistory]:
    with open_history(state, BEGINNING, [], write=write) as history:
        assert history is not None
        yield history


def audit_night(state: Path, items: list[dict], night: int, extent: Extent = WHOLE) -> None:
    """What a run of one night does to the history in a directory."""
    now = BEGINNING + timedelta(days=night)
    with open_history(state, now, [], write=extent.whole) as history:
        before = (history and history.recall(LAB)) or Memory()
        changes = compare_findings("lab", items, before, now.isoformat(), extent)
        if extent.whole and history:
            history.remember(LAB, changes, now, now + timedelta(minutes=1))


def intervals(state: Path) -> list[Interval]:
    with history_of(state) as history:
        return history.intervals(LAB)


def nights(state: Path) -> list[tuple[int, int, int | None, str | None]]:
    """For each interval the nights of its beginning, when it was seen last, and of its end; and how it ended."""
    start = BEGINNING.timestamp()

    def night(moment: int | None) -> int | None:
        return None if moment is None else round((moment - start) / 86400)

    return [(night(i.opened), night(i.seen), night(i.closed), i.ending) for i in intervals(state)]  # type: ignore[misc]


def test_a_finding_is_open_from_its_first_night_until_it_was_judged_without_it(tmp_path: Path) -> None:
    for night, items in enumerate(([], [make_finding()], [make_finding(saw="4 d old")], [])):
        audit_night(tmp_path, [make_item(*items)], night)
    assert nights(tmp_path) == [(1, 2, 3, "gone")]


def test_one_that_comes_back_begins_anew(tmp_path: Path) -> None:
    for night, items in enumerate(([make_finding()], [], [make_finding()])):
        audit_night(tmp_path, [make_item(*items)], night)
    assert nights(tmp_path) == [(0, 0, 1, "gone"), (2, 2, None, None)]


def test_what_is_unknown_begins_and_ends_nothing(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    audit_night(tmp_path, [make_item(outcome="unknown", unknown=DARK)], 1)
    assert nights(tmp_path) == [(0, 0, None, None)]


def test_a_part_of_an_audit_begins_and_ends_nothing(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    audit_night(tmp_path, [make_item()], 1, Extent(whole=False))
    audit_night(tmp_path, [make_item(make_finding("mail.x"), rule="mail.x")], 2, Extent(("data",), whole=False))
    assert nights(tmp_path) == [(0, 0, None, None)]


def test_an_accepted_finding_ends_and_begins_anew_when_it_counts_again(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    for night in (1, 2):
        audit_night(tmp_path, [make_item(make_finding(waived=ACCEPTED), outcome="waived")], night)
    audit_night(tmp_path, [make_item(make_finding())], 3)
    assert nights(tmp_path) == [(0, 0, 1, "waived"), (3, 3, None, None)]


def test_what_the_inventory_no_longer_asks_for_ends_as_that(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    audit_night(tmp_path, [make_item(rule="nodes.can_be_looked_at")], 1)
    assert nights(tmp_path) == [(0, 0, 1, "not asked")]


def test_what_a_new_rule_finds_is_marked_as_newly_judged(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item()], 0)
    audit_night(tmp_path, [make_item(make_finding()), make_item(make_finding("mail.x"), rule="mail.x")], 1)
    assert {each.rule: each.newly_judged for each in intervals(tmp_path)} == {
        "backups.are_fresh": False,
        "mail.x": True,
    }


def test_what_an_older_fleetkeeper_remembered_keeps_its_age(tmp_path: Path) -> None:
    old = compare_findings("lab", [make_item(make_finding()), make_item(make_finding("mail.x"), rule="mail.x")],
                           Memory(), BEGINNING.isoformat())  # fmt: skip
    now = BEGINNING + timedelta(days=5)
    items = [make_item(make_finding()), make_item(rule="mail.x")]
    changes = compare_findings("lab", items, Memory(BEGINNING.isoformat(), old.new), now.isoformat())
    with history_of(tmp_path) as history:
        assert history.recall(LAB) is None
        history.remember(LAB, changes, now, now)
    assert nights(tmp_path) == [(0, 5, None, None), (0, 0, 5, "gone")]


@pytest.mark.parametrize("since", ["", "yesterday", "2999-01-01T00:00:00+00:00"])
def test_a_beginning_that_makes_no_sense_is_the_present(tmp_path: Path, since: str) -> None:
    finding = OpenFinding("k", "mail.x", "s", "", "", "\ud800 and \0", "error", since)
    audit_night(tmp_path, [], 0)
    now = BEGINNING + timedelta(days=1)
    changes = compare_findings("lab", [], Memory(BEGINNING.isoformat(), (finding,)), now.isoformat(), Extent(("x",)))
    with history_of(tmp_path) as history:
        history.remember(LAB, changes, now, now)
    assert nights(tmp_path)[0][:2] == (1, 1)


def test_the_memory_is_that_of_the_last_whole_audit(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    audit_night(tmp_path, [make_item(make_finding(saw="4 d old"))], 1)
    with history_of(tmp_path) as history:
        memory = history.recall(LAB)
        assert history.recall(InventoryFile("lab", "/another/lab.yml")) is None
    assert memory is not None
    assert (memory.finished, memory.rules) == ("2026-11-02T03:01:00+00:00", frozenset({"backups.are_fresh"}))
    assert [(finding.since, finding.saw) for finding in memory.open] == [("2026-11-01T03:00:00+00:00", "4 d old")]


def test_an_audit_that_began_before_the_last_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 3)
    with pytest.raises(UsageError, match="has an audit that began later, at 2026-11-04"):
        audit_night(tmp_path, [make_item()], 2)
    assert nights(tmp_path) == [(3, 3, None, None)]


def test_two_audits_at_once_are_both_whole(tmp_path: Path) -> None:
    """Eight of one moment: each waits for the others' transaction, and each finding is open once."""
    start, troubles = threading.Barrier(8), []

    def audit_at_once() -> None:
        start.wait()
        try:
            audit_night(tmp_path, [make_item(make_finding(), make_finding(node="vgpu"))], 0)
        except (OSError, UsageError, sqlite3.Error) as why:
            troubles.append(why)

    threads = [threading.Thread(target=audit_at_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert troubles == []
    assert nights(tmp_path) == [(0, 0, None, None)] * 2


def test_an_audit_that_waits_too_long_for_another_says_so_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    monkeypatch.setattr("fleetkeeper.reports.finding_intervals.PATIENCE", 0.1)
    with history_of(tmp_path), pytest.raises(OSError, match="database is locked"):
        audit_night(tmp_path, [make_item()], 1)
    assert nights(tmp_path) == [(0, 0, None, None)]


def test_an_audit_that_fails_while_it_writes_leaves_all_as_it_was(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding())], 0)
    with pytest.raises(ZeroDivisionError), history_of(tmp_path) as history:
        history.connection.execute("DELETE FROM finding").rowcount / 0
    assert nights(tmp_path) == [(0, 0, None, None)]


def broken_files() -> Iterator[tuple[str, bytes]]:
    yield "no database", b"no database" * 100
    with TemporaryDirectory() as name:
        path = Path(name) / "other.sqlite"
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TABLE other (x TEXT)")
        yield "another program's", path.read_bytes()
        audit_night(Path(name), [make_item(*(make_finding(node=f"n{n}") for n in range(200)))], 0)
        content = bytearray((Path(name) / "history.sqlite").read_bytes())
        yield "cut", bytes(content[: len(content) // 2])
        content[4096:12288] = b"\xff" * 8192
        yield "overwritten", bytes(content)


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in broken_files()])
def test_a_damaged_file_is_set_aside_by_a_whole_audit_and_left_by_another(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(content)
    notes: list[str] = []
    with open_history(tmp_path, BEGINNING, notes, write=False) as history:
        assert history is None
    assert (len(notes), path.read_bytes()) == (1, content)
    audit_night(tmp_path, [make_item(make_finding())], 0)
    assert (tmp_path / "history.broken-20261101-030000.sqlite").read_bytes() == content
    assert nights(tmp_path) == [(0, 0, None, None)]


def test_what_ended_three_years_ago_is_forgotten_and_what_is_open_stays(tmp_path: Path) -> None:
    audit_night(tmp_path, [make_item(make_finding()), make_item(make_finding("mail.x"), rule="mail.x")], 0)
    for night in (1, 1200):
        audit_night(tmp_path, [make_item(make_finding()), make_item(rule="mail.x")], night)
    assert [each.rule for each in intervals(tmp_path)] == ["backups.are_fresh"]


def test_ten_thousand_findings_are_remembered_in_a_moment(tmp_path: Path) -> None:
    many = [make_item(*(make_finding(node=f"node{n}") for n in range(10_000)))]
    began = datetime.now(UTC)
    for night in (0, 1):
        audit_night(tmp_path, many, night)
    audit_night(tmp_path, [make_item()], 2)
    assert datetime.now(UTC) - began < timedelta(seconds=20)
    assert {(opened, closed) for opened, _, closed, _ in nights(tmp_path)} == {(0, 2)}


OUTCOMES = st.sampled_from(["holds", "finding", "unknown", "waived", "left out", "absent", "dark and wrong"])
NIGHTS = st.lists(st.tuples(st.booleans(), st.dictionaries(st.sampled_from("abc"), OUTCOMES)), max_size=12)


def judged_night(outcomes: dict[str, str]) -> list[dict]:
    rules = {name: f"t.{name}" for name in outcomes}
    made = {
        "holds": lambda rule: make_item(rule=rule),
        "finding": lambda rule: make_item(make_finding(rule), rule=rule),
        "unknown": lambda rule: make_item(rule=rule, outcome="unknown", unknown=DARK),
        "waived": lambda rule: make_item(make_finding(rule, waived=ACCEPTED), rule=rule, outcome="waived"),
        "left out": lambda rule: make_item(rule=rule, outcome="not_applicable", left_out=True),
        "dark and wrong": lambda rule: make_item(make_finding(rule), rule=rule, unknown=DARK),
    }
    return [made[outcome](rules[name]) for name, outcome in outcomes.items() if outcome in made]


def open_after(state: dict[str, int], outcomes: dict[str, str], night: int) -> dict[str, int]:
    """The model: since which night each rule's finding is open, after a whole audit of these outcomes."""
    after = {}
    for name in "abc":
        outcome = outcomes.get(name, "absent")
        if outcome in ("finding", "dark and wrong"):
            after[name] = state.get(name, night)
        elif outcome in ("unknown", "left out") and name in state:
            after[name] = state[name]
    return after


@settings(max_examples=60, deadline=None)
@given(NIGHTS)
def test_the_intervals_are_those_of_the_whole_audits_alone(audits: list[tuple[bool, dict[str, str]]]) -> None:
    with TemporaryDirectory() as name:
        state, model = Path(name), dict[str, int]()
        for night, (whole, outcomes) in enumerate(audits):
            audit_night(state, judged_night(outcomes), night, Extent(whole=whole))
            model = open_after(model, outcomes, night) if whole else model
        rows = intervals(state)
        start = BEGINNING.timestamp()
        assert {i.rule[2:]: round((i.opened - start) / 86400) for i in rows if i.closed is None} == model
        for each in rows:
            assert each.opened <= each.seen <= (each.closed or each.seen)
            later = [other for other in rows if other.key == each.key and other.opened > each.opened]
            assert all(each.closed is not None and other.opened >= each.closed for other in later)
