"""A second place for backups: listed and digested for real, and held against the first."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.commands import Output, Unobservable
from fleet.topics import copies
from fleet.topics.copies import Place
from fleet.verdicts import Outcome
from tests.backups import GOOD, NOW, TEXT, fleet, inventory, judged, twice_a_day

RULE = "backups.exist_elsewhere"
SECOND = TEXT.replace("  at_least: 3", "  at_least: 3\n  elsewhere: {node: vgpu, path: /srv/copies}")
NAMES = tuple(one.name for one in GOOD)
HERE = Place(NAMES, {name: f"digest of {name}" for name in NAMES[:3]})


def copied(there: Place | Unobservable, files=GOOD, here: Place | Unobservable = HERE, text: str = SECOND):
    world = fleet(files, text=text)
    facts = {("data", "copies"): copies.Facts(here=here), ("vgpu", "copies"): copies.Facts(there=there)}
    return judged(RULE, replace(world, facts={**world.facts, **facts}))


def test_a_true_copy_of_the_newest_holds():
    assert copied(HERE).outcome is Outcome.HOLDS


def test_a_true_copy_of_the_one_before_is_young_enough():
    before = Place(NAMES[1:], {name: HERE.digests[name] for name in NAMES[1:3]})
    assert copied(before).outcome is Outcome.HOLDS


def test_no_copy_is_a_finding_at_the_second_place():
    [found] = copied(Place()).findings
    assert (found.saw, found.node) == ("no true copy of the newest", "vgpu")
    assert found.want == "a true copy of one at most 1 d 12 h old in /srv/copies"


def test_an_old_copy_is_a_finding_that_says_how_old():
    old = twice_a_day(3, NOW - timedelta(days=3))
    names = tuple(one.name for one in old)
    both = Place(names, dict.fromkeys(names, "same"))
    [found] = copied(both, files=old, here=both).findings
    assert found.saw == "the newest with a true copy is 3 d old"


def test_another_content_under_the_same_name_is_no_copy():
    [found] = copied(Place(NAMES, {NAMES[0]: "something else"})).findings
    assert found.saw == f"no true copy of the newest; another content under the name {NAMES[0]}"


@pytest.mark.parametrize("unseen", ["here", "there"])
def test_a_place_that_was_not_seen_is_unknown(unseen):
    why = Unobservable("permission denied")
    seen = copied(why) if unseen == "there" else copied(HERE, here=why)
    assert seen.outcome is Outcome.UNKNOWN


def test_an_inventory_without_a_second_place_is_warned_until_it_says_why():
    [warning] = copied(HERE, text=TEXT).warnings
    assert "no second place" in warning.saw
    said = SECOND.replace("{node: vgpu, path: /srv/copies}", '{none: "the storage is mirrored"}')
    assert copied(HERE, text=said).not_applicable == "the storage is mirrored"


def test_both_places_are_read_for_real_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        place.mkdir()
        for day in range(1, 6):
            (place / f"backup_2026_01_0{day}T00_00_00.sql.gz").write_bytes(b"x" * day)
    (second / "backup_2026_01_05T00_00_00.sql.gz").write_bytes(b"other")
    text = SECOND.replace("budget: 60 GiB", f"path: {first}").replace(
        "vgpu, path: /srv/copies", f"data, path: {second}"
    )
    facts, asked = looked(text)
    assert asked == 4
    assert len(facts.here.names) == 5
    assert copies.differs("backup_2026_01_05T00_00_00.sql.gz", facts.here, facts.there)
    assert copies.same("backup_2026_01_04T00_00_00.sql.gz", facts.here, facts.there)
    assert looked(text) == (facts, 2)


def test_a_second_place_that_is_missing_leaves_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "first").mkdir()
    text = SECOND.replace("budget: 60 GiB", f"path: {tmp_path}/first").replace(
        "vgpu, path: /srv", f"data, path: {tmp_path}"
    )
    facts, _ = looked(text)
    assert facts.here == Place()
    assert isinstance(facts.there, Unobservable)


def looked(text: str) -> tuple[copies.Facts, int]:
    """The facts of node `data`, and how many commands it was asked."""
    world = inventory(text)
    look = copies.observe(world.nodes["data"], world)
    asked = 0
    try:
        commands = next(look)
        while True:
            asked += len(commands)
            commands = look.send([ran(command.words) for command in commands])
    except StopIteration as done:
        return done.value, asked


def ran(words: tuple[str, ...]) -> Output:
    done = subprocess.run(words, capture_output=True, check=False, env=os.environ)
    return Output(done.returncode, done.stdout, done.stderr, command="sh")
