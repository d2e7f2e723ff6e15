"""Findings as issues of a real server that takes Sentry's events: `make bugsink` makes its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.bugsink import ENVIRONMENT, running_bugsink
from tests.programs.reports.test_issue_delivery import Nights, Recorder
from tests.pure.reports.test_history import FIRST, SECOND, THIRD

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (ENVIRONMENT / "bin/gunicorn").exists(), reason="no Bugsink here: make bugsink"),
]


def test_a_finding_is_one_issue_that_opens_once_and_again_when_it_comes_back(tmp_path: Path) -> None:
    with running_bugsink(tmp_path) as bugsink:
        recorder = Recorder()
        recorder.server.server_close()
        nights = Nights(recorder)
        nights.dsn = bugsink.dsn
        assert nights.audit(FIRST) == ""
        assert nights.audit(SECOND, "a", "b", patience=30.0) == ""
        assert sorted(issue["digested_event_count"] for issue in bugsink.issues()) == [1, 1]
        assert nights.audit(THIRD, "a", "b", patience=30.0) == ""
        assert sorted(issue["digested_event_count"] for issue in bugsink.issues()) == [1, 1]
        for issue in bugsink.issues():
            bugsink.call(f"issues/{issue['id']}/resolve/", {})
        assert nights.audit("2026-11-23T03:00:00+00:00", "a", "b", patience=30.0) == ""
        assert [issue["is_resolved"] for issue in bugsink.issues()] == [True, True]
        assert nights.audit("2026-11-24T03:00:00+00:00", "b", patience=30.0) == ""
        assert nights.audit("2026-11-25T03:00:00+00:00", "a", "b", patience=30.0) == ""
        assert sorted(issue["is_resolved"] for issue in bugsink.issues()) == [False, True]
        events = [
            event for issue in bugsink.issues() for event in bugsink.call(f"events/?issue={issue['id']}")["results"]
        ]
        details = bugsink.call(f"events/{events[0]['id']}/")
        assert details["data"]["tags"]["owner"] == "ops"
