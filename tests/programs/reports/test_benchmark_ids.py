"""Ids of the benchmark from end to end: what `pytest` and `remediate` do with `cis:ID`, and where ids come out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from fleetkeeper.looking.recording import dump_recording
from tests.pure.topics.test_benchmark import TWO, look_at_two
from tests.pure.topics.test_engine import printed

POLICY = 'benchmark: {enforce: ["2.2"]}\n'
WAIVER = "waivers: [{rule: 'cis:2.2', node: there, until: 2099-01-01, owner: Ada, because: soon}]\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with an inventory of two nodes and a saved look, in which 2.2 is broken on one of them."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mine.yml").write_text(TWO + POLICY)
    look = look_at_two(TWO + POLICY, other=printed(bridge="{}"), privileged=True)
    (tmp_path / "look.json").write_text(dump_recording(look))
    return tmp_path


def run_program(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository), "FLEETKEEPER_STATE": str(repository / "state")}
    program = (str(Path(sys.executable).parent / words[0]), *words[1:])
    return subprocess.run(
        program, cwd=repository, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def run_audit(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_program(
        repository, "pytest", "--hosts=mine.yml", "--replay=look.json", "-p", "no:cacheprovider", *options
    )


def sarif_results(repository: Path, name: str = "out.sarif") -> list[dict[str, Any]]:
    """The results of a SARIF file about ids of the benchmark."""
    [run] = json.loads((repository / name).read_text())["runs"]
    return [result for result in run["results"] if "cis" in result.get("properties", {})]


def test_an_audit_writes_ids_to_each_of_its_documents(repository: Path) -> None:
    ran = run_audit(repository, "--sarif=out.sarif", "--results=results.json", "--junitxml=junit.xml", "-q")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    broken = {name for result in sarif_results(repository) for name in result["properties"]["cis"]}
    assert {"1.6:2.2", "1.8:2.2", "1.8:5.5"} <= broken
    [bridge] = [r for r in sarif_results(repository) if "1.8:2.2" in r["properties"]["cis"]]
    location = bridge["locations"][0]["physicalLocation"]
    lines = (repository / "mine.yml").read_text().splitlines()
    assert location["artifactLocation"]["uri"] == "mine.yml"
    assert "there" in lines[location["region"]["startLine"] - 1]
    assert bridge["level"] == "error"
    items = json.loads((repository / "results.json").read_text())["items"]
    assert broken == {name for item in items for finding in item["findings"] for name in finding["cis"]}
    properties = [each.get("value") or "" for each in ET.parse(repository / "junit.xml").iter("property")]
    assert any("1.8:2.2" in value.split() for value in properties)


def test_k_selects_the_checks_of_an_id_and_writes_no_sarif_of_a_part(repository: Path) -> None:
    ran = run_audit(repository, "-k", "cis:2.2", "--sarif=out.sarif", "-v", "--color=no")
    names = {line.partition("::")[2].partition("[")[0] for line in ran.stdout.splitlines() if "::test_" in line}
    assert "test_keeps_containers_apart" in names
    assert not names & {"test_files_belong_to_root", "test_run_as_their_own_user", "test_is_attested"}
    assert not (repository / "out.sarif").exists()


def test_a_waiver_of_an_id_leaves_the_other_ids_of_its_rule(repository: Path) -> None:
    (repository / "mine.yml").write_text(TWO + POLICY + WAIVER)
    run_audit(repository, "--sarif=out.sarif", "-q")
    assert not [r for r in sarif_results(repository) if "1.8:2.2" in r["properties"]["cis"]]
    run_audit(repository, "--sarif=waived.sarif", "--sarif-waived", "-q")
    [waived] = [r for r in sarif_results(repository, "waived.sarif") if "1.8:2.2" in r["properties"]["cis"]]
    assert "Ada" in waived["suppressions"][0]["justification"]
    table = run_program(repository, "fleetkeeper", "cis", "--hosts=mine.yml", "--replay=look.json")
    assert "2.2     waived" in table.stdout


def test_only_takes_an_id_and_refuses_what_no_rule_judges(repository: Path) -> None:
    (repository / "mine.yml").write_text(TWO.replace(", there: {address: there.example}", "") + POLICY)
    refused = run_program(repository, "remediate", "--hosts=mine.yml", "--only=cis:9.9")
    assert (refused.returncode, "no rule judges that" in refused.stderr) == (2, True)
    plan = run_program(repository, "remediate", "--hosts=mine.yml", "--only=cis:2.2")
    assert plan.returncode in (0, 1, 4), plan.stderr
    assert "engine.files_belong_to_root" not in plan.stdout
