"""The one runner: what every command that changes a server has in common, whatever goes wrong and whenever."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import remediate
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Changes, Exit, admit_changes
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import Verdict
from fleetkeeper.transport.commands import Unobservable
from remediate.apply import narrow_to_agreed
from remediate.commands.run_log import Undoing, report_interrupted
from remediate.journal import Journal, Unwritable
from remediate.plan import ForAPerson, Plan
from remediate.plan_end import Changed, End, Needless, Proof
from remediate.proposal import PlannedChange
from remediate.render.console import Screen
from remediate.runner import EVERYTHING, PlanRun, RequestedPlan, Runner
from remediate.session import proof_from_verdict
from remediate.steps import ABSENT, DeleteFiles, EditCrontab, Identified, RunInContainer, WriteFile, agreed_to
from remediate.steps import Run as RunStep
from tests.helpers.local_nodes import (
    RULE,
    FaultyLink,
    LocalNodes,
    LocalSession,
    Policy,
    rewrite_plan,
    sha_of,
    step_context,
    write_step,
)

OLD, NEW = {"a": "old a\n", "b": "old b\n"}, {"a": "new a\n", "b": "new b\n"}


class FullJournal(Journal):
    """A journal on a disk that is full from the write number `room` on."""

    room = 1000

    def write(self, statement: str, values: object) -> None:
        self.room -= 1
        if self.room < 0:
            raise Unwritable(self.path, OSError("no space left on device"))
        super().write(statement, values)  # type: ignore[arg-type]


@pytest.fixture
def local(tmp_path: Path) -> LocalNodes:
    return LocalNodes(tmp_path)


def runner(local: LocalNodes, journal: Journal | None = None) -> Runner:
    return Runner(journal or local.journal, "local", "", local.link, Screen(), step_context(local.folder))


def run_fix(local: LocalNodes, journal: Journal | None = None) -> Exit:
    """`remediate --fix`, from the proposal on."""
    proposal = local.propose()

    def work(run: PlanRun) -> Exit:
        local.apply(run, proposal)
        return run.code()

    return runner(local, journal).run(work)


def questions_asked(local: LocalNodes, node: str = "a", text: str = "asked\n") -> PlannedChange:
    """A plan that a person asked for: the paper of a node says `text`."""
    return PlannedChange(1, RULE, Subject("paper", str(local.paper(node))), (), plan_of(local, node, text))


def plan_of(local: LocalNodes, node: str, text: str) -> Plan:
    finding = Finding(saw="", want="", node=node, about=str(local.paper(node)))
    return Plan((write_step(finding, local.session.look(), text),))


def ask(local: LocalNodes, planned: PlannedChange, wish: RequestedPlan) -> tuple[Exit, list[End]]:
    ends: list[End] = []

    def work(run: PlanRun) -> Exit:
        ends.extend(item.end for item in run.apply([planned], wish))
        return run.code()

    return runner(local).run(work), ends


# ---- one place --------------------------------------------------------------------------------------------------


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in Path(remediate.__file__).parent.rglob("*.py"):
        yield str(path.name), ast.parse(path.read_text())


def test_a_run_begins_and_a_held_lock_is_told_in_one_place_only() -> None:
    begins, busy = [], []
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "begin":
                begins.append(name)
            if isinstance(node, ast.ExceptHandler) and node.type is not None and "Busy" in ast.unparse(node.type):
                busy.append(name)
    assert begins == ["runner.py"] * 2  # its own method, and the journal's in it
    assert sorted(busy) == ["lock.py", "runner.py"]


def test_how_a_plan_ended_becomes_an_exit_code_in_one_place_only() -> None:
    tables = [
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict) and any(key and ast.unparse(key) == "End.FAILED" for key in node.keys)
    ]
    assert tables == ["runner.py"]


# ---- a journal that cannot be written --------------------------------------------------------------------------


WRITES_OF_A_BEGINNING = 2


@pytest.mark.parametrize("moment", range(14))
def test_a_journal_that_is_full_at_any_moment_of_a_fix_is_said_and_never_called_nothing_changed(
    tmp_path: Path, moment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    local = LocalNodes(tmp_path)
    journal = FullJournal(local.journal.path)
    journal.room = moment
    if moment < WRITES_OF_A_BEGINNING:
        with pytest.raises(UsageError, match="nothing was changed"):
            run_fix(local, journal)
        assert local.texts() == OLD
        return
    code = run_fix(local, journal)
    out, err = capsys.readouterr()
    if local.texts() == OLD:
        assert code in {Exit.USAGE, Exit.REMEDY_FAILED}
    elif journal.room < 0:
        assert code is Exit.REMEDY_FAILED
        assert "something was changed" in err
    else:
        assert code is Exit.NOTHING_LEFT
    if journal.room < 0:
        assert "cannot be written" in err
        assert "What was done:" in out
        assert not list(tmp_path.glob("lock*"))
        text: list[str] = []
        report_interrupted(Journal(local.journal.path), text.append)
        assert text or local.texts() == OLD


def test_the_moments_above_reach_the_end_of_a_fix(local: LocalNodes) -> None:
    journal = FullJournal(local.journal.path)
    run_fix(local, journal)
    assert 1000 - journal.room == 13


@pytest.mark.parametrize("moment", range(9))
def test_a_journal_that_is_full_at_any_moment_of_an_undo_is_said(
    tmp_path: Path, moment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    local = LocalNodes(tmp_path)
    run_fix(local)
    run = local.journal.runs()[0]
    journal = FullJournal(local.journal.path)
    journal.room = moment
    undoing = Undoing(journal, run, local.link, context=step_context(tmp_path))
    if moment < WRITES_OF_A_BEGINNING:
        with pytest.raises(UsageError, match="nothing was changed"):
            undoing.show_and_undo(yes=True)
        assert local.texts() == NEW
        return
    code = undoing.show_and_undo(yes=True)
    if journal.room < 0:
        assert code is (Exit.USAGE if local.texts() == NEW else Exit.REMEDY_FAILED)
        assert "cannot be written" in capsys.readouterr().err
        assert (
            Undoing(Journal(journal.path), run, local.link, context=step_context(tmp_path)).show_and_undo(yes=True) == 0
        )
    assert local.texts() == OLD


def test_no_exit_code_says_that_nothing_was_changed_once_something_was() -> None:
    Changes.begun = True
    try:
        assert {admit_changes(code) for code in (Exit.USAGE, Exit.LOCKED)} == {Exit.REMEDY_FAILED}
        assert admit_changes(Exit.FINDINGS_REMAIN) is Exit.FINDINGS_REMAIN
    finally:
        Changes.begun = False
    assert admit_changes(Exit.USAGE) is Exit.USAGE


def test_a_wrong_use_that_is_noticed_after_a_change_is_a_failure(local: LocalNodes) -> None:
    def work(run: PlanRun) -> Exit:
        local.apply(run)
        raise UsageError("a wrong word")

    assert runner(local).run(work) is Exit.REMEDY_FAILED
    assert local.journal.runs()[0].exit == Exit.REMEDY_FAILED


def test_a_lock_that_is_held_after_a_change_is_a_failure(local: LocalNodes) -> None:
    def work(run: PlanRun) -> Exit:
        run.apply([questions_asked(local)], RequestedPlan(lambda: plan_of(local, "a", "asked\n")))
        with local.begun().locks(iter(["b"])):
            run.apply([questions_asked(local, "b")], RequestedPlan(lambda: plan_of(local, "b", "asked\n")))
        return run.code()

    assert runner(local).run(work) is Exit.REMEDY_FAILED
    assert local.texts() == {"a": "asked\n", "b": "old b\n"}


# ---- between the yes and the deed ------------------------------------------------------------------------------


def changed_before_the_deed(local: LocalNodes, remedy: object) -> tuple[End, str]:
    """The end of the first plan where the remedy answers otherwise under the lock than when the plan was shown."""
    proposal = local.propose()
    local.remedy = remedy  # type: ignore[assignment]
    ended = local.fix(proposal)[0]
    return ended.end, ended.why


def test_what_holds_a_remedy_back_by_now_holds_it_back(local: LocalNodes) -> None:
    end, why = changed_before_the_deed(local, lambda finding, fleet: ForAPerson("the last drill failed", "see why"))
    assert (end, "the last drill failed" in why) == (End.CHANGED, True)
    assert local.texts() == OLD


def test_what_can_no_longer_be_planned_for_want_of_a_fact_is_unknown(local: LocalNodes) -> None:
    def blind(finding: Finding, fleet: object) -> Plan:
        raise Unobservable("the record could not be read", node="a")

    end, why = changed_before_the_deed(local, blind)
    assert (end, "the record could not be read" in why) == (End.UNKNOWN, True)
    assert local.texts() == OLD


def test_other_steps_than_those_that_were_agreed_to_are_not_done(local: LocalNodes) -> None:
    end, why = changed_before_the_deed(local, lambda finding, fleet: Plan((write_step(finding, fleet, "other\n"),)))
    assert (end, "something else" in why) == (End.CHANGED, True)
    assert local.texts() == OLD


def test_what_disturbs_more_than_was_agreed_to_is_not_done(local: LocalNodes) -> None:
    end, _ = changed_before_the_deed(
        local, lambda finding, fleet: replace(rewrite_plan(finding, fleet), disturbs=("restart",))
    )
    assert (end, local.texts()) == (End.CHANGED, OLD)


def test_the_gate_is_asked_again_under_the_lock(local: LocalNodes) -> None:
    proposal = local.propose()
    closed = Verdict(RULE, Subject("service", "postgres"), findings=(Finding(saw="another database", want="x"),))
    gated = replace(RULE, topic="backups")

    class Gated(LocalSession):
        @property
        def rules(self) -> dict[str, Rule]:
            return {gated.id: gated}

        def gate(self, fleet: object) -> list[Verdict]:
            return [closed]

    session = Gated(local.inventory, lambda node: local.link(node.name), patience=0, answers={gated.id: rewrite_plan})
    plans = [replace(item, rule=gated) for item in proposal.planned]
    ends = local.begun().apply(plans, session)
    assert [end.end for end in ends] == [End.CHANGED, End.CHANGED]
    assert "may have lost its data: another database" in ends[0].why
    assert local.texts() == OLD


FILES = tuple(Identified(name, number, 10, 1) for number, name in enumerate("abcd"))
READ = RunStep("a", ("true",), changes=False)


def deleting(*files: Identified, keep: tuple[Identified, ...] = ()) -> Plan:
    return Plan((READ, DeleteFiles("a", "/srv/dumps", files, keep)), disturbs=("deletion",))


def test_only_files_that_both_plans_name_are_deleted_with_the_fresh_plans_survivors() -> None:
    a, b, c, d = FILES
    other = replace(b, inode=99)
    fresh = narrow_to_agreed(deleting(a, b, c, keep=(d,)), deleting(a, other, d))
    assert fresh is not None
    assert fresh.steps[1] == DeleteFiles("a", "/srv/dumps", (a,), (d,))


def test_a_deletion_of_nothing_that_was_agreed_to_is_something_else() -> None:
    a, b, *_ = FILES
    assert narrow_to_agreed(deleting(a), deleting(b)) is None
    assert narrow_to_agreed(deleting(a), Plan((DeleteFiles("a", "/srv/other", (a,)),), disturbs=("deletion",))) is None


def test_steps_that_only_look_are_the_fresh_plans_own_and_need_no_consent() -> None:
    fresh = Plan((replace(READ, words=("false",)), *deleting(FILES[0]).steps[1:]), disturbs=("deletion",))
    assert narrow_to_agreed(fresh, deleting(FILES[0])) == fresh


def test_a_change_more_or_one_less_is_something_else() -> None:
    write = WriteFile("a", "/srv/x", b"x", ABSENT)
    assert narrow_to_agreed(Plan((write, write)), Plan((write,))) is None
    assert narrow_to_agreed(Plan((write,)), Plan((write, write))) is None


def test_the_same_edit_of_a_file_that_has_changed_meanwhile_is_what_was_agreed_to() -> None:
    line = EditCrontab("a", "root", "x.y", ("* * * * * true",), sha_of(b"old"))
    assert agreed_to(line) == agreed_to(replace(line, expect=sha_of(b"new")))
    assert agreed_to(line) != agreed_to(replace(line, without=("gone",)))
    assert agreed_to(WriteFile("a", "/x", b"1", ABSENT)) != agreed_to(WriteFile("a", "/x", b"2", ABSENT))


def test_consent_is_to_data_and_not_to_sentences(local: LocalNodes) -> None:
    planned = local.propose().planned[0]
    step = planned.plan.steps[0]
    reworded = replace(planned, plan=replace(planned.plan, disturbance="in other words", notes=("more",)))
    assert reworded.identity == planned.identity
    assert replace(planned, plan=replace(planned.plan, steps=(step, step))).identity != planned.identity
    assert json.dumps(agreed_to(step))


# ---- plans that a person asked for ------------------------------------------------------------------------------


def test_a_plan_that_was_asked_for_is_done_when_the_thing_itself_shows_it(local: LocalNodes) -> None:
    again = lambda: plan_of(local, "a", "asked\n")  # noqa: E731
    assert ask(local, questions_asked(local), RequestedPlan(again, lambda: (Proof.FIXED, ""))) == (
        Exit.NOTHING_LEFT,
        [End.DONE],
    )


def test_a_plan_that_was_asked_for_and_is_not_proven_has_failed_and_is_taken_back(local: LocalNodes) -> None:
    wish = RequestedPlan(lambda: plan_of(local, "a", "asked\n"), lambda: (Proof.FAILING, "it is not there"))
    assert ask(local, questions_asked(local), wish) == (Exit.REMEDY_FAILED, [End.FAILED])
    assert local.texts() == OLD


def test_a_plan_that_was_asked_for_is_never_already_right(local: LocalNodes) -> None:
    def gone() -> Plan:
        raise Changed("the container is another one by now")

    planned = questions_asked(local)
    assert ask(local, planned, RequestedPlan(gone)) == (Exit.FINDINGS_REMAIN, [End.CHANGED])
    local.paper("a").write_text("asked\n")
    assert ask(local, planned, RequestedPlan(lambda: planned.plan)) == (Exit.FINDINGS_REMAIN, [End.CHANGED])


def test_a_plan_that_was_asked_for_and_is_for_a_person_by_now_says_what_to_do(
    local: LocalNodes, capsys: pytest.CaptureFixture[str]
) -> None:
    code, ends = ask(
        local, questions_asked(local), RequestedPlan(lambda: ForAPerson("two containers run", "stop one of them"))
    )
    assert (code, ends, local.texts()) == (Exit.FINDINGS_REMAIN, [End.CHANGED], OLD)
    assert "two containers run; stop one of them; nothing was changed" in capsys.readouterr().out


def test_a_connection_that_is_cut_leaves_it_unknown_where_only_an_exit_status_could_tell(
    local: LocalNodes,
) -> None:
    local.links["a"] = FaultyLink(cut_after=3)
    plan = plan_of(local, "a", "asked\n")
    code, ends = ask(local, questions_asked(local), RequestedPlan(lambda: plan))
    assert (code, ends) == (Exit.NOT_ALL_SEEN, [End.UNKNOWN])


def test_the_time_stamp_in_a_name_that_is_made_now_is_nothing_that_was_agreed_to() -> None:
    if "stamp" not in RunInContainer.__dataclass_fields__:
        pytest.skip("steps have no stamp yet")
    first = RunInContainer("a", "c", ("dump", "to", "backup_0100.sql"), says="dump backup_0100.sql", stamp="0100")
    later = RunInContainer("a", "c", ("dump", "to", "backup_0101.sql"), says="dump backup_0101.sql", stamp="0101")
    assert agreed_to(first) == agreed_to(later)
    assert agreed_to(first) != agreed_to(replace(later, container="d"))


# ---- fixed ------------------------------------------------------------------------------------------------------

MINE = Finding(saw="root", want="django", node="a", about="web", rule=RULE.id)
OTHER = Finding(saw="root", want="django", node="b", about="web", rule=RULE.id)
PLANNED = PlannedChange(1, RULE, Subject("service", "web"), (MINE,), Plan((WriteFile("a", "/x", b"", ABSENT),)))


def facts_seen(*findings: Finding, dark: str = "") -> Verdict:
    unknown = (Unobservable("no route to host", node=dark),) if dark else ()
    return Verdict(RULE, PLANNED.subject, findings=findings, unknown=unknown)


def test_a_finding_that_came_up_on_another_node_is_not_fixed() -> None:
    """A service that moved to another node and runs as root there."""
    assert proof_from_verdict(facts_seen(OTHER), PLANNED, facts_seen(MINE))[0] is Proof.FAILING
    assert proof_from_verdict(facts_seen(OTHER), PLANNED, facts_seen(MINE, OTHER))[0] is Proof.FIXED


def test_another_fault_of_the_same_thing_is_not_fixed() -> None:
    match, why = proof_from_verdict(facts_seen(replace(MINE, want="a chain")), PLANNED, facts_seen(MINE))
    assert (match, "wanted: a chain" in why) == (Proof.FAILING, True)


def test_a_node_that_went_dark_is_doubted_and_one_that_was_dark_all_along_is_said() -> None:
    assert proof_from_verdict(facts_seen(dark="b"), PLANNED, facts_seen(MINE))[0] is Proof.UNKNOWN
    match, why = proof_from_verdict(facts_seen(dark="b"), PLANNED, facts_seen(MINE, dark="b"))
    assert (match, "no route to host" in why) == (Proof.FIXED, True)
    assert proof_from_verdict(facts_seen(dark="a"), PLANNED, facts_seen(MINE, dark="a"))[0] is Proof.UNKNOWN


def test_a_finding_that_is_gone_by_itself_needs_nothing_unless_its_node_cannot_be_seen(local: LocalNodes) -> None:
    session, planned = local.session, local.propose().planned[0]
    local.paper("a").write_text("new a\n")
    with pytest.raises(Needless):
        session.propose_again(planned)
    local.links["a"] = FaultyLink(before=is_dead)
    with pytest.raises(Unobservable):
        session.propose_again(planned)


def is_dead(words: tuple[str, ...]) -> None:
    raise Unobservable("no route to host", node="a")


def test_a_fault_that_gave_way_to_another_of_the_same_thing_is_not_called_already_right(local: LocalNodes) -> None:
    session, paper = local.session, str(local.paper("a"))
    [first, second] = session.propose(session.look()).planned
    local.inventory.section(Policy).wanted[paper] = "newer a\n"
    with pytest.raises(Changed, match="something else"):
        session.propose_again(first)
    assert session.propose_again(second)


def test_one_dead_node_does_not_stop_the_remedies_of_others(local: LocalNodes) -> None:
    local.links["a"] = FaultyLink(before=is_dead)
    assert [ended.end for ended in local.fix()] == [End.FIXED]
    assert local.texts() == {"a": "old a\n", "b": "new b\n"}


# ---- undoing ----------------------------------------------------------------------------------------------------


def test_an_undo_that_failed_is_told_again_until_it_has_worked(local: LocalNodes) -> None:
    run = local.begun()
    local.apply(run)
    local.journal.db.execute("UPDATE runs SET pid = 0, host = 'elsewhere'")
    local.links["a"] = FaultyLink(before=is_dead)
    undoing = Undoing(local.journal, local.journal.run(run.id), local.link, context=step_context(local.folder))
    assert undoing.show_and_undo(yes=True) is Exit.REMEDY_FAILED
    text: list[str] = []
    assert [item.id for item in report_interrupted(local.journal, text.append)] == [run.id]
    local.links["a"] = FaultyLink()
    assert undoing.show_and_undo(yes=True) is Exit.NOTHING_LEFT
    assert report_interrupted(local.journal, text.append) == []


def test_what_has_no_way_back_is_not_asked_about(local: LocalNodes, capsys: pytest.CaptureFixture[str]) -> None:
    local.remedy = lambda finding, fleet: Plan((RunStep(finding.node, ("true",)),))
    local.fix()
    run = local.journal.runs()[0]
    assert (
        Undoing(local.journal, run, local.link, context=step_context(local.folder)).show_and_undo(yes=False)
        is Exit.FINDINGS_REMAIN
    )
    assert f"nothing of run {run.id} can be undone" in capsys.readouterr().out


def test_of_many_interrupted_runs_the_newest_is_told_in_full_and_each_older_one_on_a_line(local: LocalNodes) -> None:
    for _ in range(3):
        local.apply(local.begun(), local.propose())
        for node, text in OLD.items():
            local.paper(node).write_text(text)
    local.journal.db.execute("UPDATE runs SET pid = 0, host = 'elsewhere'")
    sentence: list[str] = []
    assert len(report_interrupted(local.journal, sentence.append)) == 3
    assert len(sentence) == 2 + 1 + 2 + 1
    assert all("left 2 steps" in line for line in sentence[:2])


def test_consent_to_everything_names_every_kind() -> None:
    from typing import get_args

    from remediate.plan import Disturbs

    assert frozenset(get_args(Disturbs)) == EVERYTHING.agreed
