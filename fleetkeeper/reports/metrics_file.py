"""Metrics of an audit for the textfile collector of node_exporter: gauges only, in the dialect that both formats share.

Prometheus' text format and OpenMetrics differ in their types and in how a file ends: a gauge without a timestamp and a
last line `# EOF` are both. What could not be seen has no series, never a zero; how old the numbers are, the time of the
audit says. Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://github.com/prometheus/node_exporter (textfile collector).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.local_files import write_file
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Results

Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, float]
HELP = {
    "fleetkeeper_build_info": "The version that wrote this file.",
    "fleetkeeper_audit_finish_timestamp_seconds": "When the last whole audit ended.",
    "fleetkeeper_audit_duration_seconds": "How long it took.",
    "fleetkeeper_promises": "Promises by outcome.",
    "fleetkeeper_findings": "Open findings by rule and severity.",
    "fleetkeeper_node_seen": "Whether anything could be seen on the node.",
    "fleetkeeper_oldest_finding_timestamp_seconds": "When the oldest open finding was first seen.",
    "fleetkeeper_waiver_end_timestamp_seconds": "When the waiver of a finding that is there ends.",
}
"""The gauges, in the order of the file."""


def write_metrics(path: Path, results: Results) -> None:
    """Write the metrics in one step, readable by all: node_exporter has an account of its own. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.chmod(0o644)
    write_file(path, metrics_text(results).encode("utf-8", "backslashreplace"), 0o644)


def metrics_text(results: Results) -> str:
    """The content of the file: each series once, and a last line that says that nothing is missing."""
    samples: dict[str, Iterable[Sample]] = {
        "fleetkeeper_build_info": [((("version", results["run"]["fleetkeeper"]),), 1.0)],
        **audit_times(results),
        "fleetkeeper_promises": promise_samples(results),
        "fleetkeeper_findings": finding_samples(results),
        "fleetkeeper_node_seen": node_samples(results),
        "fleetkeeper_oldest_finding_timestamp_seconds": age_samples(results),
        "fleetkeeper_waiver_end_timestamp_seconds": waiver_samples(results),
    }
    lines = (line for name, text in HELP.items() for line in metric_lines(name, text, samples[name]))
    return "\n".join([*lines, "# EOF", ""])


def metric_lines(name: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    """The lines of one gauge; none where it has no sample."""
    series = dict(samples)
    if not series:
        return
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} gauge"
    for labels, number in sorted(series.items()):
        written = ",".join(f'{label}="{label_text(text)}"' for label, text in labels)
        yield f"{name}{{{written}}} {number:.15g}"


def label_text(text: str) -> str:
    r"""The text as the value of a label.

    >>> print(label_text('a"b\n'))
    a\"b\\n
    """
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def audit_times(results: Results) -> Mapping[str, list[Sample]]:
    """When the audit of each inventory ended, and how long it took."""
    began, ended = (datetime.fromisoformat(results["run"][key]) for key in ("started", "finished"))
    names = [each["name"] for each in results["inventories"]]
    return {
        "fleetkeeper_audit_finish_timestamp_seconds": [((("inventory", name),), ended.timestamp()) for name in names],
        "fleetkeeper_audit_duration_seconds": [
            ((("inventory", name),), (ended - began).total_seconds()) for name in names
        ],
    }


def promise_samples(results: Results) -> Iterator[Sample]:
    """How many promises of each inventory have each outcome; zeros too."""
    counts = Counter((judged["inventory"], judged["outcome"]) for judged in results["items"])
    for each in results["inventories"]:
        for outcome in Outcome:
            name = outcome.name.lower()
            yield (("inventory", each["name"]), ("outcome", name)), counts[each["name"], name]  # type: ignore[index]


def finding_samples(results: Results) -> Iterator[Sample]:
    """How many findings of each rule are open, by severity."""
    counts = Counter(
        (judged["inventory"], judged["rule"], finding["severity"])
        for judged in results["items"]
        for finding in judged["findings"]
        if not finding["waived"]
    )
    for (inventory, rule, severity), count in counts.items():
        yield (("inventory", inventory), ("rule", rule), ("severity", severity)), count


def node_samples(results: Results) -> Iterator[Sample]:
    """Whether each node was seen."""
    for each in results["inventories"]:
        for node, state in each["nodes"].items():
            yield (("inventory", each["name"]), ("node", node)), float(state["looked_at"])


def age_samples(results: Results) -> Iterator[Sample]:
    """When the oldest finding that is open was first seen, in each inventory that has one."""
    for change in results["changes"]:
        open_ = (*change["new"], *change["newly_judged"], *change["old"], *change["unseen"])
        times = [datetime.fromisoformat(finding["since"]).timestamp() for finding in open_ if finding["since"]]
        if times:
            yield (("inventory", change["inventory"]),), min(times)


def waiver_samples(results: Results) -> Iterator[Sample]:
    """When each waiver in use ends: after its last day, in UTC; of several about one subject the first."""
    ends: dict[Labels, float] = {}
    for judged in results["items"]:
        for finding in judged["findings"]:
            if waiver := finding["waived"]:
                last = date.fromisoformat(waiver["until"]) + timedelta(days=1)
                end = datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp()
                names = (("inventory", judged["inventory"]), ("rule", judged["rule"]), ("subject", judged["subject"]))
                ends[names] = min(end, ends.get(names, end))
    yield from ends.items()
