"""CI runs on a push what the README says, with no more rights than to read."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def test_a_push_runs_the_script_that_runs_the_readmes_command() -> None:
    workflow = yaml.load(WORKFLOW.read_text(), yaml.BaseLoader)
    assert "push" in workflow["on"]
    scripts = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert [script.split()[-1] for script in scripts] == [".ci/run"]
    last_line = (ROOT / ".ci" / "run").read_text().splitlines()[-1]
    assert last_line == "exec make test"
    assert "`make test` is the one command" in (ROOT / "README.md").read_text()


def test_the_workflow_may_only_read_and_keeps_no_token() -> None:
    workflow = yaml.load(WORKFLOW.read_text(), yaml.BaseLoader)
    assert workflow["permissions"] == {"contents": "read"}
    [checkout] = [step for step in workflow["jobs"]["test"]["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"]["persist-credentials"] == "false"
