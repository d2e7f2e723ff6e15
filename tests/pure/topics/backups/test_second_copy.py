"""A second place for backups: listed and digested for real, and held against the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.second_copy.facts import CopyDirectory
from fleetkeeper.topics.backups.second_copy.facts import Facts as Copies
from fleetkeeper.topics.backups.second_copy.observe import recent_backups, within_budget
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson
from remediate.remedies import REMEDIES
from tests.example_fleets.backups import GOOD, MIB, NOW, TEXT, backup_fleet, make_policy, twice_a_day, verdict_of

RULE = "backups.exist_elsewhere"
SECOND = TEXT.replace("  at_least: 3", "  at_least: 3\n  elsewhere: {node: vgpu, path: /srv/copies}")
NAMES = tuple(item.name for item in GOOD)
DIGESTS = {name: f"digest of {name}" for name in NAMES[:3]}
HERE = CopyDirectory(NAMES, DIGESTS, "/volume", {name: f"{name} here" for name in NAMES[:3]}, device=1)
COPIES = replace(HERE, directory="/srv/copies", marks={name: f"{name} there" for name in NAMES[:3]}, free=2**40)
EMPTY = CopyDirectory(directory="/srv/copies", device=1, free=2**40)


def make_fleet(
    directory: CopyDirectory | Unobservable, files=GOOD, here: CopyDirectory | Unobservable = HERE, text: str = SECOND
):
    seen = backup_fleet(files, text=text)
    facts = {("data", "copies"): Copies(here=here), ("vgpu", "copies"): Copies(there=directory)}
    return replace(seen, facts={**seen.facts, **facts})


def copy_of(*places, **changes):
    return verdict_of(RULE, make_fleet(*places, **changes))


def make_remedy(*places, **changes):
    seen = make_fleet(*places, **changes)
    [match, *_] = verdict_of(RULE, seen).findings
    return REMEDIES[RULE](match, seen)


def test_a_true_copy_of_the_newest_holds():
    assert copy_of(COPIES).outcome is Outcome.HOLDS


def test_a_true_copy_of_the_one_before_is_young_enough():
    before = replace(COPIES, names=NAMES[1:], digests={name: DIGESTS[name] for name in NAMES[1:3]})
    assert copy_of(before).outcome is Outcome.HOLDS


def test_what_a_copy_has_left_that_never_ended_is_told_until_it_is_gone():
    parts = {".fleetkeeper.old.part": NOW.timestamp() - 7200, ".fleetkeeper.new.part": NOW.timestamp() - 60}
    seen = make_fleet(replace(COPIES, parts=parts))
    seen = replace(seen, facts={**seen.facts, ("vgpu", "nodes"): seen.facts["data", "nodes"]})
    judged_now = verdict_of(RULE, seen)
    [text] = judged_now.warnings
    assert (judged_now.outcome, text.about, text.node) == (Outcome.HOLDS, ".fleetkeeper.old.part", "vgpu")
    answer = REMEDIES[RULE](text, seen)
    assert isinstance(answer, ForAPerson)
    assert "by hand on vgpu" in answer.what_to_do


def test_no_copy_is_a_finding_at_the_second_place():
    [match] = copy_of(EMPTY).findings
    assert (match.saw, match.node) == ("no true copy of the newest", "vgpu")
    assert match.want == "a true copy of one at most 1 d 12 h old in /srv/copies"


def test_a_missing_directory_is_a_finding_of_its_own():
    [match] = copy_of(CopyDirectory()).findings
    assert match.saw == "the second place does not exist (`backups.elsewhere`)"


def test_case_82_the_same_storage_seen_from_another_node_is_no_second_place():
    seen = replace(COPIES, marks=HERE.marks)
    [match] = copy_of(seen).findings
    assert "one storage, seen from two nodes" in match.saw
    assert "on the disk of the backups themselves" in make_remedy(seen).why


def test_another_directory_of_the_same_disk_is_no_second_place():
    text = SECOND.replace("{node: vgpu,", "{node: data,")
    seen = backup_fleet(text=text)
    facts = {("data", "copies"): Copies(here=HERE, there=COPIES)}
    same_disk = replace(seen, facts={**seen.facts, **facts})
    [match] = verdict_of(RULE, same_disk).findings
    assert "on the same disk" in match.saw
    assert "on the disk of the backups themselves" in REMEDIES[RULE](match, same_disk).why
    other = {("data", "copies"): Copies(here=HERE, there=replace(COPIES, device=2))}
    assert verdict_of(RULE, replace(seen, facts={**seen.facts, **other})).outcome is Outcome.HOLDS


def test_a_name_that_is_there_and_was_not_compared_is_unknown():
    assert copy_of(replace(EMPTY, names=NAMES)).outcome is Outcome.UNKNOWN


def test_an_old_copy_is_a_finding_that_says_how_old():
    old = twice_a_day(3, NOW - timedelta(days=3))
    names = tuple(element.name for element in old)
    both = CopyDirectory(names, dict.fromkeys(names, "same"), "/srv/copies")
    [match] = copy_of(both, files=old, here=both).findings
    assert match.saw == "the newest with a true copy is 3 d old"


def test_another_content_under_the_same_name_is_no_copy():
    [match] = copy_of(replace(EMPTY, names=NAMES[:1], digests={NAMES[0]: "something else"})).findings
    assert match.saw == f"no true copy of the newest; another content under the name {NAMES[0]}"


def test_quick_reads_no_copy_and_says_so():
    seen = make_fleet(replace(EMPTY, names=NAMES))
    quick = replace(seen, inventory=seen.inventory.model_copy(update={"quick": True}))
    assert "left out by --quick" in verdict_of(RULE, quick).not_applicable
    match = replace(make_fleet(EMPTY), inventory=quick.inventory)
    assert verdict_of(RULE, match).findings


def test_a_copy_of_what_was_never_verified_is_unknown_and_no_finding():
    unverified = backup_fleet(verified=(), text=SECOND)
    for present, outcome in ((COPIES, Outcome.UNKNOWN), (EMPTY, Outcome.FINDING)):
        facts = {("data", "copies"): Copies(here=HERE), ("vgpu", "copies"): Copies(there=present)}
        assert verdict_of(RULE, replace(unverified, facts={**unverified.facts, **facts})).outcome is outcome


# ── the remedy ──


def test_the_newest_is_copied_and_the_plan_needs_both_nodes():
    plan = make_remedy(EMPTY)
    [step] = plan.steps
    assert (step.source, step.node, step.file.name, step.sha256) == ("data", "vgpu", NAMES[0], DIGESTS[NAMES[0]])
    assert (step.directory, step.target, step.makes, step.reserve) == ("/volume", "/srv/copies", False, 2**30)
    assert (plan.nodes, plan.disturbs) == ({"data", "vgpu"}, ("nothing",))


def test_a_missing_directory_is_made_and_the_plan_says_so():
    [step] = make_remedy(CopyDirectory(free=2**40)).steps
    assert step.makes
    assert "is made, for root only" in step.show()


def test_a_newest_whose_name_is_taken_is_left_and_the_one_before_is_copied():
    [step] = make_remedy(replace(EMPTY, names=NAMES[:1], digests={NAMES[0]: "something else"})).steps
    assert step.file.name == NAMES[1]


def test_where_every_name_is_taken_a_person_must_look():
    others = replace(EMPTY, names=NAMES, digests=dict.fromkeys(NAMES, "something else"))
    assert f"another file under the name {NAMES[0]}" in make_remedy(others).why


def test_too_little_room_is_said_with_numbers():
    assert "1 GiB are free" in make_remedy(replace(EMPTY, free=2**30)).why


def test_a_stale_newest_is_not_copied_since_that_would_not_help():
    old = twice_a_day(3, NOW - timedelta(days=3))
    assert "a copy would not help" in make_remedy(EMPTY, files=old).why


def test_nothing_is_written_through_a_link():
    person = make_remedy(replace(EMPTY, directory="/mnt/disk"))
    assert ("through a link" in person.why, "/mnt/disk" in person.what_to_do) == (True, True)


def test_without_a_second_place_the_inventory_must_name_one():
    seen = make_fleet(EMPTY, text=TEXT)
    [warning] = verdict_of(RULE, seen).warnings
    assert "names no second place" in REMEDIES[RULE](warning, seen).why


# ── seen for real ──


@pytest.mark.parametrize("unseen", ["here", "there"])
def test_a_place_that_was_not_seen_is_unknown(unseen):
    why = Unobservable("permission denied")
    seen = copy_of(why) if unseen == "there" else copy_of(HERE, here=why)
    assert seen.outcome is Outcome.UNKNOWN


def test_an_inventory_without_a_second_place_is_warned_until_it_says_why():
    [warning] = copy_of(HERE, text=TEXT).warnings
    assert "no second place" in warning.saw
    text = SECOND.replace("{node: vgpu, path: /srv/copies}", '{none: "the storage is mirrored"}')
    assert copy_of(HERE, text=text).not_applicable == "the storage is mirrored"


def test_every_recent_copy_is_read_at_some_look_and_old_ones_never():
    files = twice_a_day(20)
    recent = recent_backups(files, make_policy(), timedelta(days=3))
    assert recent == list(files[:7])
    known_value, looks = set(), []
    while waiting := [element for element in recent if element.name not in known_value]:
        looks.append(within_budget(waiting, files, budget=0))
        known_value |= {element.name for element in looks[-1]}
    assert [len(look) for look in looks] == [3, 1, 1, 1, 1]
    assert within_budget(recent, files, budget=2 * MIB) == list(files[:5])
    assert recent_backups(files[:2], make_policy(), timedelta(hours=1)) == list(files[:2])


def test_a_copy_of_an_implausible_dump_alone_is_no_copy_of_a_backup_and_no_reason_to_copy_an_old_one():
    old = twice_a_day(5, NOW - timedelta(days=3))
    wrong = replace(GOOD[0], size=410)
    both = CopyDirectory((wrong.name,), {wrong.name: "same"}, "/srv/copies")
    verdict = copy_of(both, files=(wrong, *old), here=replace(both, directory="/v"))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "but is implausibly small: 410 B" in str(verdict.unknown[0])
