"""SARIF 2.1.0 from files that were judged without servers: each open finding at its file and line.

What GitHub refuses and does with it: see `fleetkeeper.reports.sarif`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.rule import Rule
from fleetkeeper.reports.history import digest
from fleetkeeper.reports.sarif import (
    FINGERPRINT,
    SCHEMA,
    distinct_results,
    placed_result,
    plain_message,
    rule_descriptor,
    utc_text,
)
from fleetkeeper.topics.benchmark.files.judged_files import JudgedFile, PlacedFinding


def files_sarif(
    files: Sequence[JudgedFile], uris: Mapping[str, str], rules: Mapping[str, Rule], now: datetime, code: Exit
) -> dict[str, Any]:
    """The content of a SARIF file: one run, with a result for each open finding.

    `uris` are the files' paths in the repository by their paths as they were given, `code` is the exit code.
    """
    each = (result for file in files for result in results_of_file(file, uris[file.path]))
    results = distinct_results(sorted(each, key=lambda result: str(result["level"])))
    named = sorted({result["ruleId"] for result in results})
    notes = list(notes_of_files(files))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "fleetkeeper",
                "version": version("fleetkeeper"),
                "rules": [rule_descriptor(rules[name]) for name in named],
            }
        },
        "automationDetails": {"id": "fleetkeeper/files/"},
        "invocations": [
            {
                "executionSuccessful": not notes,
                "endTimeUtc": utc_text(now.isoformat()),
                "exitCode": int(code),
                "toolExecutionNotifications": notes,
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def results_of_file(file: JudgedFile, uri: str) -> Iterator[dict[str, Any]]:
    """A result for each open finding of a file."""
    times: Counter[tuple[str, ...]] = Counter()
    for placed in file.open:
        finding = placed.finding
        same = (finding.rule, uri, service_of_finding(placed), finding.want)
        times[same] += 1
        location = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": placed.line}}}
        texts = (finding.saw, f"Wanted: {finding.want}", finding.why, finding.hint)
        result = placed_result(finding.rule, "error" if placed.counts else "warning", texts, location)
        result["partialFingerprints"] = {FINGERPRINT: digest((*same, str(times[same])))}
        result["properties"] = {"cis": list(finding.cis)}
        yield result


def service_of_finding(placed: PlacedFinding) -> str:
    """What a finding is about, without the line of a Dockerfile, which moves."""
    return placed.finding.about.partition(":")[0]


def notes_of_files(files: Sequence[JudgedFile]) -> Iterator[dict[str, Any]]:
    """A notification for each file of which something could not be read."""
    for file in files:
        if file.problem or file.unread:
            why = f"line {file.problem[0]}: {file.problem[1]}" if file.problem else "some of it could not be read"
            yield {"level": "error", "message": {"text": plain_message(f"{file.path}: {why}")}}
