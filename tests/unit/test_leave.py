"""Leaving a node: what is left is found, what ran goes on running, and nothing else is touched."""

from __future__ import annotations

import os
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.blocks import edit
from fleet.commands import Unobservable
from fleet.facts import Fleet
from fleet.inventory import load
from fleet.links.local import LocalLink
from fleet.rules import Subject
from fleet.verdicts import Outcome, verdict
from remediate.cli import cli
from remediate.leave import REMOVE, RENAME, RULES, UNMARK, Facts, parse, take_away, traces
from remediate.plan import Plan
from remediate.remedies.certbot import WRITE_HOOK
from remediate.steps import Run

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
    table.write_bytes(edit(BEFORE, "schedules.backup", [LINE]))
    return table


def looked(tmp_path: Path) -> Facts:
    [answer] = LocalLink().ask([traces(str(tmp_path / "kept"), (str(tmp_path / "spool"),))])
    return parse(answer.text())


def sh(script: str, *words: str) -> int:
    return subprocess.run(("sh", "-c", script, "sh", *words), check=False, capture_output=True).returncode


def test_a_node_that_was_only_looked_at_holds_nothing(tmp_path: Path, crontab: Path) -> None:
    crontab.write_bytes(BEFORE)
    assert looked(tmp_path) == Facts()


def test_what_is_kept_and_what_is_marked_is_found(tmp_path: Path, crontab: Path) -> None:
    (tmp_path / "kept" / "r1").mkdir(parents=True)
    (tmp_path / "kept" / "r1" / "old").write_bytes(b"x" * 5000)
    (crontab.parent / "games").write_text("# nothing of ours\n")
    facts = looked(tmp_path)
    assert facts.kept is not None
    assert facts.kept >= 5000
    assert facts.marked == ("root",)


@pytest.fixture
def hook(tmp_path: Path, crontab: Path) -> Path:
    """The hook that a repair writes, on a volume that a container has mounted."""
    path = tmp_path / "le tsencrypt/renewal-hooks/deploy/fleetkeeper-reload"
    path.parent.mkdir(parents=True)
    assert sh(WRITE_HOOK, str(path)) == 0
    return path


def test_a_hook_on_a_volume_is_found_and_goes_on_under_another_name(tmp_path: Path, hook: Path) -> None:
    assert looked(tmp_path).hooks == (str(hook),)
    assert sh(RENAME, str(hook)) == 0
    assert looked(tmp_path).hooks == ()
    ordinary = hook.with_name("reload-nginx")
    assert ordinary.read_text() == "#!/bin/sh\nexec nginx -s reload\n"
    assert os.access(ordinary, os.X_OK)


def test_a_hook_is_not_renamed_over_another_nor_through_a_link(hook: Path) -> None:
    other = hook.with_name("reload-nginx")
    other.write_text("mine")
    assert sh(RENAME, str(hook)) == 72
    assert other.read_text() == "mine"
    other.unlink()
    hook.rename(other)
    hook.symlink_to(other)
    assert sh(RENAME, str(hook)) == 72


def test_mounts_that_could_not_be_asked_for_are_unknown(tmp_path: Path, crontab: Path) -> None:
    (crontab.parents[1] / "bin/docker").write_text("#!/bin/sh\nexit 1\n")
    assert looked(tmp_path).unseen == ("what containers have mounted", "the services of the swarm")


def test_services_with_our_mark_are_found_on_a_manager_and_keep_their_user(tmp_path: Path, crontab: Path) -> None:
    answers = (
        "case $1$2 in info--format) echo true ;; servicels) echo s1 s2 ;; serviceinspect) echo web; echo db ;; esac"
    )
    (crontab.parents[1] / "bin/docker").write_text(f"#!/bin/sh\n{answers}\n")
    facts = looked(tmp_path)
    assert facts.services == ("web", "db")
    seen = fleet(tmp_path, facts)
    found = [one for one in verdict(RULES[0], seen, Subject("node", "here")).findings if one.about == "db"]
    plan = take_away(found[0], seen)
    assert isinstance(plan, Plan)
    assert isinstance(plan.steps[-1], Run)
    assert plan.steps[-1].words[-3:] == ("--label-rm", "fleetkeeper.user", "db")


def test_a_look_that_was_cut_short_says_nothing() -> None:
    with pytest.raises(Unobservable):
        parse("kept 12\n")


def test_the_marks_go_and_every_other_line_stays(crontab: Path) -> None:
    assert sh(UNMARK, "root") == 0
    assert crontab.read_bytes() == BEFORE + f"{LINE}\n".encode()


def test_a_crontab_without_an_end_keeps_its_bytes(crontab: Path) -> None:
    crontab.write_bytes(edit(BEFORE, "a.b", [LINE]) + b"5 5 * * * true\n\n\n")
    assert sh(UNMARK, "root") == 0
    assert crontab.read_bytes() == BEFORE + f"{LINE}\n5 5 * * * true\n\n\n".encode()


def test_case_22_a_crontab_that_cannot_be_read_is_not_written(crontab: Path) -> None:
    assert sh(UNMARK, "nobody") == 71
    assert not (crontab.parent / "nobody").exists()


def test_case_40_a_directory_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "precious").write_text("x")
    (tmp_path / "kept").symlink_to(real)
    assert sh(REMOVE, str(tmp_path / "kept")) == 72
    assert (real / "precious").exists()


def test_the_directory_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "kept" / "a").mkdir(parents=True)
    assert sh(REMOVE, str(tmp_path / "kept")) == 0
    assert not (tmp_path / "kept").exists()


def fleet(tmp_path: Path, facts: Facts | Unobservable) -> Fleet:
    inventory = load(tmp_path / "mine.yml", INVENTORY)
    return Fleet(inventory, datetime.now(UTC), {("here", "leave"): facts})


def test_a_clean_node_holds_and_each_trace_is_a_finding(tmp_path: Path) -> None:
    def judged(facts: Facts | Unobservable) -> Outcome:
        return verdict(RULES[0], fleet(tmp_path, facts), Subject("node", "here")).outcome

    assert judged(Facts()) is Outcome.HOLDS
    assert judged(Facts(kept=0)) is Outcome.FINDING
    assert judged(Facts(marked=("root",))) is Outcome.FINDING
    assert judged(Facts(unseen=("/var/spool/cron",))) is Outcome.UNKNOWN
    assert judged(Unobservable("no route")) is Outcome.UNKNOWN


def test_the_plan_needs_consent_to_delete_and_takes_the_directory_last(tmp_path: Path) -> None:
    seen = fleet(tmp_path, Facts(kept=4096, marked=("root", "ops")))
    [first, *_] = verdict(RULES[0], seen, Subject("node", "here")).findings
    plan = take_away(first, seen)
    assert isinstance(plan, Plan)
    assert plan.disturbs == ("deletion",)
    assert [step.show().partition("\n")[0] for step in plan.steps] == [
        "take our marks out of the crontab of root; its lines stay",
        "take our marks out of the crontab of ops; its lines stay",
        "remove /var/lib/fleetkeeper",
    ]


def test_an_unknown_node_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text(INVENTORY)
    ran = CliRunner().invoke(cli, ["leave", "there", "--hosts=./mine.yml", "--state=state"])
    assert "no such node" in str(ran.exception)
