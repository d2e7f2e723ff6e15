"""SARIF: what GitHub takes, and what it must never take for gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.strict_yaml import read_document
from fleetkeeper.reports.sarif import MOST_RESULTS, Placed, place_inventory, sarif_document
from fleetkeeper.topics.registry import RULES

WRITTEN = b"""nodes:
  web: {address: web.example}
  db: {address: db.example}
services:
  shop: {name: shop}
"""
PLACED = [Placed("mine", "inventories/mine.yml", read_document(WRITTEN))]


def finding_item(**changes: Any) -> dict[str, Any]:
    finding = {
        "saw": "the socket has mode 666", "want": "660 at most (CIS Docker 3.16)", "why": "it is root", "node": "db",
        "about": "cis:3.16", "severity": "error", "hint": "", "rule": "engine.is_reached_by_few", "subject": "db",
        "cis": ["1.6:3.16", "1.8:3.16"], "waived": None,
    }  # fmt: skip
    return {**finding, **changes}


def item(*findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    judged = {
        "check": "x", "inventory": "mine", "rule": "engine.is_reached_by_few", "subject": "db", "kind": "node",
        "promise": "p", "outcome": "finding", "findings": list(findings), "unknown": [], "reason": "",
        "left_out": False,
    }  # fmt: skip
    return {**judged, **changes}


def document(*items: dict[str, Any], unseen: list[dict[str, Any]] | None = None) -> Any:
    run = {"fleetkeeper": "0.1", "started": "2026-11-30T05:30:00.5+00:00", "finished": "2026-11-30T05:31:00+00:00"}
    change = {"inventory": "mine", "previous": None, "unseen": unseen or []}
    return {"run": {**run, "exit_status": 1}, "items": list(items), "changes": [change], "inventories": []}


def sarif_run(*items: dict[str, Any], waived: bool = False, **more: Any) -> dict[str, Any]:
    content = sarif_document(document(*items, **more), PLACED, RULES, waived=waived)
    assert json.loads(json.dumps(content)) == content
    assert (content["version"], len(content["runs"])) == ("2.1.0", 1)
    run: dict[str, Any] = content["runs"][0]
    return run


def place_of(result: dict[str, Any]) -> tuple[str, int]:
    physical = result["locations"][0]["physicalLocation"]
    return physical["artifactLocation"]["uri"], physical["region"]["startLine"]


def test_a_finding_stands_at_the_line_of_its_subject() -> None:
    [result] = sarif_run(item(finding_item()))["results"]
    assert place_of(result) == ("inventories/mine.yml", 3)
    assert result["level"] == "error"
    assert result["message"]["text"] == ("the socket has mode 666. Wanted: 660 at most (CIS Docker 3.16). it is root.")
    assert result["properties"] == {"cis": ["1.6:3.16", "1.8:3.16"]}
    logical = result["locations"][0]["logicalLocations"]
    assert logical == [{"name": "db", "kind": "node"}, {"name": "db", "kind": "subject"}]


@pytest.mark.parametrize(
    ("kind", "subject", "node", "line"),
    [
        ("node", "web", "web", 2),
        ("service", "shop", "web", 5),
        ("certificate", "shop.example", "db", 3),
        ("fleet", "mine", "", 1),
        ("service", "gone", "", 4),
    ],
)
def test_every_result_has_a_place_in_the_repository(kind: str, subject: str, node: str, line: int) -> None:
    [result] = sarif_run(item(finding_item(subject=subject, node=node), kind=kind))["results"]
    assert place_of(result) == ("inventories/mine.yml", line)


def test_what_is_waived_is_left_out_unless_it_is_asked_for() -> None:
    accepted = {"owner": "Ada", "until": "2027-01-31", "because": "until [then]"}
    judged = item(finding_item(waived=accepted), outcome="waived")
    assert sarif_run(judged)["results"] == []
    [result] = sarif_run(judged, waived=True)["results"]
    [suppression] = result["suppressions"]
    assert suppression["justification"] == "until \\[then\\] (Ada, until 2027-01-31)"


def test_what_is_unknown_is_no_result_and_the_run_no_success() -> None:
    dark = item(unknown=[{"why": "no route", "hint": "", "node": "db"}], outcome="unknown")
    run = sarif_run(dark)
    [invocation] = run["invocations"]
    assert run["results"] == []
    assert invocation["executionSuccessful"] is False
    assert "db: no route" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert sarif_run(item(outcome="holds"))["invocations"][0]["executionSuccessful"] is True


def test_what_could_not_be_judged_again_is_carried_along_with_its_key() -> None:
    [first] = sarif_run(item(finding_item()))["results"]
    key = first["partialFingerprints"]["fleetkeeper/v1"]
    before = {"key": key, "rule": "engine.is_reached_by_few", "subject": "db", "node": "db", "about": "cis:3.16",
              "saw": "the socket has mode 666", "severity": "error", "since": "2026-11-01"}  # fmt: skip
    [again] = sarif_run(item(outcome="unknown"), unseen=[before])["results"]
    assert again["partialFingerprints"] == first["partialFingerprints"]
    assert place_of(again) == place_of(first)


def test_findings_of_one_place_have_fingerprints_of_their_own() -> None:
    others = finding_item(about="cis:3.15", cis=["1.8:3.15"]), finding_item(saw="the socket has mode 667")
    results = sarif_run(item(finding_item(), *others))["results"]
    assert len({result["partialFingerprints"]["fleetkeeper/v1"] for result in results}) == 3


def test_what_says_the_same_of_one_place_is_one_result_and_the_worst_stays() -> None:
    [once] = sarif_run(item(finding_item()))["results"]
    warning = finding_item(severity="warning")
    assert sarif_run(item(finding_item(), warning, finding_item()))["results"] == [once]
    assert [result["level"] for result in sarif_run(item(warning, finding_item()))["results"]] == ["error"]
    accepted = finding_item(waived={"owner": "Ada", "until": "2027-01-31", "because": "soon"})
    assert len(sarif_run(item(finding_item(), accepted, accepted), waived=True)["results"]) == 2
    assert len(sarif_run(item(finding_item(), finding_item(node="web")))["results"]) == 2


def test_errors_come_first_and_what_is_too_much_is_counted() -> None:
    many = [finding_item(severity="warning", saw=f"thing {number}") for number in range(MOST_RESULTS)]
    run = sarif_run(item(*many, finding_item()))
    assert len(run["results"]) == MOST_RESULTS
    assert run["results"][0]["level"] == "error"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["message"]["text"] == "1 more finding in results.json"


def test_every_rule_is_described_and_those_of_security_have_their_severity() -> None:
    rules = {rule["id"]: rule for rule in sarif_run(item(finding_item(rule="own.rule")))["tool"]["driver"]["rules"]}
    assert rules.keys() == {*RULES, "own.rule"}
    assert rules["engine.is_reached_by_few"]["properties"]["security-severity"] == "8.0"
    assert "security-severity" not in rules["backups.are_fresh"]["properties"]


def test_text_of_a_node_is_one_line_without_links() -> None:
    [result] = sarif_run(item(finding_item(saw="a\n[x](1)\x1b[31m\u202e", node="d\nb")))["results"]
    assert result["message"]["text"].startswith("a\\n\\[x\\](1)\\x1b\\[31m\\u202e. Wanted")
    assert result["locations"][0]["logicalLocations"][0]["name"] == "d\\nb"


def test_an_inventory_is_named_from_its_repository_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "repo" / "in ventories" / "mine.yml"
    path.parent.mkdir(parents=True)
    path.write_bytes(WRITTEN)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="in no repository"):
        place_inventory("mine", path)
    (tmp_path / "repo" / ".git").mkdir()
    assert place_inventory("mine", path).uri == "in%20ventories/mine.yml"
