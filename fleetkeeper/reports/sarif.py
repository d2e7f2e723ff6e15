"""SARIF 2.1.0 from one audit, for GitHub's code scanning and others: each open finding at its line of the inventory.

GitHub refuses a whole file for one result without a place in the repository, takes what is waived for an open alert,
and closes every alert that a file does not have. So places are lines of the inventory, waived findings are left out
unless asked for, what could not be judged again is carried along, and a run of some promises writes nothing. What is
unknown is no result, as it would be "fixed" once it goes: it is a notification, and the run was not successful.
Source: https://docs.github.com/en/code-security/code-scanning/ ("SARIF support"); SARIF 2.1.0 of OASIS.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.strict_yaml import Document, YamlError, read_document
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.rule import Rule
from fleetkeeper.reports.history import digest, sameness
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Found, Judged, Results

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "fleetkeeper/v1"
MOST_RESULTS = 5000
"""How many results GitHub keeps of a run."""
LONGEST = 2000
SECURITY = ("containers", "engine", "swarm", "images", "certificates")
"""Topics whose errors are ways into a node or past what protects it."""
GRAVE = "8.0"
"""The security-severity of their rules: high. It belongs to a rule; what a result is, its level says."""
KIND_SECTIONS = {
    "node": "nodes",
    "service": "services",
    "certificate": "certificates",
    "volume": "backups",
    "queue": "queues",
}


@dataclass(frozen=True)
class Placed:
    """One inventory of a run: its path in the repository, and the lines of what is written in it."""

    name: str
    uri: str
    document: Document

    def location_of(self, kind: str, subject: str, node: str) -> dict[str, Any]:
        """The place of a subject in the repository, as SARIF writes it."""
        region = {"startLine": self.line_of(kind, subject, node)}
        return {"physicalLocation": {"artifactLocation": {"uri": self.uri}, "region": region}}

    def line_of(self, kind: str, subject: str, node: str) -> int:
        """The line of a subject; of its node, of its section, or the first, where it is not written there by name."""
        names = [(KIND_SECTIONS.get(kind, kind), subject), ("nodes", node), ("services", subject)]
        for path in (*names, (KIND_SECTIONS.get(kind, kind),)):
            if path in self.document.lines and path[-1]:
                return self.document.lines[path]
        return 1


def place_inventory(name: str, path: Path) -> Placed:
    """The inventory in a file of a repository.

    Raises UsageError where it lies in none: a result without a place in the repository is refused.
    """
    uri = uri_in_repository(path)
    try:
        document = read_document(path.read_bytes())
    except (OSError, YamlError):
        document = Document()
    return Placed(name, uri, document)


def uri_in_repository(path: Path) -> str:
    """The path of a file in its repository (the nearest folder above it with `.git`, else the working directory).

    Raises UsageError where it lies in neither.
    """
    whole = path.resolve()
    repository = next((above for above in whole.parents if (above / ".git").exists()), Path.cwd().resolve())
    if not whole.is_relative_to(repository):
        hint = "keep it in the repository, or work in a folder above it"
        raise UsageError(f"{path} is in no repository, so SARIF has no place for what is found", hint)
    return quote(whole.relative_to(repository).as_posix())


def sarif_document(
    results: Results, inventories: Sequence[Placed], rules: Mapping[str, Rule], *, waived: bool = False
) -> dict[str, Any]:
    """The content of a SARIF file: one run, with a result for each open finding. `waived` adds the accepted ones.

    Errors come first; beyond MOST_RESULTS the rest are left out, and a notification says how many.
    """
    placed = {each.name: each for each in inventories}
    listed = [*finding_results(results["items"], placed, waived=waived), *carried_results(results, placed)]
    ordered = distinct_results(sorted(listed, key=lambda result: (result["level"] != "error", result["ruleId"])))
    left_out = max(0, len(ordered) - MOST_RESULTS)
    notes = [*unknown_notes(results["items"]), *left_out_notes(left_out)]
    kept = ordered[:MOST_RESULTS]
    run: dict[str, Any] = {
        "tool": {"driver": tool_driver(results, rules, {result["ruleId"] for result in kept})},
        "automationDetails": {"id": f"fleetkeeper/{'+'.join(placed)}/"},
        "invocations": [
            {
                "executionSuccessful": not notes,
                "startTimeUtc": utc_text(results["run"]["started"]),
                "endTimeUtc": utc_text(results["run"]["finished"]),
                "exitCode": results["run"]["exit_status"],
                "toolExecutionNotifications": notes,
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": kept,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def distinct_results(results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results, each once: of those that say the same of the same place by the same rule, the first.

    GitHub shows each as an alert of its own. One that is accepted is another than one that is open.
    """
    by_content: dict[str, dict[str, Any]] = {}
    for result in results:
        content = [result.get(key) for key in ("ruleId", "message", "locations", "properties", "suppressions")]
        by_content.setdefault(json.dumps(content, sort_keys=True), result)
    return list(by_content.values())


def utc_text(moment: str) -> str:
    """A time in ISO 8601 as SARIF wants it.

    >>> utc_text("2026-11-30T12:00:00.123456+00:00")
    '2026-11-30T12:00:00.123Z'
    """
    head, _, rest = moment.partition("+")[0].partition(".")
    return f"{head}.{rest[:3]}Z" if rest else f"{head}Z"


def finding_results(items: Iterable[Judged], placed: Mapping[str, Placed], *, waived: bool) -> Iterator[dict[str, Any]]:
    """A result for each open finding, and with `waived` one, suppressed, for each accepted one."""
    times: Counter[tuple[str, ...]] = Counter()
    for item in items:
        for finding in item["findings"]:
            if finding["waived"] and not waived:
                continue
            same = sameness(finding)
            times[item["inventory"], *same] += 1
            key = digest((*same, str(times[item["inventory"], *same])))
            yield finding_result(item, finding, placed[item["inventory"]], key)


def finding_result(item: Judged, finding: Found, inventory: Placed, key: str) -> dict[str, Any]:
    """The result for one finding. `key` is the same for the same finding of the next audit."""
    texts = (finding["saw"], f"Wanted: {finding['want']}", finding["why"], finding["hint"])
    location = inventory.location_of(item["kind"], finding["subject"], finding["node"])
    result = placed_result(finding["rule"], finding["severity"], texts, location)
    result["partialFingerprints"] = {FINGERPRINT: key}
    names = {"node": finding["node"], "subject": finding["subject"]}
    result["locations"][0]["logicalLocations"] = [
        {"name": one_line(name), "kind": kind} for kind, name in names.items() if name
    ]
    owner = {"owner": finding["owner"]} if finding.get("owner") else {}
    numbers = {"cis": list(finding["cis"])} if finding["cis"] else {}
    if properties := numbers | owner:
        result["properties"] = properties
    if accepted := finding["waived"]:
        because = f"{accepted['because']} ({accepted['owner']}, until {accepted['until']})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": plain_message(because)}]
    return result


def placed_result(rule: str, severity: str, texts: Iterable[str], location: dict[str, Any]) -> dict[str, Any]:
    """A result with its place, without its fingerprint."""
    return {
        "ruleId": rule,
        "level": "error" if severity == "error" else "warning",
        "message": {"text": ". ".join(plain_message(text) for text in texts if text) + "."},
        "locations": [location],
    }


def carried_results(results: Results, placed: Mapping[str, Placed]) -> Iterator[dict[str, Any]]:
    """A result for each finding of the audit before that could not be judged again: it is not gone."""
    for change in results["changes"]:
        inventory = placed[change["inventory"]]
        for before in change["unseen"]:
            location = inventory.location_of("", before["subject"], before["node"])
            texts = (before["saw"], f"First seen {before['since']}, and not judged again this time")
            result = placed_result(before["rule"], before["severity"], texts, location)
            yield result | {"partialFingerprints": {FINGERPRINT: before["key"]}}


def plain_message(text: str) -> str:
    r"""Text of a node as a message: one line without invisible characters, and without links of SARIF (`[text](id)`).

    >>> plain_message("see [this](1)\n.")
    'see \\[this\\](1)\\n'
    """
    line = one_line(text)[:LONGEST].rstrip(".")
    return line.replace("[", "\\[").replace("]", "\\]")


def unknown_notes(items: Iterable[Judged]) -> Iterator[dict[str, Any]]:
    """A notification for each promise of which something could not be seen."""
    for item in items:
        for dark in item["unknown"]:
            where = f"{dark['node']}: " if dark["node"] else ""
            text = plain_message(f"{item['rule']} ({item['subject']}) is unknown: {where}{dark['why']}")
            yield {"level": "error", "message": {"text": text}, "associatedRule": {"id": item["rule"]}}


def left_out_notes(count: int) -> Iterator[dict[str, Any]]:
    """The notification that results were left out; none where all are there."""
    if count:
        yield {"level": "warning", "message": {"text": f"{count_of(count, 'more finding')} in results.json"}}


def tool_driver(results: Results, rules: Mapping[str, Rule], named: Iterable[str]) -> dict[str, Any]:
    """The description of this program, with every rule of the run and those that are named besides."""
    ids = sorted({*rules, *named})
    return {
        "name": "fleetkeeper",
        "version": results["run"]["fleetkeeper"],
        "rules": [rule_descriptor(rules[name]) if name in rules else {"id": name} for name in ids],
    }


def rule_descriptor(rule: Rule) -> dict[str, Any]:
    """How SARIF describes a rule: its promise, and why and how it is judged."""
    secure = rule.topic in SECURITY
    tags = [rule.topic, *(["security"] if secure else [])]
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.promise},
        "fullDescription": {"text": rule.promise},
        "help": {"text": rule.explanation, "markdown": f"{rule.explanation}\n\n`fleetkeeper explain {rule.id}`"},
        "properties": {"tags": tags, **({"security-severity": GRAVE} if secure else {})},
    }
