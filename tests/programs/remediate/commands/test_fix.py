"""The command line: exit codes and their precedence, what it refuses before anything happens, and what it shows."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper import state
from fleetkeeper.commands.program import exit_code_of
from fleetkeeper.exit_codes import MEANINGS, PRECEDENCE, Changes, Exit, worst_exit
from remediate.commands.fix import Call, remediate
from remediate.commands.main import cli
from remediate.commands.run_log import show_log, undo_run
from remediate.journal import Journal
from tests.helpers.local_nodes import step_context

ROOT = Path(__file__).parents[4]
TOPIC = "from tests.helpers.local_nodes import RULE, TOPIC, Facts, Observer\n"
INVENTORY = """
nodes: {{a: {{connection: local}}}}
services: {{none: a test}}
backups: {{none: a test}}
certificates: {{none: a test}}
topics: [./papers.py]
papers: {{wanted: {{"{paper}": "new\\n"}}}}
{more}
"""


class Scene:
    """One node, one paper, an inventory and a state directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paper = folder / "a" / "paper"
        self.paper.parent.mkdir()
        self.paper.write_text("old\n")
        (folder / "papers.py").write_text(TOPIC)
        self.write()

    def write(self, more: str = "") -> None:
        (self.folder / "world.yml").write_text(INVENTORY.format(paper=self.paper, more=more))

    def call(self, **given: object) -> Call:
        here = {"hosts": str(self.folder / "world.yml"), "state": self.folder / "state", "only": ("papers",)}
        return Call(**{**here, "context": step_context(self.folder), "patience": 0.0, **given})  # type: ignore[arg-type]

    def run(self, **given: object) -> int:
        return exit_code_of(lambda: remediate(self.call(**given)))

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "state" / "journal.sqlite")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def make_remedy(scene: Scene, body: str) -> None:
    """Give the topic another remedy."""
    (scene.folder / "papers.py").write_text(
        "from dataclasses import replace\n" + TOPIC + "from remediate.plan import ForAPerson, Plan\n"
        "from remediate.steps import Run\nfrom tests.helpers.local_nodes import rewrite_plan, write_step\n"
        f"def other(finding, fleet):\n    {body}\nTOPIC = replace(TOPIC, remedies={{RULE.id: other}})\n"
    )


FIX = {"fix": True, "yes": True}


def test_exit_0_when_nothing_is_left_to_do(scene: Scene) -> None:
    assert scene.run(**FIX) == Exit.NOTHING_LEFT
    assert scene.paper.read_text() == "new\n"
    assert scene.run() == Exit.NOTHING_LEFT


def test_exit_1_while_findings_remain_and_nothing_was_changed(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert scene.run() == Exit.FINDINGS_REMAIN
    assert scene.paper.read_text() == "old\n"
    out = capsys.readouterr().out
    assert "1/1  papers.say_what_is_wanted" in out
    assert "  + new" in out


def test_the_command_that_would_do_it_means_no_more_than_was_shown(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.run(only=("papers.*",), limit=("a",))
    assert (
        f"`remediate --hosts={scene.folder}/world.yml '--only=papers.*' --limit=a --fix` does it"
        in capsys.readouterr().out
    )


def test_rules_about_what_the_inventory_leaves_out_are_no_bug(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert scene.run(only=()) in {Exit.FINDINGS_REMAIN, Exit.NOT_ALL_SEEN}
    assert "bug" not in capsys.readouterr().err


def test_case_70_exit_1_when_applied_and_still_failing(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    make_remedy(scene, 'return Plan(steps=(write_step(finding, fleet, "neither"),))')
    assert scene.run(**FIX) == Exit.FINDINGS_REMAIN
    out = capsys.readouterr().out
    assert "applied, still failing" in out
    assert "undone on a: put" in out
    assert scene.paper.read_text() == "old\n"
    assert scene.run(**FIX) == Exit.FINDINGS_REMAIN
    assert "and taken back" in capsys.readouterr().out
    assert scene.run(**FIX, again=True) == Exit.FINDINGS_REMAIN
    assert "applied, still failing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fix": True, "replay": Path("look.json"), "yes": True}, "--fix with --replay"),
        ({"fix": True, "yes": True, "hosts": None}, "--fix --yes needs --hosts"),
        ({"only": ("papers.say_what_is_wantd",)}, 'did you mean "papers.say_what_is_wanted"'),
        ({"limit": ("b",)}, "no such node"),
        ({"hosts": "nowhere"}, "nowhere"),
        ({"hosts": ""}, "names no inventory"),
        ({"fix": True, "yes": True, "allow": ("delte",)}, 'did you mean "delete"'),
    ],
)
def test_case_3_exit_2_for_a_call_that_cannot_be_meant(
    scene: Scene, capsys: pytest.CaptureFixture[str], given: dict[str, object], says: str
) -> None:
    assert scene.run(**given) == Exit.USAGE
    assert says in capsys.readouterr().err
    assert scene.paper.read_text() == "old\n"


def test_case_10_exit_2_for_fix_without_terminal_and_without_yes(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene.run(fix=True) == Exit.USAGE
    assert "there is no terminal to ask at" in capsys.readouterr().err
    assert scene.paper.read_text() == "old\n"


def test_case_75_exit_2_for_a_waiver_with_a_bad_date_at_its_line(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.write("waivers:\n  - {rule: papers.*, until: someday, owner: ops@example.org, because: paint}")
    assert scene.run() == Exit.USAGE
    assert re.search(r"world\.yml:\d+: waivers", capsys.readouterr().err)


def test_exit_3_when_a_remedy_failed(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    make_remedy(
        scene, 'return Plan(steps=(*rewrite_plan(finding, fleet).steps, Run(finding.node, ("false",), changes=False)))'
    )
    assert scene.run(**FIX) == Exit.REMEDY_FAILED
    assert scene.paper.read_text() == "old\n"
    assert "undone on a" in capsys.readouterr().out


def test_exit_4_when_something_could_not_be_looked_at(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.paper.unlink()
    scene.paper.mkdir()
    (scene.folder / "papers.py").write_text(TOPIC + UNSEEN)
    assert scene.run() == Exit.NOT_ALL_SEEN
    assert "the lamp is out" in capsys.readouterr().out


UNSEEN = """
from dataclasses import replace
from fleetkeeper.transport.commands import Unobservable
def observe(node, inventory):
    yield []
    raise Unobservable("the lamp is out", hint="light it")
TOPIC = replace(TOPIC, observers=(Observer(Facts, observe),))
"""


def test_case_67_exit_5_when_somebody_else_holds_the_lock(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    from fleetkeeper.transport.local import LocalLink
    from remediate.lock import Locks

    with Locks(lambda node: LocalLink(), "other", step_context(scene.folder).lock) as other:
        other.take(["a"])
        assert scene.run(**FIX) == Exit.LOCKED
    assert "run other) since" in capsys.readouterr().err
    assert scene.paper.read_text() == "old\n"


def test_case_68_exit_130_when_interrupted_and_the_journal_says_so(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"('sh', '-c', 'kill -INT {os.getpid()}; sleep 5')"
    make_remedy(scene, f"return Plan(steps=(*rewrite_plan(finding, fleet).steps, Run(finding.node, {words})))")
    assert scene.run(**FIX) == Exit.INTERRUPTED
    [run] = scene.journal.runs()
    assert (run.exit, scene.journal.plans(run.id)[0].outcome) == (130, "interrupted")
    assert [step.state for step in scene.journal.steps(run.id)] == ["done", "lost"]
    assert undo_run("last", scene.folder / "state", yes=True, context=step_context(scene.folder)) == Exit.REMEDY_FAILED
    assert scene.paper.read_text() == "old\n"


def test_exit_codes_are_those_of_the_design_in_its_precedence() -> None:
    assert [int(code) for code in PRECEDENCE] == [130, 2, 5, 3, 4, 1, 0]
    for stronger, weaker in pairwise(PRECEDENCE):
        assert worst_exit([weaker, stronger]) is stronger
    assert set(MEANINGS) == set(Exit)


def test_a_bug_does_not_pass_for_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(lambda: 1 // 0) == Exit.REMEDY_FAILED
    assert "this is a bug" in capsys.readouterr().err


def test_a_state_directory_that_cannot_be_used_is_a_usage_error(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    (scene.folder / "file").write_text("")
    assert scene.run(state=scene.folder / "file" / "state") == Exit.USAGE
    assert "--state" in capsys.readouterr().err


def test_without_hosts_the_last_audited_inventory_is_taken_and_named(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene.run(hosts=None) == Exit.USAGE
    assert "which servers?" in capsys.readouterr().err
    state.remember_audited(scene.folder / "state", str(scene.folder / "world.yml"))
    assert scene.run(hosts=None) == Exit.FINDINGS_REMAIN
    assert "(the last one audited)" in capsys.readouterr().err


def test_only_takes_ids_topics_and_globs(scene: Scene) -> None:
    for only in ("papers", "papers.say_what_is_wanted", "papers.*"):
        assert scene.run(only=(only,)) == Exit.FINDINGS_REMAIN


def test_json_is_one_document_with_the_plan_and_after_fix_the_outcome(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.run(as_json=True, quiet=True)
    planned = json.loads(capsys.readouterr().out)
    assert (planned["exit"], planned["outcomes"], planned["plans"][0]["rule"]) == (1, None, "papers.say_what_is_wanted")
    assert planned["plans"][0]["steps"][0]["kind"] == "write_file"
    scene.run(as_json=True, quiet=True, **FIX)
    done = json.loads(capsys.readouterr().out)
    assert (done["exit"], [item["outcome"] for item in done["outcomes"]]) == (0, ["fixed"])
    assert done["left"] == {"findings": [], "unknown": []}


def test_a_waived_finding_is_never_remedied(scene: Scene) -> None:
    scene.write("waivers:\n  - {rule: papers.*, until: 2099-01-01, owner: ops@example.org, because: paint}")
    assert scene.run(**FIX) == Exit.NOTHING_LEFT
    assert scene.paper.read_text() == "old\n"


def test_an_expired_waiver_protects_nothing_and_names_its_owner(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.write("waivers:\n  - {rule: papers.*, until: 2020-01-01, owner: ops@example.org, because: paint}")
    assert scene.run() == Exit.FINDINGS_REMAIN
    assert "ops@example.org" in capsys.readouterr().out


def test_max_changes_stops_before_the_first(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    make_remedy(scene, "one = rewrite_plan(finding, fleet); return replace(one, steps=one.steps * 3)")
    assert scene.run(**FIX, max_changes=2) == Exit.FINDINGS_REMAIN
    assert "3 changes, more than --max-changes 2" in capsys.readouterr().out
    assert scene.paper.read_text() == "old\n"


def test_what_disturbs_waits_for_its_own_word(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    make_remedy(scene, 'return replace(rewrite_plan(finding, fleet), disturbs=("restart",), disturbance="a restart")')
    assert scene.run(**FIX) == Exit.FINDINGS_REMAIN
    assert "needs --allow restart" in capsys.readouterr().out
    assert scene.run(**FIX, allow=("restart,delete",)) == Exit.NOTHING_LEFT


def test_the_log_shows_runs_steps_and_digests_and_undo_brings_the_old_back(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.run(**FIX)
    capsys.readouterr()
    show_log(None, scene.folder / "state")
    assert "exit 0" in capsys.readouterr().out
    show_log("last", scene.folder / "state")
    out = capsys.readouterr().out
    assert "papers.say_what_is_wanted" in out
    assert ": done" in out
    assert undo_run("last", scene.folder / "state", yes=True, context=step_context(scene.folder)) == Exit.NOTHING_LEFT
    assert scene.paper.read_text() == "old\n"
    assert "undone on a" in capsys.readouterr().out


def test_undo_without_terminal_and_without_yes_changes_nothing(scene: Scene) -> None:
    scene.run(**FIX)
    assert (
        exit_code_of(lambda: undo_run("last", scene.folder / "state", context=step_context(scene.folder))) == Exit.USAGE
    )
    assert scene.paper.read_text() == "new\n"


def test_case_73_names_and_contents_cannot_drive_the_terminal(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.paper.write_text("\x1b[31m::error::<script>]]>\n\x07")
    scene.run()
    text = capsys.readouterr()
    assert "\x1b[31m" not in text.out + text.err
    assert "\x07" not in text.out + text.err
    scene.run(as_json=True)
    assert json.loads(capsys.readouterr().out)["plans"]


def test_case_71_a_secret_is_in_no_output_at_any_verbosity(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.paper.write_text("PGPASSWORD=canary-4711\n")
    for given in ({}, {"as_json": True}, {"quiet": True}, FIX, {**FIX, "as_json": True}):
        scene.run(**given)
    show_log("last", scene.folder / "state")
    text = capsys.readouterr()
    assert "canary" not in text.out + text.err
    assert b"canary" not in b"".join(path.read_bytes() for path in (scene.folder / "state").iterdir())


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def at_terminal(scene: Scene, answer: str, *more: str, **environment: str) -> tuple[int, str]:
    """Run `remediate --fix` at a terminal, answer its questions, and return its exit code and what was seen."""
    words = f"call = Call(hosts={str(scene.folder / 'world.yml')!r}, state={str(scene.folder / 'state')!r},"
    words += f" only=('papers',), fix=True, context=step_context(Path({str(scene.folder)!r})), {', '.join(more)})"
    program = "import sys; from pathlib import Path; from fleetkeeper.commands.program import exit_code_of;"
    program += "from remediate.commands.fix import Call, remediate; from tests.helpers.local_nodes import step_context;"
    program += f"{words}; sys.exit(exit_code_of(lambda: remediate(call)))"
    with terminal() as (ours, theirs):
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        os.write(ours, answer.encode())
        text, _ = child.communicate(timeout=60)
    return child.returncode, text.decode()


def test_at_a_terminal_it_asks_by_kind_and_takes_no_for_an_answer(scene: Scene) -> None:
    code, text = at_terminal(scene, "n\n")
    assert (code, scene.paper.read_text()) == (1, "old\n")
    assert "Make the changes that disturb nothing (1)?" in text
    assert "you did not agree to it" in text
    assert "nothing was changed" in text
    assert "remediate undo" not in text


def test_at_a_terminal_a_yes_applies(scene: Scene) -> None:
    code, text = at_terminal(scene, "y\n")
    assert (code, scene.paper.read_text()) == (0, "new\n"), text


def help_of(*words: str) -> str:
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0
    return result.output


def test_help_names_every_exit_code() -> None:
    text = " ".join(help_of().split())
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in text


@pytest.mark.parametrize("command", ["log", "undo", "leave"])
def test_every_command_has_its_help(command: str) -> None:
    assert help_of(command)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("remediate un", "plain,undo"),
        ("fleetkeeper ex", "plain,explain"),
        ("remediate --only backups.are_f", "plain,backups.are_fresh"),
        ("fleetkeeper explain volumes.", "plain,volumes.are_within_budget"),
        ("remediate --hosts prod", "plain,production"),
    ],
)
def test_completion_as_click_gives_it_with_rules_and_inventories(typed: str, completed: str) -> None:
    program = typed.partition(" ")[0]
    environment = {
        **os.environ,
        f"_{program.upper()}_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    script = f"from {program}.commands.main import cli; cli.main(prog_name={program!r})"
    done = subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, check=False)
    assert completed in done.stdout.decode()


def test_explain_says_promise_reason_and_remedy_from_the_code() -> None:
    from fleetkeeper.commands.explain import explain
    from fleetkeeper.topics.registry import RULES

    result = CliRunner().invoke(explain, ["backups.are_fresh"])
    rule = RULES["backups.are_fresh"]
    assert rule.promise in result.output
    assert rule.explanation.splitlines()[0] in result.output
    assert "Remedy" in result.output


def test_explain_knows_a_teams_own_rules_and_says_nearest_for_an_unknown_one(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    from fleetkeeper.commands.explain import explain_rule

    assert "Every paper says" in explain_rule("papers.say_what_is_wanted", str(scene.folder / "world.yml"))
    assert exit_code_of(lambda: explain_rule("backups.are_frsh")) == Exit.USAGE
    assert "backups.are_fresh" in capsys.readouterr().err


def killed_at(scene: Scene, when: Callable[[str], bool]) -> None:
    """Really kill `remediate --fix` (SIGKILL) while its second step sleeps on the node."""
    make_remedy(scene, 'return Plan(steps=(*rewrite_plan(finding, fleet).steps, Run(finding.node, ("sleep", "5"))))')
    call = scene.call(**FIX)
    program = (
        "from pathlib import Path; from remediate.commands.fix import Call, remediate; "
        "from tests.helpers.local_nodes import step_context;"
        f"remediate(Call(hosts={call.hosts!r}, state={str(call.state)!r}, only=('papers',), fix=True, yes=True,"
        f" context=step_context(Path({str(scene.folder)!r}))))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert child.stderr is not None
    for line in child.stderr:
        if when(line.decode()):
            break
    child.kill()
    child.wait()
    child.stderr.close()


def test_killed_for_good_the_next_run_says_first_what_had_been_started(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_at(scene, lambda line: "step 2/2" in line)
    assert scene.paper.read_text() == "new\n"
    scene.run()
    err = capsys.readouterr().err
    assert "never came to its end" in err
    assert "remediate undo" in err
    assert undo_run("last", scene.folder / "state", yes=True, context=step_context(scene.folder)) in {0, 3}
    assert scene.paper.read_text() == "old\n"
    scene.run()
    assert "never came to its end" not in capsys.readouterr().err


def test_no_color_is_respected_and_colour_is_for_terminals_only(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.run()
    assert "\x1b[" not in capsys.readouterr().out
    assert "\x1b[" not in at_terminal(scene, "n\n", NO_COLOR="1")[1]


def test_quiet_shows_no_progress(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.run(**FIX, quiet=True)
    assert capsys.readouterr().err == ""


def test_a_plan_from_a_saved_look_changes_nothing_and_needs_no_servers(scene: Scene) -> None:
    from datetime import UTC, datetime

    from fleetkeeper.looking import recording
    from fleetkeeper.looking.look import look_at_fleet
    from fleetkeeper.topics.registry import load_inventory, observers_in
    from fleetkeeper.transport.local import LocalLink

    inventory = load_inventory(scene.folder / "world.yml")
    observers = observers_in(inventory.custom_topics)
    saved = scene.folder / "look.json"
    saved.write_text(
        recording.dump_recording(look_at_fleet(inventory, lambda node: LocalLink(), observers, datetime.now(UTC)))
    )
    scene.paper.write_text("new\n")
    assert scene.run(replay=saved) == Exit.FINDINGS_REMAIN
    assert replace(scene.call(), replay=saved).replay == saved


def test_every_exit_code_has_a_test_of_its_own() -> None:
    tests = " ".join(name for name in globals() if name.startswith("test_"))
    assert [code for code in Exit if f"exit_{int(code)}_" not in tests] == []


def test_every_option_and_command_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "remediate.md").read_text(encoding="utf-8")
    for option in cli.params:
        assert f"`{max(option.opts, key=len)}" in page
    for command in cli.commands:
        assert f"### remediate {command}" in page


# ---- a full disk under the state directory, for real ------------------------------------------------------------


@pytest.fixture
def small_disk(scene: Scene) -> Iterator[Path]:
    """The state directory on a file system of its own, of 256 KiB."""
    disk = scene.folder / "state"
    disk.mkdir()
    mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)), check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(("umount", str(disk)), check=True)


def test_nothing_else_is_done_when_the_undo_that_was_to_come_first_was_interrupted_or_failed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_at(scene, lambda line: "step 2/2" in line)
    before = scene.paper.read_text(), len(scene.journal.runs())
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *text, **how: True)
    monkeypatch.setattr("remediate.commands.fix.undo_run", lambda *given, **more: Exit.INTERRUPTED)
    assert scene.run(fix=True, yes=True) == Exit.INTERRUPTED
    assert (scene.paper.read_text(), len(scene.journal.runs())) == before
    assert "nothing else was done" in capsys.readouterr().err


EVERY = [room for room in range(32, 200, 4) if room not in {48, 64}]
"""KiB that are left, each a moment further: a page of the journal, or of its log."""
FILL = "dd if=/dev/zero of={disk}/fill bs=4096 2>/dev/null"


def test_a_disk_that_is_full_before_a_run_changes_nothing_and_says_so(scene: Scene, small_disk: Path, capsys) -> None:
    scene.run()
    subprocess.run(("sh", "-c", FILL.format(disk=small_disk)), check=False)
    assert scene.run(fix=True, yes=True) == Exit.USAGE
    assert scene.paper.read_text() == "old\n"
    assert "nothing was changed" in capsys.readouterr().err


def test_a_disk_that_fills_while_a_step_is_done_is_told_with_what_was_done(
    scene: Scene, small_disk: Path, capsys
) -> None:
    script = f"printf 'new\\\\n' >{scene.paper}; {FILL.format(disk=small_disk)}; exit 0"
    make_remedy(scene, f'return Plan(steps=(Run("a", ("sh", "-c", "{script}"), undo=("true",)),))')
    assert scene.run(fix=True, yes=True) == Exit.REMEDY_FAILED
    out, err = capsys.readouterr()
    assert scene.paper.read_text() == "new\n"
    assert "something was changed" in err
    assert "What was done:" in out
    (small_disk / "fill").unlink()
    scene.run()
    assert "never came to its end" in capsys.readouterr().err


def test_output_that_nobody_reads_any_more_is_no_reason_to_say_that_nothing_was_changed(scene: Scene) -> None:
    def work() -> None:
        scene.run(fix=True, yes=True)
        Changes.begun = True
        raise BrokenPipeError

    assert exit_code_of(work) == Exit.REMEDY_FAILED


def repair(scene: Scene) -> int:
    """The exit code of `remediate --fix`."""
    return scene.run(**FIX)


def repair_in_vain(scene: Scene) -> int:
    """The exit code of the same with a remedy that does not help, and is rolled back."""
    make_remedy(scene, 'return Plan(steps=(write_step(finding, fleet, "neither"),))')
    return scene.run(**FIX)


def undo_last(scene: Scene) -> int:
    """The exit code of `remediate undo last`."""
    return exit_code_of(lambda: undo_run("last", scene.folder / "state", yes=True, context=step_context(scene.folder)))


def leave_room(disk: Path, kibibytes: int) -> None:
    """Fill a disk until so much of it is left."""
    size = os.statvfs(disk)
    (disk / "fill").write_bytes(bytes(size.f_bavail * size.f_bsize - kibibytes * 1024))


@pytest.mark.parametrize("room", [0, 48, 64, *(pytest.param(n, marks=pytest.mark.long) for n in EVERY)])
@pytest.mark.parametrize("command", [repair, repair_in_vain, undo_last])
def test_however_far_a_command_comes_on_a_disk_that_fills_a_change_is_told_and_can_be_taken_back(
    scene: Scene, small_disk: Path, capsys: pytest.CaptureFixture[str], command: Callable[[Scene], int], room: int
) -> None:
    scene.run(**(FIX if command is undo_last else {}))
    before = scene.paper.read_text()
    with closing(scene.journal) as journal:
        runs = journal.runs(1)
    capsys.readouterr()
    leave_room(small_disk, room)
    code = command(scene)
    err = capsys.readouterr().err
    assert "bug" not in err
    (small_disk / "fill").unlink()
    paper, audit_code = scene.paper.read_text(), scene.run()
    unfinished_run_shown = "never came to its end" in capsys.readouterr().err
    if code == Exit.USAGE:
        assert paper == before
        assert "nothing was changed" in err
        assert command is undo_last or not unfinished_run_shown
    elif code == Exit.REMEDY_FAILED:
        assert "something was changed" in err
        assert unfinished_run_shown or (command is undo_last and paper == "old\n")
        assert command is not undo_last or f"`remediate undo {runs[0].id}` goes on with it" in err
    else:
        assert not unfinished_run_shown
    assert audit_code != Exit.USAGE
    if code != Exit.USAGE:
        undo_run("last", scene.folder / "state", yes=True, context=step_context(scene.folder))
    assert scene.paper.read_text() == ("old\n" if code != Exit.USAGE else before)
