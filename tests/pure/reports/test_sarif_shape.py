"""SARIF is what its schema allows: the properties that 2.1.0 knows and demands, for each object that is written here.

The whole schema (https://docs.oasis-open.org/sarif/sarif/v2.1.0/) is no dependency; documents of both kinds were held
against it with `jsonschema` on 2026-11-30.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.commands.cis_files import GivenFiles, judge_files, request_about_files
from fleetkeeper.exit_codes import Exit
from fleetkeeper.reports.file_sarif import files_sarif
from fleetkeeper.reports.sarif import sarif_document
from fleetkeeper.topics.registry import RULES
from tests.pure.reports.test_sarif import PLACED, document, finding_item, item

SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "document": ({"version", "runs"}, {"$schema"}),
    "runs": ({"tool"}, {"automationDetails", "invocations", "columnKind", "results"}),
    "tool": ({"driver"}, set()),
    "driver": ({"name"}, {"version", "rules"}),
    "rules": ({"id"}, {"shortDescription", "fullDescription", "help", "properties"}),
    "shortDescription": ({"text"}, {"markdown"}),
    "fullDescription": ({"text"}, {"markdown"}),
    "help": ({"text"}, {"markdown"}),
    "automationDetails": (set(), {"id"}),
    "invocations": (
        {"executionSuccessful"},
        {"startTimeUtc", "endTimeUtc", "exitCode", "toolExecutionNotifications"},
    ),
    "toolExecutionNotifications": ({"message"}, {"level", "associatedRule"}),
    "associatedRule": (set(), {"id"}),
    "message": ({"text"}, set()),
    "results": (
        {"message", "ruleId"},
        {"level", "locations", "partialFingerprints", "properties", "suppressions"},
    ),
    "locations": ({"physicalLocation"}, {"logicalLocations"}),
    "logicalLocations": (set(), {"name", "kind"}),
    "physicalLocation": ({"artifactLocation", "region"}, set()),
    "artifactLocation": ({"uri"}, set()),
    "region": ({"startLine"}, set()),
    "suppressions": ({"kind"}, {"status", "justification"}),
}
"""The properties that an object must have, and those that it may have besides, by the name under which it stands."""
OPEN = ("properties", "partialFingerprints")
"""Objects that may hold anything, texts in the second."""
WORDS = {
    "version": re.compile(r"2\.1\.0|[0-9][^\n]*"),
    "level": re.compile("none|note|warning|error"),
    "columnKind": re.compile("utf16CodeUnits|unicodeCodePoints"),
    "status": re.compile("accepted|underReview|rejected"),
    "startTimeUtc": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z"),
    "endTimeUtc": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z"),
    "uri": re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:@/-]+"),
    "text": re.compile(r".+", re.DOTALL),
}


def problems_of(name: str, node: Any, path: str) -> list[str]:
    """What the schema would say of one object or text and all below it, with its path."""
    if isinstance(node, list):
        return [row for index, each in enumerate(node) for row in problems_of(name, each, f"{path}[{index}]")]
    if isinstance(node, dict) and name not in OPEN:
        must, may = SHAPES[name]
        rows = [f"{path} lacks {key}" for key in sorted(must - node.keys())]
        rows += [f"{path} has {key}" for key in sorted(node.keys() - must - may)]
        return rows + [row for key, each in node.items() for row in problems_of(key, each, f"{path}.{key}")]
    if name == "startLine":
        return [] if isinstance(node, int) and node >= 1 else [f"{path} is {node!r}"]
    return [] if name not in WORDS or WORDS[name].fullmatch(str(node)) else [f"{path} is {node!r}"]


def test_the_sarif_of_an_audit_is_what_the_schema_allows() -> None:
    accepted = {"owner": "Ada", "until": "2027-01-31", "because": "soon"}
    before = {"key": "4f", "rule": "engine.is_reached_by_few", "subject": "db", "node": "db", "about": "",
              "saw": "x", "severity": "error", "since": "2026-11-01"}  # fmt: skip
    items = (
        item(finding_item(), finding_item(waived=accepted, node=""), finding_item(severity="warning", cis=[])),
        item(unknown=[{"why": "no route", "hint": "", "node": ""}], outcome="unknown"),
    )
    content = sarif_document(document(*items, unseen=[before]), PLACED, RULES, waived=True)
    assert problems_of("document", content, "sarif") == []
    assert {result["level"] for result in content["runs"][0]["results"]} == {"error", "warning"}


@pytest.mark.parametrize("stack", ["services:\n  web:\n    image: a\n    privileged: true\n", "services: ["])
def test_the_sarif_of_files_is_what_the_schema_allows(stack: str, tmp_path: Path) -> None:
    paths = tmp_path / "a stack.yml", tmp_path / "Dockerfile"
    paths[0].write_text(stack)
    paths[1].write_text("FROM debian\nRUN export API_KEY=4f5a6b\n")
    judged = judge_files(
        GivenFiles(stacks=paths[:1], dockerfiles=paths[1:]), request_about_files(None, None, None, strict=False)
    )
    uris = {str(path): path.name.replace(" ", "%20") for path in paths}
    content = files_sarif(judged, uris, RULES, datetime(2026, 11, 30, tzinfo=UTC), Exit.FINDINGS_REMAIN)
    assert problems_of("document", json.loads(json.dumps(content)), "sarif") == []


def test_a_property_that_the_schema_does_not_know_is_seen() -> None:
    assert problems_of("region", {"startLine": 0, "line": 1}, "r") == ["r has line", "r.startLine is 0"]
