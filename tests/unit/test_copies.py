"""A second place for backups: listed and digested for real, and held against the first."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups import second_copy
from fleetkeeper.topics.backups.second_copy import Place
from fleetkeeper.topics.backups.second_copy.observation import affordable, lately, look_into_copies, parse_copies
from fleetkeeper.transport.commands import Output, Unobservable
from remediate.remedies import REMEDIES
from tests.backups import GOOD, MIB, NOW, TEXT, fleet, inventory, judged, policy, twice_a_day

RULE = "backups.exist_elsewhere"
SECOND = TEXT.replace("  at_least: 3", "  at_least: 3\n  elsewhere: {node: vgpu, path: /srv/copies}")
NAMES = tuple(one.name for one in GOOD)
DIGESTS = {name: f"digest of {name}" for name in NAMES[:3]}
HERE = Place(NAMES, DIGESTS, "/volume", {name: f"{name} here" for name in NAMES[:3]}, device=1)
COPIES = replace(HERE, directory="/srv/copies", marks={name: f"{name} there" for name in NAMES[:3]}, free=2**40)
EMPTY = Place(directory="/srv/copies", device=1, free=2**40)


def world(there: Place | Unobservable, files=GOOD, here: Place | Unobservable = HERE, text: str = SECOND):
    seen = fleet(files, text=text)
    facts = {("data", "copies"): second_copy.Facts(here=here), ("vgpu", "copies"): second_copy.Facts(there=there)}
    return replace(seen, facts={**seen.facts, **facts})


def copied(*places, **changes):
    return judged(RULE, world(*places, **changes))


def remedy(*places, **changes):
    seen = world(*places, **changes)
    [found, *_] = judged(RULE, seen).findings
    return REMEDIES[RULE](found, seen)


def test_a_true_copy_of_the_newest_holds():
    assert copied(COPIES).outcome is Outcome.HOLDS


def test_a_true_copy_of_the_one_before_is_young_enough():
    before = replace(COPIES, names=NAMES[1:], digests={name: DIGESTS[name] for name in NAMES[1:3]})
    assert copied(before).outcome is Outcome.HOLDS


def test_no_copy_is_a_finding_at_the_second_place():
    [found] = copied(EMPTY).findings
    assert (found.saw, found.node) == ("no true copy of the newest", "vgpu")
    assert found.want == "a true copy of one at most 1 d 12 h old in /srv/copies"


def test_a_missing_directory_is_a_finding_of_its_own():
    [found] = copied(Place()).findings
    assert found.saw == "there is no such directory"


def test_case_82_the_same_storage_seen_from_another_node_is_no_second_place():
    seen = replace(COPIES, marks=HERE.marks)
    [found] = copied(seen).findings
    assert "one storage, seen from two nodes" in found.saw
    assert "on the disk of the backups themselves" in remedy(seen).why


def test_another_directory_of_the_same_disk_is_no_second_place():
    text = SECOND.replace("{node: vgpu,", "{node: data,")
    seen = fleet(text=text)
    facts = {("data", "copies"): second_copy.Facts(here=HERE, there=COPIES)}
    same_disk = replace(seen, facts={**seen.facts, **facts})
    [found] = judged(RULE, same_disk).findings
    assert "on the same disk" in found.saw
    assert "on the disk of the backups themselves" in REMEDIES[RULE](found, same_disk).why
    other = {("data", "copies"): second_copy.Facts(here=HERE, there=replace(COPIES, device=2))}
    assert judged(RULE, replace(seen, facts={**seen.facts, **other})).outcome is Outcome.HOLDS


def test_a_name_that_is_there_and_was_not_compared_is_unknown():
    assert copied(replace(EMPTY, names=NAMES)).outcome is Outcome.UNKNOWN


def test_an_old_copy_is_a_finding_that_says_how_old():
    old = twice_a_day(3, NOW - timedelta(days=3))
    names = tuple(one.name for one in old)
    both = Place(names, dict.fromkeys(names, "same"), "/srv/copies")
    [found] = copied(both, files=old, here=both).findings
    assert found.saw == "the newest with a true copy is 3 d old"


def test_another_content_under_the_same_name_is_no_copy():
    [found] = copied(replace(EMPTY, names=NAMES[:1], digests={NAMES[0]: "something else"})).findings
    assert found.saw == f"no true copy of the newest; another content under the name {NAMES[0]}"


def test_quick_reads_no_copy_and_says_so():
    seen = world(replace(EMPTY, names=NAMES))
    quick = replace(seen, inventory=seen.inventory.model_copy(update={"quick": True}))
    assert "left out by --quick" in judged(RULE, quick).not_applicable
    found = replace(world(EMPTY), inventory=quick.inventory)
    assert judged(RULE, found).findings


def test_a_copy_of_what_was_never_verified_is_unknown_and_no_finding():
    unverified = fleet(verified=(), text=SECOND)
    for there, outcome in ((COPIES, Outcome.UNKNOWN), (EMPTY, Outcome.FINDING)):
        facts = {("data", "copies"): second_copy.Facts(here=HERE), ("vgpu", "copies"): second_copy.Facts(there=there)}
        assert judged(RULE, replace(unverified, facts={**unverified.facts, **facts})).outcome is outcome


# ── the remedy ──


def test_the_newest_is_copied_and_the_plan_needs_both_nodes():
    plan = remedy(EMPTY)
    [step] = plan.steps
    assert (step.source, step.node, step.file.name, step.sha256) == ("data", "vgpu", NAMES[0], DIGESTS[NAMES[0]])
    assert (step.directory, step.target, step.makes, step.reserve) == ("/volume", "/srv/copies", False, 2**30)
    assert (plan.nodes, plan.disturbs) == ({"data", "vgpu"}, ("nothing",))


def test_a_missing_directory_is_made_and_the_plan_says_so():
    [step] = remedy(Place(free=2**40)).steps
    assert step.makes
    assert "is made, for root only" in step.show()


def test_a_newest_whose_name_is_taken_is_left_and_the_one_before_is_copied():
    [step] = remedy(replace(EMPTY, names=NAMES[:1], digests={NAMES[0]: "something else"})).steps
    assert step.file.name == NAMES[1]


def test_where_every_name_is_taken_a_person_must_look():
    others = replace(EMPTY, names=NAMES, digests=dict.fromkeys(NAMES, "something else"))
    assert f"another file under the name {NAMES[0]}" in remedy(others).why


def test_too_little_room_is_said_with_numbers():
    assert "1 GiB are free" in remedy(replace(EMPTY, free=2**30)).why


def test_a_stale_newest_is_not_copied_since_that_would_not_help():
    old = twice_a_day(3, NOW - timedelta(days=3))
    assert "a copy would not help" in remedy(EMPTY, files=old).why


def test_nothing_is_written_through_a_link():
    person = remedy(replace(EMPTY, directory="/mnt/disk"))
    assert ("through a link" in person.why, "/mnt/disk" in person.what_to_do) == (True, True)


def test_without_a_second_place_the_inventory_must_name_one():
    seen = world(EMPTY, text=TEXT)
    [warning] = judged(RULE, seen).warnings
    assert "names no second place" in REMEDIES[RULE](warning, seen).why


# ── seen for real ──


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
    assert second_copy.differs("backup_2026_01_05T00_00_00.sql.gz", facts.here, facts.there)
    assert second_copy.same("backup_2026_01_04T00_00_00.sql.gz", facts.here, facts.there)
    again, asked = looked(text)
    assert (again.here, again.there.digests, asked) == (facts.here, facts.there.digests, 2)


def test_a_second_place_that_is_missing_is_seen_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "first").mkdir()
    text = SECOND.replace("budget: 60 GiB", f"path: {tmp_path}/first").replace(
        "vgpu, path: /srv", f"data, path: {tmp_path}"
    )
    facts, _ = looked(text)
    assert facts.here == Place(directory=str((tmp_path / "first").resolve()))
    assert facts.there == Place(device=tmp_path.resolve().stat().st_dev, free=facts.there.free)
    assert facts.there.free > 0


def test_case_39_a_second_place_below_a_file_or_behind_a_dangling_link_is_not_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    for path in ("file", "file/below", "link", "link/below"):
        with pytest.raises(Unobservable):
            parse_copies(ran(look_into_copies(f"{tmp_path}/{path}").words))


def test_case_39_a_second_place_whose_disk_is_not_mounted_is_not_seen(tmp_path):
    (tmp_path / "fstab").write_text(f"# comment\nUUID=1 {tmp_path}/mnt ext4 defaults 0 0\nnone none swap sw 0 0\n\n")
    (tmp_path / "mnt").mkdir()
    words = tuple(word.replace("/etc/fstab", f"{tmp_path}/fstab") for word in look_into_copies("").words[:-1])
    for path in ("mnt", "mnt/copies"):
        with pytest.raises(Unobservable, match="is not mounted"):
            parse_copies(ran((*words, f"{tmp_path}/{path}")))
    assert parse_copies(ran((*words, f"{tmp_path}/mnt2"))).directory == ""


def test_every_recent_copy_is_read_at_some_look_and_old_ones_never():
    files = twice_a_day(20)
    recent = lately(files, policy(), timedelta(days=3))
    assert recent == list(files[:7])
    known, looks = set(), []
    while waiting := [one for one in recent if one.name not in known]:
        looks.append(affordable(waiting, files, budget=0))
        known |= {one.name for one in looks[-1]}
    assert [len(look) for look in looks] == [3, 1, 1, 1, 1]
    assert affordable(recent, files, budget=2 * MIB) == list(files[:5])
    assert lately(files[:2], policy(), timedelta(hours=1)) == list(files[:2])


def test_the_same_directory_twice_is_told_from_a_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / NAMES[0]).write_bytes(b"x")
    shutil.copytree(first, second)
    text = SECOND.replace("budget: 60 GiB", f"path: {first}")
    for place, shared in ((first, True), (second, False)):
        facts, _ = looked(text.replace("vgpu, path: /srv/copies", f"data, path: {place}"))
        assert second_copy.shared(NAMES[0], facts.here, facts.there) is shared
        assert second_copy.same(NAMES[0], facts.here, facts.there) is not shared


def looked(text: str) -> tuple[second_copy.Facts, int]:
    """The facts of node `data`, and how many commands it was asked."""
    world = inventory(text)
    look = second_copy.observe(world.nodes["data"], world)
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


def test_a_copy_of_an_implausible_dump_alone_is_no_copy_of_a_backup_and_no_reason_to_copy_an_old_one():
    old = twice_a_day(5, NOW - timedelta(days=3))
    wrong = replace(GOOD[0], size=410)
    both = Place((wrong.name,), {wrong.name: "same"}, "/srv/copies")
    verdict = copied(both, files=(wrong, *old), here=replace(both, directory="/v"))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "but is implausibly small: 410 B" in str(verdict.unknown[0])
