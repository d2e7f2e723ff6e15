"""What changed since the last audit: nothing is called gone that was not looked at again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.reports.history import (
    Extent,
    Memory,
    compare_findings,
    file_of,
    recall_findings,
)
from fleetkeeper.reports.terminal import changed_lines

FIRST, SECOND, THIRD = (f"2026-11-{day}T03:00:00+00:00" for day in (20, 21, 22))
PART = Extent(whole=False)


def make_finding(rule: str = "backups.are_fresh", subject: str = "postgres", **more: object) -> dict:
    base = {"saw": "3 d old", "want": "under 13 h", "why": "", "node": "data", "about": "", "severity": "error"}
    return {**base, "hint": "", "rule": rule, "subject": subject, "waived": None, **more}


def make_item(*findings: dict, outcome: str = "", rule: str = "backups.are_fresh", **more: object) -> dict:
    words = outcome or ("finding" if findings else "holds")
    base = {"inventory": "lab", "rule": rule, "subject": "postgres", "outcome": words, "unknown": [], "left_out": False}
    return {**base, "findings": list(findings), **more}


def night(items: list[dict], before: Memory, now: str) -> Memory:
    """The memory that an audit leaves."""
    changes = compare_findings("lab", items, before, now)
    return Memory(now, (*changes.new, *changes.old, *changes.unseen))


def names_in(matches: tuple) -> list[str]:
    return [match.rule for match in matches]


def test_on_the_first_audit_everything_is_new_and_nothing_is_said() -> None:
    changes = compare_findings("lab", [make_item(make_finding())], Memory(), FIRST)
    assert names_in(changes.new) == ["backups.are_fresh"]
    assert list(changed_lines(changes)) == []


def test_a_finding_that_stays_is_old_and_keeps_the_day_it_was_first_seen() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    changes = compare_findings("lab", [make_item(make_finding(saw="4 d old"))], before, SECOND)
    assert (names_in(changes.new), names_in(changes.old)) == ([], ["backups.are_fresh"])
    assert changes.old[0].since == FIRST
    assert changes.old[0].saw == "4 d old"


def test_a_finding_that_is_mended_is_gone_once() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    assert names_in(compare_findings("lab", [make_item()], before, SECOND).gone) == ["backups.are_fresh"]
    assert compare_findings("lab", [make_item()], night([make_item()], before, SECOND), THIRD).gone == ()


def test_what_could_not_be_looked_at_again_is_not_gone() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    dark = make_item(outcome="unknown", unknown=[{"node": "data", "why": "no route", "hint": "", "cause": ""}])
    changes = compare_findings("lab", [dark], before, SECOND)
    assert (changes.gone, names_in(changes.unseen)) == ((), ["backups.are_fresh"])


def test_what_was_partly_dark_is_not_gone_either() -> None:
    before = night([make_item(make_finding(node="data"), make_finding(node="vgpu"))], Memory(), FIRST)
    partly = make_item(
        make_finding(node="data"), unknown=[{"node": "vgpu", "why": "no route", "hint": "", "cause": ""}]
    )
    changes = compare_findings("lab", [partly], before, SECOND)
    assert (changes.gone, [element.node for element in changes.unseen]) == ((), ["vgpu"])


def test_what_was_not_asked_for_this_time_is_remembered_for_the_next() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    part = compare_findings("lab", [make_item(rule="nodes.can_be_looked_at")], before, SECOND, PART)
    assert (part.gone, part.dropped, names_in(part.unseen)) == ((), (), ["backups.are_fresh"])


def test_what_the_inventory_no_longer_asks_for_is_neither_gone_nor_open() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    changes = compare_findings("lab", [make_item(rule="nodes.can_be_looked_at")], before, SECOND)
    assert (changes.gone, changes.unseen, names_in(changes.dropped)) == ((), (), ["backups.are_fresh"])
    assert "1 no longer asked for" in next(changed_lines(changes))


@pytest.mark.parametrize(
    ("today", "limit"),
    [
        (make_item(outcome="not_applicable", reason="left out by --quick", left_out=True), ()),
        (make_item(outcome="not_applicable", reason="what is wrong is on data, outside --limit"), ("vgpu",)),
        (make_item(), ("vgpu",)),
        (make_item(make_finding(node="vgpu")), ("vgpu",)),
    ],
    ids=["quick", "wrong outside the limit", "holds inside the limit", "another finding inside the limit"],
)
def test_what_an_audit_left_out_is_not_gone(today: dict, limit: tuple[str, ...]) -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    changes = compare_findings("lab", [today], before, SECOND, Extent(limit))
    assert (changes.gone, [element.node for element in changes.unseen]) == ((), ["data"])


def test_what_is_mended_inside_the_limit_is_gone() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    assert names_in(compare_findings("lab", [make_item()], before, SECOND, Extent(("data",))).gone) == [
        "backups.are_fresh"
    ]


def test_a_promise_that_applies_no_more_is_gone() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    today = make_item(outcome="not_applicable", reason="the inventory asks for 0 replicas")
    assert names_in(compare_findings("lab", [today], before, SECOND).gone) == ["backups.are_fresh"]


def test_a_waived_finding_does_not_stand_and_is_not_called_gone() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    accepted = make_item(
        make_finding(waived={"owner": "ada", "until": "2027-01-31", "because": "later"}), outcome="waived"
    )
    changes = compare_findings("lab", [accepted], before, SECOND)
    assert (changes.gone, names_in(changes.waived)) == ((), ["backups.are_fresh"])
    assert "1 waived since" in next(changed_lines(changes))
    assert night([accepted], before, SECOND).open == ()


def test_a_finding_that_is_waived_in_part_is_still_open_and_not_called_waived() -> None:
    before = night([make_item(make_finding())], Memory(), FIRST)
    part = make_finding(waived={"owner": "ada", "until": "2027-01-31", "because": "later"})
    changes = compare_findings("lab", [make_item(make_finding(), part)], before, SECOND)
    assert (names_in(changes.old), changes.waived, changes.gone) == (["backups.are_fresh"], (), ())


def test_other_numbers_and_another_task_of_the_swarm_are_the_same_finding() -> None:
    element = make_finding(about="rodan_db.1.0123456789abcdefghijklmno", want="newer than 2026-11-20")
    two = make_finding(about="rodan_db.1.onmlkjihgfedcba9876543210", want="newer than 2026-11-21")
    before = night([make_item(element)], Memory(), FIRST)
    changes = compare_findings("lab", [make_item(two)], before, SECOND)
    assert (len(changes.old), changes.new, changes.gone) == (1, (), ())


def test_two_findings_that_cannot_be_told_apart_count_as_two() -> None:
    before = night([make_item(make_finding(), make_finding())], Memory(), FIRST)
    changes = compare_findings("lab", [make_item(make_finding())], before, SECOND)
    assert (len(changes.old), len(changes.gone)) == (1, 1)


def test_another_inventory_of_the_run_is_not_mixed_in() -> None:
    other = {**make_item(make_finding()), "inventory": "staging"}
    assert compare_findings("lab", [other], Memory(), FIRST).new == ()


@pytest.mark.parametrize("broken", ["", "{}", '{"schema": 1, "finished": 1, "open": [{}]}'])
def test_a_broken_file_of_an_older_fleetkeeper_is_no_memory(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "open.json"
    file.write_text(broken)
    assert recall_findings(file) == Memory()


def test_two_files_of_one_name_do_not_share_a_memory(tmp_path: Path) -> None:
    assert file_of(tmp_path, "lab", "/a/lab.yml") != file_of(tmp_path, "lab", "/b/lab.yml")


def test_the_terminal_names_what_is_new_and_gone_and_counts_what_is_old() -> None:
    before = night([make_item(make_finding()), make_item(make_finding("nodes.x"), rule="nodes.x")], Memory(), FIRST)
    today = [
        make_item(make_finding()),
        make_item(rule="nodes.x"),
        make_item(make_finding("volumes.y"), rule="volumes.y"),
    ]
    text = list(changed_lines(compare_findings("lab", today, before, SECOND)))
    assert text[0] == "lab, against 2026-11-20 03:00 UTC: 1 new, 1 gone, 1 old"
    assert text[1].startswith("  new   volumes.y [postgres]")
    assert text[2].startswith("  gone  nodes.x [postgres]")
    assert "since 2026-11-20 03:00 UTC: backups.are_fresh" in text[3]


def test_a_rule_that_an_upgrade_brings_is_newly_judged_and_its_finding_old_the_night_after() -> None:
    before = Memory(FIRST, (), frozenset({"backups.are_fresh"}))
    today = [make_item(make_finding()), make_item(make_finding("backups.cover_all"), rule="backups.cover_all")]
    changes = compare_findings("lab", today, before, SECOND)
    assert (names_in(changes.new), names_in(changes.newly_judged)) == (["backups.are_fresh"], ["backups.cover_all"])
    assert "1 newly judged (rules that no audit before asked)" in next(changed_lines(changes))
    after = Memory(SECOND, (*changes.new, *changes.newly_judged), changes.rules)
    assert names_in(compare_findings("lab", today, after, THIRD).old) == ["backups.are_fresh", "backups.cover_all"]


def test_a_memory_of_before_rules_were_remembered_knows_those_of_then(tmp_path: Path) -> None:
    file = tmp_path / "open.json"
    file.write_text(json.dumps({"schema": 1, "finished": FIRST, "open": []}))
    today = [make_item(make_finding()), make_item(make_finding("backups.young"), rule="backups.young")]
    changes = compare_findings("lab", today, recall_findings(file), SECOND)
    assert (names_in(changes.new), names_in(changes.newly_judged)) == (["backups.are_fresh"], ["backups.young"])


def test_a_part_of_an_audit_does_not_take_the_week_s_reminder_from_the_whole() -> None:
    long_ago = compare_findings("lab", [make_item(make_finding())], Memory(), "2026-11-01T03:00:00+00:00")
    before = Memory(FIRST, long_ago.new, long_ago.rules)
    part = compare_findings("lab", [make_item(make_finding())], before, SECOND, PART)
    assert (part.previous, part.long_red, part.reminded) == (FIRST, (), "")
    whole = compare_findings("lab", [make_item(make_finding())], before, THIRD)
    assert names_in(whole.long_red) == ["backups.are_fresh"]


def test_what_was_red_for_a_week_and_is_not_judged_this_time_is_told_so() -> None:
    before = night([make_item(make_finding(), make_finding(node="vgpu"))], Memory(), "2026-11-01T03:00:00+00:00")
    dark = [{"node": "vgpu", "why": "no route", "hint": "", "cause": ""}]
    lines = list(changed_lines(compare_findings("lab", [make_item(make_finding(), unknown=dark)], before, THIRD)))
    assert "  red for a week and more: 2 findings (1 not judged this time)" in lines
    assert "  since 2026-11-01 03:00 UTC: backups.are_fresh [postgres] 3 d old  (on data)" in lines
    assert (
        "  since 2026-11-01 03:00 UTC, not judged this time: backups.are_fresh [postgres] 3 d old  (on vgpu)" in lines
    )


def test_once_a_week_it_is_said_what_is_still_red_and_since_when() -> None:
    memory, lines = Memory(), []
    for day in range(1, 23):
        now = f"2026-11-{day:02}T03:00:00+00:00"
        items = [make_item(make_finding(), make_finding(node="vgpu", severity="warning"))]
        changes = compare_findings("lab", items, memory, now)
        memory = Memory(now, (*changes.new, *changes.old), changes.rules, changes.reminded)
        lines += [(day, line) for line in changed_lines(changes) if "2026-11-01" in line and "red" in line]
        lines += [(day, "weekly") for line in changed_lines(changes) if "red for a week and more: 1 finding" in line]
    assert [day for day, text in lines if text == "weekly"] == [8, 15, 22]
    assert "  since 2026-11-01 03:00 UTC: backups.are_fresh [postgres] 3 d old  (on data)" in list(
        changed_lines(changes)
    )


SETS = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True)


@given(SETS, SETS)
def test_new_gone_and_old_are_a_partition(yesterday: list[str], today: list[str]) -> None:
    def judged(matches: list[str]) -> list[dict]:
        return [make_item(*([make_finding(f"t.{n}")] if n in matches else []), rule=f"t.{n}") for n in "abcd"]

    changes = compare_findings("lab", judged(today), night(judged(yesterday), Memory(), FIRST), SECOND)
    assert {element.rule[2:] for element in changes.new} == set(today) - set(yesterday)
    assert {element.rule[2:] for element in changes.gone} == set(yesterday) - set(today)
    assert {element.rule[2:] for element in changes.old} == set(today) & set(yesterday)
    assert changes.unseen == ()
