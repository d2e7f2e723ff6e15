"""One audit, five formats: their counts agree, and each takes hostile text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from fleetkeeper.inventory.strict_yaml import Document
from fleetkeeper.reports.markdown_summary import MOST_BYTES, append_summary, as_code, summary_text
from fleetkeeper.reports.metrics_file import metrics_text, write_metrics
from fleetkeeper.reports.page.page_content import ORDER, WORDS, page_content
from fleetkeeper.reports.page.page_file import page_text
from fleetkeeper.reports.sarif import Placed, sarif_document
from fleetkeeper.topics.registry import RULES
from tests.pure.reports.test_page import DARK, HOSTILE, results
from tests.pure.reports.test_sarif import finding_item, item

ACCEPTED = {"owner": "ops", "until": "2027-01-31", "because": "later"}


def varied_audit() -> Any:
    """An audit with each outcome, a warning, and a node that was not seen."""
    nodes = {
        "db": {"looked_at": True, "why": "", "hint": ""},
        "web": {"looked_at": False, "why": "timeout", "hint": ""},
    }
    return results(
        item(finding_item(), finding_item(about="other", want="none")),
        item(outcome="unknown", unknown=[DARK], subject="a"),
        item(finding_item(waived=ACCEPTED), outcome="waived", subject="b"),
        item(finding_item(severity="warning", subject="c"), outcome="holds", subject="c"),
        item(outcome="not_applicable", reason="none here", subject="d"),
        nodes=nodes,
    )


def parsed_samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The samples of both parsers, which agree: by name, then by the values of their labels."""
    parsed = [
        {
            family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
            for family in parse(text)
        }
        for parse in (parse_prometheus, parse_openmetrics)
    ]
    assert parsed[0] == parsed[1]
    return parsed[0]


def test_page_metrics_summary_and_sarif_count_as_results_json_does() -> None:
    content = varied_audit()
    summary = content["summary"]
    assert list(summary.values()) == [1, 1, 1, 1, 1]
    page = page_text(content, RULES, ())
    for outcome in ORDER:
        assert re.search(rf'<li class="{outcome}"><a href="[^"]*">.*?<b>{summary[outcome]}</b>', page)
    metrics = parsed_samples(metrics_text(content))
    assert {labels[1]: count for labels, count in metrics["fleetkeeper_promises"].items()} == summary
    markdown = summary_text(page_content(content, RULES, ()))
    assert f"| {' | '.join(f'{summary[outcome]} {WORDS[outcome]}' for outcome in ORDER)} |" in markdown
    run = sarif_document(content, [Placed("mine", "mine.yml", Document())], RULES)["runs"][0]
    open_ = metrics["fleetkeeper_findings"]
    assert len(run["results"]) == sum(open_.values()) == 3
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == summary["unknown"]
    assert open_["mine", "engine.is_reached_by_few", "warning"] == 1


def test_a_node_that_was_not_seen_is_a_zero_and_what_is_not_known_has_no_series() -> None:
    metrics = parsed_samples(metrics_text(varied_audit()))
    assert metrics["fleetkeeper_node_seen"] == {("mine", "db"): 1, ("mine", "web"): 0}
    assert "fleetkeeper_oldest_finding_timestamp_seconds" not in metrics
    assert metrics["fleetkeeper_audit_duration_seconds"] == {("mine",): 60}
    assert metrics["fleetkeeper_waiver_end_timestamp_seconds"] == {
        ("mine", "engine.is_reached_by_few", "b"): 1801440000
    }


def test_metrics_take_any_name_and_are_read_by_every_account(tmp_path: Path) -> None:
    nodes = {HOSTILE: {"looked_at": False, "why": HOSTILE, "hint": ""}, 'a"b\\n\n': DARK | {"looked_at": True}}
    path = tmp_path / "fleetkeeper.prom"
    write_metrics(path, results(item(finding_item(node=HOSTILE), subject=HOSTILE), nodes=nodes))
    assert len(parsed_samples(path.read_text())["fleetkeeper_node_seen"]) == 2
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_summary_is_added_to_what_other_steps_wrote_and_stays_below_githubs_limit(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    findings = [finding_item(saw=f"{number} {HOSTILE}", want=f"{'x' * number}") for number in range(3000)]
    append_summary(path, results(item(*findings)), RULES, ())
    text = path.read_text()
    assert text.startswith("before\n## 1 promise is broken")
    assert len(text.encode()) <= MOST_BYTES + len("before\n")
    assert re.search(r"\d+ more lines are left out: see results.json\n$", text)


@pytest.mark.parametrize(
    "word", ["a|b", "`x`", "@channel", "#12", "[x](y)", "![x](y)", "<b>", "**x**", "\u202e", "$x$"]
)
def test_a_word_of_a_server_is_no_markup_in_a_summary(word: str) -> None:
    inner = as_code(word).removeprefix("<code>").removesuffix("</code>")
    assert re.fullmatch(r"(?:[A-Za-z0-9 ./-]|&#\d+;)*", inner)
