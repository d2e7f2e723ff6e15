"""The page about the benchmark says what works in CI: the commands of its two examples are run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = (Path(__file__).parents[3] / "docs" / "benchmark.md").read_text()
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
STACK = "services:\n  web:\n    image: ours/web:1\n    cap_add: [NET_ADMIN]\n"
DOCKERFILE = "FROM debian:12\nUSER app\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a stack file and a Dockerfile."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "production.yml").write_text(STACK)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def end_of_command(command: str, repository: Path) -> int:
    """The exit code of a command as a runner of CI runs it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(repository), "LANG": "C.UTF-8"}
    words = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command)
    return subprocess.run(
        words, cwd=repository, env=environment, capture_output=True, timeout=120, check=False
    ).returncode


def job_of_github() -> dict[str, Any]:
    [example] = [each for each in EXAMPLES if "jobs" in each]
    job: dict[str, Any] = example["jobs"]["benchmark"]
    return job


def test_the_step_of_github_judges_the_files_and_writes_sarif(repository: Path) -> None:
    [command] = [step["run"] for step in job_of_github()["steps"] if step.get("name") == "judge"]
    assert end_of_command(command, repository) == 0
    [run] = json.loads((repository / "cis.sarif").read_text())["runs"]
    places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    assert {each["artifactLocation"]["uri"] for each in places} == {"production.yml", "web/Dockerfile"}
    [upload] = [step for step in job_of_github()["steps"] if "upload-sarif" in step.get("uses", "")]
    assert upload["with"]["sarif_file"] == "cis.sarif"
    assert "vars.SARIF == 'true'" in upload["if"]


def test_the_lines_of_travis_fail_for_a_way_to_root_alone(repository: Path) -> None:
    [example] = [each for each in EXAMPLES if "script" in each]
    assert [end_of_command(line, repository) for line in example["script"]] == [0, 0]
    (repository / "production.yml").write_text(STACK.replace("NET_ADMIN", "SYS_ADMIN"))
    assert [end_of_command(line, repository) for line in example["script"]] == [1, 0]
    (repository / "production.yml").write_text("services: [")
    assert [end_of_command(line, repository) for line in example["script"]] == [4, 1]
