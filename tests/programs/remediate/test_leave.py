"""Leaving a node: what is left is found, what ran goes on running, and nothing else is touched."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.marked_blocks import edit_block
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.traces import Facts, parse, traces
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.script_files import load_script
from remediate.commands.main import cli
from remediate.plan import ForAPerson, Plan
from remediate.steps import Lost, Run, Stale, StepContext, StepFailed, UnmarkCrontab, content_digest
from remediate.trace_removal import TOPIC, take_away
from tests.helpers.local_nodes import step_context
from tests.programs.transport.test_shell_functions import each_shell, flipping

BEFORE = b"MAILTO=ops@example.org\n30 5 * * 1 df -h > /tmp/x 100%\n\n# mine\n"
LINE = "0 0,12 * * * docker exec db backup"
INVENTORY = """
nodes: {here: {connection: local}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `crontab` that knows -u, -l and -, with one file for each user. Returns the file of root."""
    spool = tmp_path / "spool"
    spool.mkdir()
    program = tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -u ] || exit 2\ncase $3 in -l) cat "{spool}/$2" ;; -) cat > "{spool}/$2" ;; esac\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    docker = program.with_name("docker")
    docker.write_text(f'#!/bin/sh\ncase $1 in ps) echo 4f ;; inspect) echo "{tmp_path}/le tsencrypt" ;; esac\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    table = spool / "root"
    table.write_bytes(edit_block(BEFORE, "schedules.backup", [LINE]))
    return table


def look_at_node(tmp_path: Path) -> Facts:
    [answer] = LocalLink().ask([traces(str(tmp_path / "kept"), (str(tmp_path / "spool"),))])
    return parse(answer.text())


def sh(script: str, *words: str) -> int:
    return subprocess.run(("sh", "-c", script, "sh", *words), check=False, capture_output=True).returncode


def test_a_node_that_was_only_looked_at_holds_nothing(tmp_path: Path, crontab: Path) -> None:
    crontab.write_bytes(BEFORE)
    assert look_at_node(tmp_path) == Facts()


def test_what_is_kept_and_what_is_marked_is_found(tmp_path: Path, crontab: Path) -> None:
    (tmp_path / "kept" / "r1").mkdir(parents=True)
    (tmp_path / "kept" / "r1" / "old").write_bytes(b"x" * 5000)
    (crontab.parent / "games").write_text("# nothing of ours\n")
    facts = look_at_node(tmp_path)
    assert facts.kept is not None
    assert facts.kept >= 5000
    assert facts.marked == (("root", content_digest(crontab.read_bytes())),)


@pytest.fixture
def hook(tmp_path: Path, crontab: Path) -> Path:
    """The hook that a repair writes, on a volume that a container has mounted."""
    path = tmp_path / "le tsencrypt/renewal-hooks/deploy/fleetkeeper-reload"
    path.parent.mkdir(parents=True)
    assert sh(load_script("remediate/remedies/certificates/scripts/write_hook.sh"), str(path)) == 0
    return path


def test_a_hook_on_a_volume_is_found_and_goes_on_under_another_name(tmp_path: Path, hook: Path) -> None:
    assert look_at_node(tmp_path).hooks == (str(hook),)
    assert sh(load_script("remediate/scripts/rename_hook.sh"), str(hook)) == 0
    assert look_at_node(tmp_path).hooks == ()
    ordinary = hook.with_name("reload-nginx")
    assert ordinary.read_text() == "#!/bin/sh\nexec nginx -s reload\n"
    assert os.access(ordinary, os.X_OK)


def test_a_hook_is_not_renamed_over_another_nor_through_a_link(hook: Path) -> None:
    other = hook.with_name("reload-nginx")
    other.write_text("mine")
    assert sh(load_script("remediate/scripts/rename_hook.sh"), str(hook)) == 72
    assert other.read_text() == "mine"
    other.unlink()
    hook.rename(other)
    hook.symlink_to(other)
    assert sh(load_script("remediate/scripts/rename_hook.sh"), str(hook)) == 72


@pytest.mark.parametrize("program", ["sed", "cat", "sha256sum", "chmod", "chown", "rm"])
def test_whatever_dies_on_the_way_a_hook_is_whole_under_one_of_the_names(hook: Path, program: str) -> None:
    before, after = hook.read_text(), "#!/bin/sh\nexec nginx -s reload\n"
    dying = Path(os.environ["PATH"].partition(":")[0]) / program
    dying.write_text("#!/bin/sh\nkill -9 $$\n")
    dying.chmod(0o755)
    assert sh(load_script("remediate/scripts/rename_hook.sh"), str(hook)) != 0
    assert hook.read_text() == before
    other = hook.with_name("reload-nginx")
    assert not other.exists() or program == "rm"
    assert not other.exists() or other.read_text() == after


@pytest.mark.parametrize("part", ["renewal-hooks", "renewal-hooks/deploy"])
def test_a_hook_behind_a_link_is_left_alone(hook: Path, part: str) -> None:
    inner = hook.parents[2] / part
    moved = inner.rename(hook.parents[3] / "elsewhere")
    inner.symlink_to(moved)
    assert sh(load_script("remediate/scripts/rename_hook.sh"), str(hook)) == 72
    assert [path.name for path in moved.rglob("*") if path.is_file()] == ["fleetkeeper-reload"]


def renamed_while_it_is_swapped(shell: tuple[str, ...], hook: Path, tries: int) -> list[str]:
    """What has come into a directory of the node, while a container swaps its own for a link to it."""
    deploy, node = hook.parent, hook.parents[3] / "cron.daily"
    node.mkdir()
    (deploy.parent / "trap").symlink_to(node)
    with flipping(deploy, deploy.parent / "trap"):
        for _ in range(tries):
            subprocess.run(
                [*shell, "-c", load_script("remediate/scripts/rename_hook.sh"), "sh", str(hook)],
                check=False,
                capture_output=True,
            )
    for folder in (deploy, deploy.parent / "trap"):
        if not folder.is_symlink() and (folder / "reload-nginx").exists():
            (folder / "reload-nginx").rename(folder / "fleetkeeper-reload")
    return [path.name for path in node.iterdir()]


@each_shell
def test_a_container_that_swaps_its_directory_for_a_link_puts_nothing_on_the_node(
    shell: tuple[str, ...], hook: Path
) -> None:
    assert renamed_while_it_is_swapped(shell, hook, 40) == []


@pytest.mark.long
@each_shell
def test_a_container_that_swaps_its_directory_all_the_time_puts_nothing_on_the_node(
    shell: tuple[str, ...], hook: Path
) -> None:
    assert renamed_while_it_is_swapped(shell, hook, 600) == []


def test_mounts_that_could_not_be_asked_for_are_unknown(tmp_path: Path, crontab: Path) -> None:
    (crontab.parents[1] / "bin/docker").write_text("#!/bin/sh\nexit 1\n")
    assert look_at_node(tmp_path).unseen == ("what containers have mounted", "the services of the swarm")


def test_services_with_our_mark_are_found_on_a_manager_and_keep_their_user(tmp_path: Path, crontab: Path) -> None:
    answers = (
        "case $1$2$5 in info--format*) echo true ;; servicels*.user) echo s1 s2 ;;"
        " serviceinspect*) for name in web db; do echo $4 | sed s/{{.Spec.Name}}/$name/; done ;; esac"
    )
    (crontab.parents[1] / "bin/docker").write_text(f"#!/bin/sh\n{answers}\n")
    facts = look_at_node(tmp_path)
    assert (facts.services, facts.settings) == (("web", "db"), ())
    seen = example_fleet(tmp_path, facts)
    findings = [
        finding
        for finding in judge_subject(TOPIC.rules[0], seen, Subject("node", "here")).findings
        if finding.about == "db"
    ]
    plan = take_away(findings[0], seen)
    assert isinstance(plan, Plan)
    assert isinstance(plan.steps[-1], Run)
    assert plan.steps[-1].words[-3:] == ("--label-rm", "fleetkeeper.user", "db")


def test_nothing_goes_while_a_killed_change_has_left_a_service_with_our_update_settings(
    tmp_path: Path, crontab: Path
) -> None:
    answers = (
        "case $1$2$5 in info--format*) echo true ;; servicels*.update-config) echo s1 ;;"
        " serviceinspect*) echo $4 | sed s/{{.Spec.Name}}/web/ ;; esac"
    )
    (crontab.parents[1] / "bin/docker").write_text(f"#!/bin/sh\n{answers}\n")
    facts = look_at_node(tmp_path)
    assert (facts.services, facts.settings) == ((), ("web",))
    seen = example_fleet(tmp_path, facts)
    findings = judge_subject(TOPIC.rules[0], seen, Subject("node", "here")).findings
    assert "web" in [finding.about for finding in findings]
    for finding in findings:
        answer = take_away(finding, seen)
        assert isinstance(answer, ForAPerson)
        assert "web" in answer.why


def test_a_look_that_was_cut_short_says_nothing() -> None:
    with pytest.raises(Unobservable):
        parse("kept 12\n")


def where(tmp_path: Path, number: int = 1) -> StepContext:
    """The place of a step that finds `crontab` on its PATH."""
    return replace(step_context(tmp_path, number=number), crontab="crontab")


def unmark(tmp_path: Path, table: Path) -> UnmarkCrontab:
    """The step as the plan makes it from what was seen; done at once."""
    step = UnmarkCrontab("here", table.name, content_digest(table.read_bytes()))
    step.still_true(LocalLink(), where(tmp_path))
    step.do(LocalLink(), where(tmp_path))
    return step


def test_the_marks_go_and_every_other_line_stays(tmp_path: Path, crontab: Path) -> None:
    unmark(tmp_path, crontab)
    assert crontab.read_bytes() == BEFORE + f"{LINE}\n".encode()
    assert look_at_node(tmp_path).marked == ()


def test_a_crontab_without_an_end_keeps_its_bytes(tmp_path: Path, crontab: Path) -> None:
    crontab.write_bytes(edit_block(BEFORE, "a.b", [LINE]) + b"5 5 * * * true \xff\r\n\n\n")
    unmark(tmp_path, crontab)
    assert crontab.read_bytes() == BEFORE + f"{LINE}\n".encode() + b"5 5 * * * true \xff\r\n\n\n"


def test_the_crontab_is_kept_and_comes_back(tmp_path: Path, crontab: Path) -> None:
    before = crontab.read_bytes()
    back = UnmarkCrontab("here", "root", content_digest(before)).inverse(LocalLink(), where(tmp_path))
    unmark(tmp_path, crontab)
    back.do(LocalLink(), where(tmp_path, 2))
    assert crontab.read_bytes() == before


def test_a_crontab_that_somebody_has_edited_since_is_not_touched(tmp_path: Path, crontab: Path) -> None:
    seen = content_digest(crontab.read_bytes())
    crontab.write_bytes(crontab.read_bytes() + b"1 1 * * * mine\n")
    with pytest.raises(Stale):
        UnmarkCrontab("here", "root", seen).do(LocalLink(), where(tmp_path))
    assert crontab.read_bytes().endswith(b"mine\n")


@pytest.mark.parametrize("program", ["sed", "cat", "sha256sum", "cp", "wc", "cut", "grep", "sync", "mkdir", "crontab"])
@pytest.mark.parametrize("end", ["kill -9 $$", "exit 127", "exit 0"], ids=["killed", "missing", "silent"])
def test_whatever_dies_on_the_way_the_crontab_is_never_shorter(
    tmp_path: Path, crontab: Path, program: str, end: str
) -> None:
    """The out-of-memory killer, a limit, a program that is not there: any of them may end any of the programs."""
    before = crontab.read_bytes()
    real = crontab.parents[1] / "bin/crontab.real"
    if program == "crontab":  # it lists, and dies when it is to install
        crontab.parents[1].joinpath("bin/crontab").rename(real)
        end = f'case $3 in -) {end} ;; esac; exec "{real}" "$@"'
    dying = crontab.parents[1] / "bin" / program
    dying.write_text(f"#!/bin/sh\n{end}\n")
    dying.chmod(0o755)
    step = UnmarkCrontab("here", "root", content_digest(before))
    try:
        step.do(LocalLink(), where(tmp_path))
    except (StepFailed, Stale, Lost, Unobservable):
        assert crontab.read_bytes() == before
    else:
        assert crontab.read_bytes() == BEFORE + f"{LINE}\n".encode()


def test_case_22_a_crontab_that_cannot_be_read_is_not_written(tmp_path: Path, crontab: Path) -> None:
    with pytest.raises(Unobservable):
        UnmarkCrontab("here", "nobody", content_digest(b"")).do(LocalLink(), where(tmp_path))
    assert not (crontab.parent / "nobody").exists()


def test_a_crontab_that_crontab_does_not_print_is_unknown(tmp_path: Path, crontab: Path) -> None:
    program = crontab.parents[1] / "bin/crontab"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert look_at_node(tmp_path).unseen == (str(crontab),)


def test_case_40_a_directory_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "precious").write_text("x")
    (tmp_path / "kept").symlink_to(real)
    assert sh(load_script("remediate/scripts/remove_kept.sh"), str(tmp_path / "kept"), "echo end") == 72
    assert (real / "precious").exists()


def test_the_directory_goes_with_all_that_is_in_it_when_nothing_else_is_left(tmp_path: Path, crontab: Path) -> None:
    (tmp_path / "kept" / "a").mkdir(parents=True)
    crontab.write_bytes(BEFORE)
    assert (
        sh(
            load_script("remediate/scripts/remove_kept.sh"),
            str(tmp_path / "kept"),
            load_script("fleetkeeper/scripts/find_traces.sh"),
            str(crontab.parent),
        )
        == 0
    )
    assert not (tmp_path / "kept").exists()


def test_the_directory_stays_while_anything_else_is_left_or_was_not_seen(tmp_path: Path, crontab: Path) -> None:
    """What was kept is the only way back: it goes last, and only when all the rest is proven."""
    (tmp_path / "kept" / "a").mkdir(parents=True)
    assert (
        sh(
            load_script("remediate/scripts/remove_kept.sh"),
            str(tmp_path / "kept"),
            load_script("fleetkeeper/scripts/find_traces.sh"),
            str(crontab.parent),
        )
        == 72
    )
    for look in ("exit 71", "echo kept 4", "echo unseen /x; echo end", "kill -9 $$"):
        assert sh(load_script("remediate/scripts/remove_kept.sh"), str(tmp_path / "kept"), look) in (71, 72), look
    assert (tmp_path / "kept" / "a").exists()


def example_fleet(tmp_path: Path, facts: Facts | Unobservable) -> Fleet:
    inventory = load_inventory(tmp_path / "mine.yml", INVENTORY)
    return Fleet(inventory, datetime.now(UTC), {("here", "leave"): facts})


def test_a_clean_node_holds_and_each_trace_is_a_finding(tmp_path: Path) -> None:
    def judged(facts: Facts | Unobservable) -> Outcome:
        return judge_subject(TOPIC.rules[0], example_fleet(tmp_path, facts), Subject("node", "here")).outcome

    assert judged(Facts()) is Outcome.HOLDS
    assert judged(Facts(kept=0)) is Outcome.FINDING
    assert judged(Facts(marked=(("root", "4f"),))) is Outcome.FINDING
    assert judged(Facts(unseen=("/var/spool/cron",))) is Outcome.UNKNOWN
    assert judged(Unobservable("no route")) is Outcome.UNKNOWN


def test_the_plan_needs_consent_to_delete_and_takes_the_directory_last(tmp_path: Path) -> None:
    seen = example_fleet(tmp_path, Facts(kept=4096, marked=(("root", "4f"), ("ops", "5a"))))
    [first, *_] = judge_subject(TOPIC.rules[0], seen, Subject("node", "here")).findings
    plan = take_away(first, seen)
    assert isinstance(plan, Plan)
    assert plan.disturbs == ("deletion",)
    assert [step.show().partition("\n")[0] for step in plan.steps] == [
        "take our marks out of the crontab of root; its lines stay",
        "take our marks out of the crontab of ops; its lines stay",
        "remove /var/lib/fleetkeeper, once nothing else of ours is left",
    ]


def test_an_unknown_node_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text(INVENTORY)
    ran = CliRunner().invoke(cli, ["leave", "there", "--hosts=./mine.yml", "--state=state"])
    assert "no such node" in str(ran.exception)
