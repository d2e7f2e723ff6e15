"""What becomes an issue: each open error once, a dark node once, and no name of a host unless that is wanted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.reports.history import Changes, Memory, compare_findings
from fleetkeeper.reports.issue_book import VERSION, IssueBook, book_file, read_book, write_book
from fleetkeeper.reports.issue_causes import Cause, ended_causes, open_causes
from fleetkeeper.reports.sentry_events import Sender, envelope_of, event_of, parse_dsn, retry_after
from tests.pure.reports.test_history import FIRST, SECOND, make_finding, make_item, night

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SECRET_HOST = "db1.example.org"


def dark_reason(**more: str) -> dict:
    return {"node": SECRET_HOST, "why": "timeout after 10 s", "hint": "", "cause": "", "owner": "ops", **more}


def judged_promise(*findings: dict, **more: object) -> dict:
    return make_item(*findings, **{"kind": "service", "promise": "Backups are fresh.", **more})


def changes_since_first(items: list[dict], before: Memory) -> Changes:
    return compare_findings("lab", items, before, SECOND)


def test_each_open_error_is_a_cause_and_warnings_and_waived_findings_are_none() -> None:
    waived = {"owner": "ada", "until": "2027-01-31", "because": "later"}
    items = [judged_promise(make_finding(owner="ops"), make_finding(severity="warning"), make_finding(waived=waived))]
    [cause] = open_causes(changes_since_first(items, Memory()), items)
    assert cause.tags == {"rule": "backups.are_fresh", "subject": "postgres", "owner": "ops"}
    assert (cause.title, cause.since) == ("backups.are_fresh [postgres]: Backups are fresh.", SECOND)


def test_a_dead_node_is_one_cause_whatever_it_hides() -> None:
    items = [
        judged_promise(rule=f"t.{n}", outcome="unknown", unknown=[dark_reason(why=f"timeout after {n} s")])
        for n in range(40)
    ]
    [cause] = open_causes(changes_since_first(items, Memory()), items)
    assert (cause.level, cause.tags["owner"]) == ("warning", "ops")


@pytest.mark.parametrize("kind", ["node", "certificate"])
def test_no_host_is_named_unless_all_is_said(kind: str) -> None:
    finding = make_finding(subject=SECRET_HOST, node=SECRET_HOST, about=SECRET_HOST, saw=f"on {SECRET_HOST}")
    items = [
        judged_promise(finding, subject=SECRET_HOST, kind=kind),
        judged_promise(outcome="unknown", unknown=[dark_reason(why=f"no route to {SECRET_HOST}")]),
    ]
    causes = open_causes(changes_since_first(items, Memory()), items)
    assert len(causes) == 2
    for say, named in (("rule", False), ("all", True)):
        for cause in causes:
            text = json.dumps(event_of(cause, "0" * 32, NOW, Sender("lab", "", "1", say)))
            assert (SECRET_HOST in text) is named


def test_a_finding_is_over_when_the_history_has_it_no_more_and_a_node_when_it_was_looked_at() -> None:
    before = night([judged_promise(make_finding()), judged_promise(make_finding("t.x"), rule="t.x")], Memory(), FIRST)
    items = [judged_promise(), judged_promise(rule="t.x", outcome="unknown", unknown=[dark_reason()])]
    changes = changes_since_first(items, before)
    gone, unseen = (finding.key for finding in before.open)
    causes = open_causes(changes, items)
    keys = [gone, unseen, causes[0].key, "dark 0123"]
    assert ended_causes(changes, keys, causes) == {gone: "judged again without it", "dark 0123": "looked at again"}


def test_without_a_history_nothing_is_over() -> None:
    assert ended_causes(changes_since_first([judged_promise()], Memory()), ["0123", "dark 0123"], []) == {}


def test_the_fingerprint_is_that_of_the_finding_whatever_its_numbers_are() -> None:
    prints = []
    for saw in ("3 d old", "4 d old"):
        items = [judged_promise(make_finding(saw=saw))]
        [cause] = open_causes(changes_since_first(items, Memory()), items)
        prints.append(event_of(cause, "0" * 32, NOW, Sender("lab", "", "1"))["fingerprint"])
    assert prints[0] == prints[1]
    assert prints[0][:2] == ["fleetkeeper", "lab"]


def test_hostile_text_is_one_printable_line_and_the_envelope_has_three() -> None:
    title = "a\n\u202e\x1b[31m\ud800" + "x" * 5000
    cause = Cause("k", title, "error", {"subject": title}, {"saw": title})
    body = envelope_of(event_of(cause, "0" * 32, NOW, Sender("lab", "", "1", "all")))
    header, kind, payload, end = body.split(b"\n")
    assert (json.loads(kind)["length"], end, json.loads(header)) == (len(payload), b"", {"event_id": "0" * 32})
    event = json.loads(payload)
    texts = (event["logentry"]["formatted"], event["tags"]["subject"], event["extra"]["saw"])
    assert all(text.isprintable() for text in texts)
    assert [len(text) for text in texts] == [2000, 200, 2000]


@pytest.mark.parametrize(
    "written", ["", "x", "https://example.org/7", "ftp://k@example.org/7", "https://k@example.org/"]
)
def test_what_is_no_dsn_is_said_without_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"^what the variable holds is no DSN$"):
        parse_dsn(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("7", 7.0), ("Mon, 30 Nov 2026 00:01:00 GMT", 60.0), ("Sun, 29 Nov 2026 00:00:00 GMT", 0.0), ("soon", 60.0)],
)
def test_a_limit_is_for_seconds_or_until_a_date(written: str, seconds: float) -> None:
    assert retry_after(written, NOW) == seconds


def test_the_book_survives_the_disk_a_broken_one_is_empty_and_a_newer_one_refused(tmp_path: Path) -> None:
    file, book = (
        book_file(tmp_path, "lab", "/srv/lab.yml", "sentry"),
        IssueBook({"k": ("e", FIRST)}, 7.0, True, {"k": "7"}),
    )
    write_book(file, book)
    assert read_book(file) == book
    for broken in ("", "[]", '{"schema": 1, "sent": {"k": 1}}', '{"schema": 1, "other": 1}'):
        file.write_text(broken)
        assert read_book(file) == IssueBook()
    file.write_text(json.dumps({"schema": VERSION + 1}))
    with pytest.raises(UsageError, match="has version 3"):
        read_book(file)
