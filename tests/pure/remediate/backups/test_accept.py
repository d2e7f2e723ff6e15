"""`remediate backups accept`: what it takes, what it asks for, and how it is proven."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.database.observe import parse_records
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.transport.commands import Output, Unobservable
from remediate.backups.accept import accept, accept_plan, in_force, plan_to_record, proof_of_record
from remediate.backups.list_backups import backup_rows, held_up
from remediate.plan_end import Proof
from remediate.render.console import Screen
from tests.example_fleets.backups import (
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    catalog_of_files,
    make_policy,
    twice_a_day,
    verdict_of,
)
from tests.pure.topics.backups.test_database import ACCEPTED, DRILL, RIGHT, SIZE
from tests.pure.topics.backups.test_plausible_size import sized


def make_fleet(files: Any = None, records: Records | Unobservable | None = None, text: str = TEXT) -> Fleet:
    """The good fleet with its database on vgpu."""
    base = backup_fleet(sized(*[100 * MIB] * 9, *[10 * MIB] * 2) if files is None else files, text=text)
    seen = Databases((), Records(digest="") if records is None else records)
    return replace(
        base,
        facts={
            **base.facts,
            ("data", "databases"): seen,
            ("vgpu", "databases"): Databases((RIGHT,)),
            ("data", "containers"): Containers("present", ()),
            ("vgpu", "containers"): Containers("present", ()),
        },
    )


@dataclass
class Desk:
    """A desk whose look is this fleet; what is applied is written down in it."""

    seen: Fleet
    screen: Screen = field(default_factory=Screen)
    written: list[bytes] = field(default_factory=list)
    proof: tuple[Proof, str] = (Proof.UNKNOWN, "")
    policy: Policy = field(default_factory=make_policy)

    def look(self, *topics: str) -> Fleet:
        return self.seen

    def planned(self, rule: str, plan: Any) -> Any:
        return plan

    def apply(self, plan: Any, question: Any) -> Exit:
        [step] = question.make().steps
        self.written.append(step.content if isinstance(step.content, bytes) else step.content.encode())
        record = Databases((), parse_records(output_of(self.written[-1])))
        self.seen = replace(self.seen, facts={**self.seen.facts, ("data", "databases"): record})
        self.proof = question.prove_it()
        return Exit.NOTHING_LEFT


def output_of(content: bytes) -> Output:
    return Output(0, content)


def accept_database(desk: Desk) -> Records:
    return parse_records(output_of(desk.written[-1]))


def test_an_implausible_size_is_accepted_with_a_reason_by_whom_and_when(capsys):
    desk = Desk(make_fleet())
    assert verdict_of("backups.have_plausible_size", desk.seen).outcome is Outcome.FINDING
    assert accept(desk, yes=True, because=" jobs of 2019 were deleted ") is Exit.NOTHING_LEFT
    size = accept_database(desk).size
    assert (size.size, size.because, bool(size.by)) == (10 * MIB, "jobs of 2019 were deleted", True)
    assert (size.backup, size.made) == (twice_a_day(1)[0].name, NOW - timedelta(minutes=29))
    assert desk.proof == (Proof.FIXED, "")
    assert verdict_of("backups.have_plausible_size", desk.seen).outcome is Outcome.HOLDS
    assert "from now on dumps are compared with 10 MiB" in capsys.readouterr().out


@pytest.mark.parametrize("because", ["", "  "])
def test_an_implausible_size_is_not_accepted_without_a_reason(because):
    desk = Desk(make_fleet())
    with pytest.raises(UsageError, match="needs a reason") as refused:
        accept(desk, yes=True, because=because)
    assert "--because" in refused.value.hint
    assert desk.written == []


@pytest.mark.parametrize(("typed", "size"), [("jobs were deleted", 10 * MIB), ("", None)])
def test_at_a_terminal_the_reason_is_asked_for_and_none_leaves_the_size_as_it_is(typed, size, monkeypatch):
    monkeypatch.setattr("remediate.backups.accept.asked_reason", lambda *, yes: typed)
    desk = Desk(make_fleet())
    assert accept(desk, yes=True) is Exit.NOTHING_LEFT
    assert accept_database(desk).accepted.system == RIGHT.system
    assert (accept_database(desk).size.size if accept_database(desk).size else None) == size


def test_where_the_size_is_plausible_only_the_database_is_accepted_and_no_reason_is_asked_for():
    desk = Desk(make_fleet(twice_a_day(9)))
    assert accept(desk, yes=True) is Exit.NOTHING_LEFT
    assert (accept_database(desk).size, accept_database(desk).accepted.system) == (None, RIGHT.system)


def test_a_reason_given_takes_the_size_of_the_newest_whatever_it_is():
    desk = Desk(make_fleet(twice_a_day(9)))
    accept(desk, yes=True, because="as it should be")
    assert accept_database(desk).size.size == MIB


def test_a_reason_where_there_is_no_whole_dump_is_refused_and_so_is_one_where_none_was_seen():
    for files in ((), Unobservable("the volume is not mounted")):
        desk = Desk(make_fleet(files))
        assert accept(desk, yes=True, because="right") is Exit.NOT_ALL_SEEN
        assert accept(desk, yes=True) is Exit.NOTHING_LEFT
        assert accept_database(desk).size is None


def test_what_was_written_down_stays_when_something_is_accepted():
    desk = Desk(make_fleet(records=Records(ACCEPTED, (DRILL,), "d", SIZE)))
    accept(desk, yes=True, because="right")
    assert accept_database(desk).drills == (DRILL,)
    assert accept_database(desk).size.size == 10 * MIB
    assert accept_database(desk).accepted.at > ACCEPTED.at


def test_a_record_dated_ahead_by_a_wrong_clock_does_not_outlive_what_is_accepted():
    ahead = Records(replace(ACCEPTED, at=NOW + timedelta(days=4000)), size=replace(SIZE, at=NOW + timedelta(days=4000)))
    desk = Desk(make_fleet(records=ahead))
    accept(desk, yes=True, because="right")
    assert (desk.proof, accept_database(desk).size.size) == ((Proof.FIXED, ""), 10 * MIB)
    assert in_force(Records(), ahead) == Records()


def test_the_plan_adds_to_the_record_of_the_look_that_it_is_made_from():
    other = replace(DRILL, at=NOW)
    fresh = make_fleet(records=Records(ACCEPTED, (DRILL, other), "digest of now"))
    [step] = plan_to_record(fresh, make_policy(), Records(size=SIZE)).steps
    assert "digest of now" in repr(step)
    content = step.content if isinstance(step.content, bytes) else step.content.encode()
    assert replace(parse_records(output_of(content)), digest="") == Records(ACCEPTED, (DRILL, other), size=SIZE)


def test_the_proof_reads_the_record_back():
    addition = Records(size=SIZE)
    assert proof_of_record(make_fleet(records=Records(size=SIZE)), make_policy(), addition) == (Proof.FIXED, "")
    assert proof_of_record(make_fleet(records=Records()), make_policy(), addition)[0] is Proof.FAILING
    assert proof_of_record(make_fleet(records=Unobservable("gone")), make_policy(), addition)[0] is Proof.UNKNOWN


def test_a_drill_that_is_written_down_keeps_the_accepted_size():
    before = Records(ACCEPTED, (), "d", SIZE)
    [step] = accept_plan(make_policy(), before, Records(ACCEPTED, (DRILL,))).steps
    content = step.content if isinstance(step.content, bytes) else step.content.encode()
    assert replace(parse_records(output_of(content)), digest="") == Records(ACCEPTED, (DRILL,), size=SIZE)


# ── what is listed meanwhile ──


def list_files(records: Records | Unobservable) -> list[Any]:
    files = twice_a_day(60)
    return list(held_up(make_fleet(files, records), backup_rows(catalog_of_files(files), make_policy(), NOW, {})))


def test_the_list_says_what_a_failed_drill_and_an_unseen_record_hold_up():
    assert sum(not row.stays for row in list_files(Records())) == 40
    failed: Drill = replace(DRILL, error="it does not restore")
    for records, why in ((Records(drills=(failed,)), "did not come back"), (Unobservable("denied"), "is not seen: ")):
        match = list_files(records)
        assert all(row.stays for row in match)
        assert sum(why in row.reasons[0] for row in match) == 40


def test_nothing_that_is_listed_is_without_a_reason():
    assert all(row.reasons and all(row.reasons) for row in list_files(Records()))
