"""The pages about nights and results, and the workflow, say what works: their own lines are run, as far as can be."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fleetkeeper.readers.cron.crontab import parse

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
WORKFLOW = ROOT / ".github" / "workflows" / "nightly.yml"
SECRETS = {
    "SSH_KEY": "-----BEGIN KEY-----\nabc\n-----END KEY-----",
    "KNOWN_HOSTS": "a ssh-ed25519 AAAA\nb ssh-rsa BBBB",
}
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""As GitHub's runner runs a step."""
CLONED = ("Makefile", "checks", "conftest.py", "inventories", "pyproject.toml", "requirements.lock")


def steps_of() -> dict[str, dict]:
    """The steps of the workflow that run a script, by name."""
    listed = yaml.safe_load(WORKFLOW.read_text())["jobs"]["audit"]["steps"]
    return {step["name"]: step for step in listed if "run" in step}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a checkout and `make venv` leave, with this Python's environment."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in CLONED:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / ".ready").touch()
    return folder


def run(clone: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run one step of the workflow as the runner would, for the inventory of this machine."""
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["audit"]
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    values = {key: SECRETS.get(key, "") for key in steps_of()[name].get("env", {})}
    given = {"INVENTORY": "local", "FLEETKEEPER_STATE": str(clone / ".state"), "GITHUB_ACTIONS": "true"}
    assert set(job["env"]) <= set(given)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), **given, **values}
    words = (*SHELL, steps_of()[name]["run"])
    return subprocess.run(words, cwd=clone, env=env, capture_output=True, text=True, check=False)


def test_the_workflow_installs_audits_and_forgets_its_key(clone: Path) -> None:
    assert run(clone, "install").returncode == 0
    kept = run(clone, "key and known hosts")
    assert (kept.returncode, kept.stdout + kept.stderr) == (0, "")
    key = clone.parent / "home/.ssh/id_ed25519"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text() == SECRETS["SSH_KEY"] + "\n"
    audited = run(clone, "audit")
    assert audited.returncode in (0, 1), audited.stdout + audited.stderr
    assert (clone / "results.json").exists()
    assert "<testsuite" in (clone / "audit.xml").read_text()
    assert "::stop-commands::" in audited.stdout
    assert (clone / ".state/history.sqlite").exists(), "the state is kept between runs"
    assert run(clone, "forget the key").returncode == 0
    assert not key.exists()


def test_the_workflow_keeps_its_state_on_red_nights_too() -> None:
    """`actions/cache` alone saves only when the job has succeeded."""
    listed = yaml.safe_load(WORKFLOW.read_text())["jobs"]["audit"]["steps"]
    cached = {step["uses"].partition("@")[0]: step for step in listed if "cache" in step.get("uses", "")}
    assert set(cached) == {"actions/cache/restore", "actions/cache/save"}
    assert cached["actions/cache/save"]["if"] == "always()"
    assert len({step["with"]["key"] for step in cached.values()}) == 1


def test_the_workflow_asks_for_no_rights_and_pastes_nothing_into_scripts() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "INVENTORY" in workflow["jobs"]["audit"]["if"]
    assert all("${{" not in step["run"] for step in steps_of().values())
    assert "GITHUB_STEP_SUMMARY" not in WORKFLOW.read_text()
    assert not [step for step in steps_of().values() if "remediate" in step["run"]]


def make_files(page: str) -> dict[str, str]:
    """The files that a page shows, by name."""
    return dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", (DOCS / page).read_text(), re.DOTALL))


def test_the_timer_and_its_service_are_units_that_run_an_audit() -> None:
    for name in ("fleetkeeper.service", "fleetkeeper.timer"):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(make_files("nightly.md")[name])
        assert unit["Unit"]["Description"]
    service = make_files("nightly.md")["fleetkeeper.service"]
    [command] = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    assert command.startswith("/srv/fleetkeeper/clone/.venv/bin/pytest --hosts=production")
    assert "OnCalendar=" in make_files("nightly.md")["fleetkeeper.timer"]


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (package systemd)")
    for name in ("fleetkeeper.service", "fleetkeeper.timer"):
        text = make_files("nightly.md")[name].replace("/srv/fleetkeeper/clone/.venv/bin/pytest", "/bin/true")
        (tmp_path / name).write_text(re.sub(r"^(User|WorkingDirectory)=.*\n", "", text, flags=re.MULTILINE))
    words = ("systemd-analyze", "verify", *(str(path) for path in tmp_path.iterdir()))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "fleetkeeper" not in done.stderr, done.stderr


@pytest.mark.parametrize(("status", "said"), [(0, ""), (1, "one line\nand 100% more\n")])
def test_the_line_of_cron_prints_only_when_something_is_wrong(tmp_path: Path, status: int, said: str) -> None:
    table = parse(make_files("nightly.md")["crontab"].encode(), system=False)
    assert table.problems == []
    [job] = table.jobs
    audit = tmp_path / "clone/.venv/bin/pytest"
    audit.parent.mkdir(parents=True)
    audit.write_text(f"#!/bin/sh\nprintf '%s\\n' 'one line' 'and 100% more'\nexit {status}\n")
    audit.chmod(0o755)
    command = unescaped(job.command).replace("/srv/fleetkeeper", str(tmp_path))
    ran = subprocess.run(("/bin/sh", "-c", command), capture_output=True, text=True, check=False)
    assert ran.stdout == said


def unescaped(command: str) -> str:
    """The command as cron hands it to the shell: `\\%` is a percent sign (crontab(5))."""
    assert not re.search(r"(?<!\\)%", command.replace("\\%", "")), "an unescaped percent sign would end the line"
    return command.replace("\\%", "%")


def test_the_example_of_results_md_reads_a_real_results_json(clone: Path) -> None:
    run(clone, "audit")
    [script] = re.findall(r"```python\n(.*?)```", (DOCS / "results.md").read_text(), re.DOTALL)
    ran = subprocess.run((sys.executable, "-c", script), cwd=clone, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "local" in ran.stdout


def test_make_audit_and_make_fix_are_there() -> None:
    made = {
        target: subprocess.run(
            ("make", "-n", target, "HOSTS=production"), cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for target in ("audit", "fix")
    }
    assert "pytest --hosts=production" in made["audit"]
    assert "remediate --hosts=production --fix" in made["fix"]


def test_the_line_of_cron_that_repairs_is_read_by_our_own_reader_and_names_its_servers() -> None:
    [job] = parse(make_files("nightly.md")["repairs-crontab"].encode(), system=False).jobs
    assert "remediate --nightly --hosts=production" in unescaped(job.command)
