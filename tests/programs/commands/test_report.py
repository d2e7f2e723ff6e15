"""`fleetkeeper report` and `fleetkeeper history`: what the state directory remembers, told without a look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleetkeeper.commands.report import read_results
from fleetkeeper.commands.show_history import history_lines
from fleetkeeper.errors import UsageError
from fleetkeeper.reports.finding_intervals import Interval
from fleetkeeper.reports.results import write_results
from tests.pure.reports.test_page import results
from tests.pure.reports.test_sarif import finding_item, item

NOW = datetime(2026, 11, 30, 5, 30, tzinfo=UTC)


def run_report(state: Path, *words: str) -> Result:
    from fleetkeeper.commands.report import report

    return CliRunner().invoke(report, ["--hosts=lab", f"--state={state}", *words])


def save_audit(state: Path) -> Path:
    path = state / "audits" / "lab" / "results.json"
    judged = item(finding_item(owner="ops"), owner="ops")
    write_results(path, results(judged))
    return path


def test_the_page_of_the_last_audit_is_written_where_it_says(tmp_path: Path) -> None:
    save_audit(tmp_path)
    for words, expected in (
        ((), tmp_path / "audits/lab/page.html"),
        ((f"--out={tmp_path}/out",), tmp_path / "out/lab.html"),
    ):
        ended = run_report(tmp_path, *words)
        assert (ended.exit_code, ended.output) == (0, f"{expected}\n")
        assert "1 promise is broken" in expected.read_text()
        assert expected.stat().st_mode & 0o777 == 0o600


def test_without_an_audit_there_is_no_page(tmp_path: Path) -> None:
    ended = run_report(tmp_path)
    assert isinstance(ended.exception, UsageError)
    assert "no audit of lab is remembered" in str(ended.exception)


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_what_is_no_results_json_of_ours_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(UsageError):
        read_results(path)


def test_what_an_older_fleetkeeper_did_not_say_of_its_run_is_left_empty(tmp_path: Path) -> None:
    path = save_audit(tmp_path)
    older = read_results(path)
    del older["run"]["hosts"], older["run"]["part"]  # type: ignore[misc]
    write_results(path, older)
    assert read_results(path)["run"]["part"] == ""


def interval(subject: str, opened: int, closed: int | None = None, ending: str | None = None) -> Interval:
    """A finding that began `opened` days ago, and ended `closed` days ago."""
    times = [int((NOW - timedelta(days=days)).timestamp()) for days in (opened, closed or 0)]
    return Interval("k", "a.b", subject, "n", False, times[0], times[1], None if closed is None else times[1], ending)


def test_open_findings_come_first_and_what_nobody_asks_for_any_more_is_no_repair() -> None:
    intervals = [interval("x", 9, 7, "gone"), interval("y", 40), interval("z", 30, 2, "not asked"), interval("w", 3)]
    assert list(history_lines(intervals, NOW)) == [
        "open   since 2026-10-21 (40 d)  a.b [y] on n",
        "open   since 2026-11-27 (3 d)  a.b [w] on n",
        "not asked 2026-10-31 to 2026-11-28  a.b [z] on n",
        "gone      2026-11-21 to 2026-11-23  a.b [x] on n",
        "repaired in 90 days: 1 (2 d); the oldest open one is 40 d old",
    ]


def test_of_five_repairs_and_more_the_median_is_told() -> None:
    repaired = [interval(str(days), days + 1, 1, "gone") for days in (1, 2, 3, 4, 50)]
    assert list(history_lines(repaired, NOW))[-1] == "repaired in 90 days: 5 (median 3 d)"
    assert list(history_lines([], NOW)) == ["no finding is remembered"]
