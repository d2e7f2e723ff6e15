"""The worked example of docs/own-topics.md does what the page says, on this machine."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.topics.registry import TOPICS, load_inventory, observers_in
from fleetkeeper.transport.local import LocalLink
from remediate.plan import Plan

PAGE = Path(__file__).parents[3] / "docs" / "own-topics.md"
HOUR = 3600


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """The files of the page, with the sign in a folder of the test."""
    for name, text in re.findall(r"```(?:yaml|python|ini)\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("/srv/webapps", str(tmp_path)))
    return tmp_path


def switch_on(team: Path, hours: float) -> None:
    sign = team / "maintenance.on"
    sign.touch()
    ago = time.time() - hours * HOUR
    os.utime(sign, (ago, ago))


def verdict_on(team: Path) -> tuple[Inventory, Verdict]:
    inventory = load_inventory(team / "team.yml")
    topic = inventory.custom_topics["maintenance"]
    observers = observers_in({"nodes": TOPICS["nodes"], "maintenance": topic})
    fleet = look_at_fleet(inventory, lambda node: LocalLink(), observers, datetime.now(UTC))
    return inventory, judge_subject(topic.rules[0], fleet, Subject("node", "web"))


def test_the_page_off_is_right_and_on_too_long_is_found(team: Path) -> None:
    assert verdict_on(team)[1].outcome is Outcome.HOLDS
    switch_on(team, hours=1)
    assert verdict_on(team)[1].outcome is Outcome.HOLDS
    switch_on(team, hours=5)
    [finding] = verdict_on(team)[1].findings
    assert finding.saw.startswith("the maintenance page has been on for 5 h")


def test_its_remedy_answers_its_rule_with_a_plan(team: Path) -> None:
    switch_on(team, hours=5)
    inventory, match = verdict_on(team)
    topic = inventory.custom_topics["maintenance"]
    fleet = look_at_fleet(
        inventory, lambda node: LocalLink(), observers_in({"nodes": TOPICS["nodes"]}), datetime.now(UTC)
    )
    plan = topic.remedies[match.rule.id](match.findings[0], fleet)
    assert isinstance(plan, Plan)
    assert f"{team}/maintenance.on" in plan.steps[0].show()


def test_its_own_doctests_hold(team: Path) -> None:
    load_inventory(team / "team.yml")
    failed, tried = doctest.testmod(sys.modules["fleetkeeper_own_topics.maintenance"])
    assert (failed, tried) == (0, 1)


def test_pytest_runs_its_check_from_its_own_folder(team: Path) -> None:
    switch_on(team, hours=5)
    words = [sys.executable, "-m", "pytest", "--hosts=./team.yml", "our_checks", f"--state={team}/state"]
    ran = subprocess.run(words, cwd=team, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "the maintenance page has been on for 5 h" in ran.stdout
    (team / "maintenance.on").unlink()
    ran = subprocess.run(words, cwd=team, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_remediate_shows_its_plan_and_changes_nothing(team: Path) -> None:
    switch_on(team, hours=5)
    start = "from remediate.commands.main import main; main()"
    words = ["--hosts=./team.yml", "--only=maintenance.is_over", f"--state={team}/state"]
    ran = subprocess.run([sys.executable, "-c", start, *words], cwd=team, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "maintenance.on" in ran.stdout
    assert (team / "maintenance.on").exists()
