"""Applying plans to this machine: killed, cut, raced and refused at every step; and judged by the rule alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Unobservable
from remediate.apply import Applier
from remediate.commands.run_log import Undoing, report_interrupted
from remediate.journal import Journal
from remediate.lock import Busy
from remediate.plan import Plan
from remediate.plan_end import End
from remediate.runner import Terms, exit_reasons
from remediate.steps import EditFile, Require, Run, WriteFile
from tests.helpers.local_nodes import (
    Cut,
    FaultyLink,
    LocalNodes,
    files_below,
    rewrite_plan,
    sha_of,
    step_context,
    write_step,
)


@pytest.fixture
def local(tmp_path: Path) -> LocalNodes:
    return LocalNodes(tmp_path)


def ends_of(local: LocalNodes) -> list[End]:
    return [ended.end for ended in local.fix()]


NEW = {"a": "new a\n", "b": "new b\n"}
OLD = {"a": "old a\n", "b": "old b\n"}


def test_a_plan_that_helps_is_fixed_because_the_rule_says_so(local: LocalNodes) -> None:
    assert ends_of(local) == [End.FIXED, End.FIXED]
    assert local.texts() == NEW
    assert local.propose().planned == ()


def test_showing_a_plan_changes_nothing(local: LocalNodes) -> None:
    before = files_below(local.folder)
    assert len(local.propose().planned) == 2
    assert files_below(local.folder) == before


def useless(finding, fleet) -> Plan:
    """Writes something else than what is wanted."""
    return Plan(steps=(write_step(finding, fleet, "neither\n"),))


def test_case_70_a_fix_that_does_not_fix_is_said_and_taken_back_at_once(local: LocalNodes) -> None:
    local.remedy = useless
    [first, _] = local.fix()
    assert (first.end, first.rolled_back) == (End.STILL_FAILING, True)
    assert "saw: 'neither" in first.why
    assert "undone on a" in first.undone[0]
    assert local.texts() == OLD
    assert {code.value for code in exit_reasons(local.propose(), [first])} == {1}


def test_what_was_rolled_back_is_not_planned_again_while_nothing_has_changed(local: LocalNodes) -> None:
    local.remedy = useless
    local.fix()
    planned = local.propose().planned[0]
    before = local.journal.rolled_back("local", planned.rule.id, planned.subject.name, planned.memory)
    assert before is not None
    local.remedy = rewrite_plan
    planned = local.propose().planned[0]
    assert local.journal.rolled_back("local", planned.rule.id, planned.subject.name, planned.memory) is None


def two_steps(finding, fleet) -> Plan:
    """Writes the paper, then runs something that fails."""
    return Plan(steps=(*rewrite_plan(finding, fleet).steps, Run(finding.node, ("sh", "-c", "exit 9"))))


def test_a_step_that_fails_takes_the_steps_before_it_back(local: LocalNodes) -> None:
    local.remedy = two_steps
    [first, second] = local.fix()
    assert (first.end, second.end) == (End.FAILED, End.FAILED)
    assert first.why == "run: exit 9"
    assert any("no way back" in text for text in first.undone)
    assert local.texts() == OLD


def test_an_answer_that_a_step_misunderstands_does_not_stop_the_other_plans(local: LocalNodes) -> None:
    @dataclass(frozen=True)
    class Stumbling(WriteFile):
        def do(self, link, location):
            super().do(link, location)
            return int("canary") if self.node == "a" else None

    def plan(finding, fleet) -> Plan:
        [step] = rewrite_plan(finding, fleet).steps
        kind = Stumbling if finding.node == "a" else WriteFile
        return Plan(
            steps=(kind(step.node, step.path, b"neither" if finding.node == "a" else step.content, step.expect),)
        )

    local.remedy = plan
    first, second = local.fix()
    assert (first.end, second.end) == (End.FAILED, End.FIXED)
    assert "not understood (ValueError)" in first.why
    assert "canary" not in first.why
    assert local.texts() == {"a": "old a\n", "b": "new b\n"}


def then_looked_at(finding, fleet) -> Plan:
    """Writes the paper, then a look says that it is no good."""
    return Plan(steps=(*rewrite_plan(finding, fleet).steps, Run(finding.node, ("false",), changes=False)))


def test_a_look_after_the_change_that_says_no_takes_it_back_and_it_is_not_planned_again(local: LocalNodes) -> None:
    local.remedy = then_looked_at
    [first, _] = local.fix()
    assert (first.end, first.rolled_back) == (End.FAILED, True)
    assert local.texts() == OLD
    planned = local.propose().planned[0]
    assert local.journal.rolled_back("local", planned.rule.id, planned.subject.name, planned.memory) is not None


def test_case_66_a_node_that_fails_does_not_stop_the_others(local: LocalNodes) -> None:
    def dead(words: tuple[str, ...]) -> None:
        if "file" in words:
            raise Unobservable("connection refused", node="a")

    local.links["a"] = FaultyLink(before=dead)
    [first, second] = local.fix()
    assert (first.end, second.end) == (End.FAILED, End.FIXED)
    assert local.texts() == {"a": "old a\n", "b": "new b\n"}
    assert 3 in {code.value for code in exit_reasons(local.propose(), [first, second])}


def test_max_fail_stops_after_so_many_failures(local: LocalNodes) -> None:
    local.remedy = two_steps
    local.terms = Terms(max_fail=1)
    [first, second] = local.fix()
    assert (first.end, second.end) == (End.FAILED, End.SKIPPED)
    assert "--max-fail 1" in second.why


def test_max_changes_stops_before_the_first_change(local: LocalNodes) -> None:
    local.terms = Terms(max_changes=1)
    assert ends_of(local) == [End.SKIPPED, End.SKIPPED]
    assert local.texts() == OLD


def test_a_plan_without_consent_is_not_applied_and_says_what_it_needs(local: LocalNodes) -> None:
    local.remedy = lambda finding, fleet: replace(rewrite_plan(finding, fleet), disturbs=("restart",))
    [first, _] = local.fix()
    assert (first.end, first.why) == (End.SKIPPED, "it needs --allow restart")
    assert local.texts() == OLD


def test_case_30_a_world_that_changed_since_the_plan_is_looked_at_again_and_identical_steps_go_on(
    local: LocalNodes,
) -> None:
    proposal = local.propose()
    local.paper("a").write_text("somebody else was here\n")
    shown = proposal.planned[0].identity
    assert local.propose().planned[0].identity == shown
    assert [ended.end for ended in local.fix(proposal)] == [End.FIXED, End.FIXED]


def test_a_plan_that_was_made_anew_keeps_its_number_in_the_journal(local: LocalNodes) -> None:
    proposal = local.propose()
    local.paper("b").write_text("somebody else was here\n")
    local.fix(proposal)
    steps = local.journal.steps(local.journal.runs()[0].id)
    assert [(step.plan, step.node) for step in steps if step.state == "done"] == [(1, "a"), (2, "b")]


def test_case_30_a_world_in_which_something_else_would_have_to_be_done_is_left_alone(local: LocalNodes) -> None:
    def depends(finding, fleet) -> Plan:
        return Plan(steps=(write_step(finding, fleet, finding.saw),))

    local.remedy = depends
    proposal = local.propose()
    local.paper("a").write_text("somebody else was here\n")
    first = local.fix(proposal)[0]
    assert first.end is End.CHANGED
    assert "something else" in first.why
    assert local.texts()["a"] == "somebody else was here\n"


def test_a_finding_that_went_away_by_itself_needs_nothing(local: LocalNodes) -> None:
    proposal = local.propose()
    local.paper("a").write_text("new a\n")
    assert local.fix(proposal)[0].end is End.ALREADY


def test_a_finding_that_an_earlier_plan_mended_too_is_not_mended_twice(local: LocalNodes) -> None:
    script = 'echo once >>"$1/count"; printf "new a\\n" >"$1/a/paper"; printf "new b\\n" >"$1/b/paper"'

    def both(finding, fleet) -> Plan:
        return Plan(steps=(Run(finding.node, ("sh", "-c", script, "sh", str(local.folder))),))

    local.remedy = both
    assert ends_of(local) == [End.FIXED, End.ALREADY]
    assert (local.folder / "count").read_text() == "once\n"


def test_a_finding_that_can_no_longer_be_seen_is_not_remedied_blindly(local: LocalNodes) -> None:
    proposal = local.propose()

    def blind(words: tuple[str, ...]) -> None:
        if words[0] == "cat":
            raise Unobservable("no route to host", node="a")

    local.links["a"] = FaultyLink(before=blind)
    first = local.fix(proposal)[0]
    assert (first.end, "nothing was changed" in first.why) == (End.UNKNOWN, True)
    assert local.texts()["a"] == "old a\n"


def test_a_requirement_that_no_longer_holds_changes_nothing(local: LocalNodes) -> None:
    no = Require("a", ("false",), "the moon is full")
    local.remedy = lambda finding, fleet: replace(rewrite_plan(finding, fleet), requires=(no,))
    first = local.fix()[0]
    assert (first.end, "the moon is full" in first.why) == (End.CHANGED, True)
    assert local.texts() == OLD


def test_a_world_that_changes_in_the_middle_takes_the_first_half_back(local: LocalNodes) -> None:
    def two_files(finding, fleet) -> Plan:
        first = rewrite_plan(finding, fleet).steps[0]
        other = EditFile(finding.node, f"{finding.about}.other", "x.y", ("line",), sha_of(b"not this"))
        return Plan(steps=(first, other))

    local.remedy = two_files
    first = local.fix()[0]
    assert (first.end, first.rolled_back) == (End.FAILED, False)
    assert local.texts() == OLD


@pytest.mark.parametrize(("broken", "why"), [("cannot", "cannot be written"), ("full", "disk is full")])
def test_a_full_or_read_only_disk_is_noticed_before_any_change(local: LocalNodes, broken: str, why: str) -> None:
    from fleetkeeper.transport.commands import Output

    text = {"cannot": "/x: cannot be written (read-only, or no right to)", "full": "/x: the disk is full (0 KiB left)"}

    class Full(FaultyLink):
        def ask(self, commands, room=0):
            if "df -Pk" in " ".join(commands[0].words):
                return [Output(0, f"{text[broken]}\n".encode())]
            return super().ask(commands)

    local.links["a"] = Full()
    first = local.fix()[0]
    assert (first.end, why in first.why, "nothing was changed" in first.why) == (End.FAILED, True, True)
    assert local.journal.steps(local.journal.runs()[0].id)[0].node == "b"


def test_the_room_script_sees_a_folder_that_cannot_be_written_and_one_that_is_to_be_made(tmp_path: Path) -> None:
    from remediate.disk_space import require_room
    from remediate.steps import StepFailed

    require_room(FaultyLink(), "a", [str(tmp_path), str(tmp_path / "not" / "yet")])
    with pytest.raises(StepFailed, match=r"/proc: (cannot be written|the disk is full)"):
        require_room(FaultyLink(), "a", ["/proc/nothing"])


def test_case_69_a_connection_lost_after_sending_is_looked_at_again(local: LocalNodes) -> None:
    local.links["a"] = FaultyLink(cut_after=len("new a\n"))
    assert ends_of(local) == [End.FIXED, End.FIXED]


def test_case_69_a_connection_lost_while_sending_leaves_the_old_and_is_said(local: LocalNodes) -> None:
    local.links["a"] = FaultyLink(cut_after=2)
    first = local.fix()[0]
    assert first.end is End.FAILED
    assert local.texts()["a"] == "old a\n"


def test_a_node_that_dies_for_good_in_the_middle_leaves_it_unknown(local: LocalNodes) -> None:
    state = {"dead": False}

    def gate(words: tuple[str, ...]) -> None:
        if state["dead"]:
            raise Unobservable("no route to host", node="a")

    def die(words: tuple[str, ...]) -> None:
        state["dead"] = state["dead"] or "file" in words

    local.links["a"] = FaultyLink(before=gate, after=die)
    first = local.fix()[0]
    assert first.end is End.UNKNOWN
    assert "remediate undo" in first.why


def moments(local: LocalNodes) -> int:
    """How often a whole fix asks or opens something."""
    counted = []
    local.links = {name: FaultyLink(before=counted.append, after=counted.append) for name in local.links}
    local.fix()
    return len(counted)


KILLS = range(0, 32, 3)
"""Moments of one remedy; each step of every remedy is in test_killed_remedies.py."""


@pytest.mark.parametrize("moment", KILLS)
def test_killed_at_any_moment_files_are_whole_and_the_next_run_tells_and_can_undo(tmp_path: Path, moment: int) -> None:
    local = LocalNodes(tmp_path)
    left = [moment]

    def killer(words: tuple[str, ...]) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Cut

    proposal = local.propose()
    local.links = {name: FaultyLink(before=killer, after=killer) for name in local.links}
    run = local.begun()
    try:
        local.apply(run, proposal)
    except Cut:
        for link in local.links.values():
            link.die()
    else:
        pytest.skip("the run was over by then")
    assert all(local.texts()[node] in {OLD[node], NEW[node]} for node in OLD)
    local.links = {name: FaultyLink() for name in local.links}
    journal = Journal(local.journal.path)
    text: list[str] = []
    report_interrupted(journal, text.append)
    changed = local.texts() != OLD
    assert bool(text) or not changed
    if text:
        assert f"remediate undo {run.id}" in text[-1]
        run = journal.run(run.id)
        assert Undoing(journal, run, local.link, context=step_context(tmp_path)).show_and_undo(yes=True) == 0
    assert local.texts() == OLD
    assert [ended.end for ended in local.fix()] == [End.FIXED, End.FIXED]


def test_the_kills_above_reach_the_end_of_a_run(local: LocalNodes) -> None:
    looking = 4  # before and after, on two nodes: the look that the plan comes from
    assert moments(local) == KILLS.stop + looking


@pytest.mark.parametrize("moment", range(12, 24))
def test_case_68_ctrl_c_at_any_moment_leaves_whole_files_and_a_journal_that_says_what_was_done(
    tmp_path: Path, moment: int
) -> None:
    local = LocalNodes(tmp_path)
    left = [moment]

    def stop(words: tuple[str, ...]) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    proposal = local.propose()
    local.links["a"] = FaultyLink(before=stop, after=stop)
    run = local.begun()
    try:
        local.apply(run, proposal)
    except KeyboardInterrupt:
        outcomes = [plan.outcome for plan in local.journal.plans(run.id)]
        assert outcomes[-1:] in (["interrupted"], ["fixed"], [])  # in a plan, between two, or before the first
        assert ("interrupted" in outcomes) or local.texts()["b"] == OLD["b"]
        ended = [end.end for end in run.ends]
        assert len(ended) in {0, len(proposal.planned)}  # none while the locks are being taken
        assert ended.count(End.INTERRUPTED) == outcomes.count("interrupted")
    assert local.texts()["a"] in {OLD["a"], NEW["a"]}
    changed = [row for row in local.journal.steps(run.id) if row.state in {"done", "lost"}]
    assert bool(changed) or local.texts() == OLD
    assert not list(tmp_path.glob("lock*"))


def test_case_67_a_second_remediator_is_told_who_holds_the_lock_and_changes_nothing(local: LocalNodes) -> None:
    first = local.begun()
    with pytest.raises(Busy) as busy, locks_on(local, first.id):
        local.apply(local.begun())
    assert f"run {first.id}" in busy.value.who
    assert "since" in busy.value.who
    assert local.texts() == OLD


def locks_on(local: LocalNodes, run: str):
    from remediate.apply import locks_of

    locks = locks_of(run, local.link, step_context(local.folder))
    locks.take(["a"])
    return locks


def test_case_81_nothing_is_changed_once_the_lock_is_not_surely_ours_any_more(local: LocalNodes) -> None:
    proposal = local.propose()

    def forget(words: tuple[str, ...]) -> None:
        if "df -Pk" in " ".join(words):
            for held in fixing_locks[0].held.values():
                held.stream.close()

    fixing_locks = []
    local.links["a"] = FaultyLink(after=forget)
    run = local.begun()
    with run.locks(iter(["a"])) as (locks, _):
        fixing_locks.append(locks)
        ended = Applier(run, locks, local.session).apply(proposal.planned[0])
    assert (ended.end, "lock is not ours" in ended.why) == (End.FAILED, True)
    assert local.texts() == OLD


def test_undoing_refuses_what_somebody_changed_since_and_undoes_the_rest(local: LocalNodes) -> None:
    local.fix()
    local.paper("a").write_text("a person's work\n")
    run = local.journal.runs()[0]
    undoing = Undoing(local.journal, run, local.link, context=step_context(local.folder))
    assert undoing.show_and_undo(yes=True) == 3
    assert local.texts() == {"a": "a person's work\n", "b": "old b\n"}


def test_undoing_a_run_and_then_that_undo_brings_nothing_up_twice(local: LocalNodes) -> None:
    local.fix()
    run = local.journal.runs()[0]
    for expected in (0, 0):
        undoing = Undoing(local.journal, run, local.link, context=step_context(local.folder))
        assert undoing.show_and_undo(yes=True) == expected
    assert local.texts() == OLD


def test_what_comes_after_a_failed_plan_is_not_attempted(local: LocalNodes) -> None:
    local.remedy = two_steps
    proposal = local.propose()
    second = replace(proposal.planned[1], plan=replace(proposal.planned[1].plan, after=("papers.say_what_is_wanted",)))
    ended = local.fix(replace(proposal, planned=(proposal.planned[0], second)))
    assert (ended[1].end, "comes first" in ended[1].why) == (End.SKIPPED, True)


def test_case_71_a_secret_in_a_file_or_a_command_reaches_neither_journal_nor_words(local: LocalNodes) -> None:
    canary = "canary-4711"

    def leaky(finding, fleet) -> Plan:
        command = Run(finding.node, ("sh", "-c", f"echo {canary} >&2; exit 3", "sh", "--password", canary))
        first = write_step(finding, fleet, f"PASSWORD={canary}\n")
        edit = EditFile(finding.node, f"{finding.about}.new", "x.y", (f"a line with {canary}",), "absent")
        return Plan(steps=(first, edit, command))

    local.remedy = leaky
    ended = local.fix()
    assert [item.end for item in ended] == [End.FAILED, End.FAILED]
    assert canary not in str([(item.why, item.undone) for item in ended])
    kept = b"".join(path.read_bytes() for path in (local.folder / "state").iterdir()).decode("utf-8", "replace")
    assert "--password" in kept
    assert canary not in kept.replace(f"echo {canary} >&2; exit 3", "")
    assert local.texts() == OLD
