"""The database dumps: young, whole, of a likely size, honest about their time, and no more than `keep` asks for."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.backups.rules import (
    contents,
    coverage,
    deleters,
    drills,
    dumps,
    live_database,
    second_copy,
    times,
)


@promise(dumps.are_fresh)
def test_are_fresh(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(dumps.are_complete)
def test_are_complete(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(dumps.have_plausible_size)
def test_have_plausible_size(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(times.tell_their_time)
def test_tell_their_time(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(second_copy.exist_elsewhere)
def test_exist_elsewhere(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(drills.come_back)
def test_come_back(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(dumps.are_thinned)
def test_are_thinned(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(coverage.cover_every_database)
def test_cover_every_database(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(coverage.cover_every_volume)
def test_cover_every_volume(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(contents.hold_the_live_tables)
def test_hold_the_live_tables(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(live_database.database_answers)
def test_database_answers(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(live_database.database_has_room)
def test_database_has_room(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(live_database.database_sees_the_backups)
def test_database_sees_the_backups(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(live_database.lie_on_a_lasting_disk)
def test_lie_on_a_lasting_disk(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(deleters.only_one_thing_deletes)
def test_only_one_thing_deletes(verdict: JudgedPromise) -> None:
    assert verdict.holds
