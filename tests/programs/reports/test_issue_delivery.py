"""Findings as events of Sentry, against a server on this machine that records what it hears."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleetkeeper.reports.history import Changes, Memory, compare_findings
from fleetkeeper.reports.issue_book import IssueBook
from fleetkeeper.reports.issue_causes import open_causes
from fleetkeeper.reports.issue_delivery import MOST, DeliveryRun, deliver_causes
from fleetkeeper.reports.sentry_events import Sender
from fleetkeeper.reports.sentry_receiver import SentryReceiver
from tests.pure.reports.test_history import FIRST, SECOND, THIRD, make_finding, make_item

KEY = "0123456789abcdef0123456789abcdef"


class Recorder:
    """What a server heard: path, headers and event of each request. It answers with `status`, `headers` and `body`."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], dict]] = []
        self.status, self.pause, self.body = 200, 0.0, b"{}"
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append((self.path, dict(self.headers), json.loads(body.split(b"\n")[2])))
                time.sleep(outer.pause)
                self.send_response(outer.status)
                for name, text in outer.headers.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.dsn = f"http://{KEY}@127.0.0.1:{self.server.server_port}/7"

    @property
    def titles(self) -> list[str]:
        return [event["logentry"]["formatted"] for _, _, event in self.heard]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    thread = threading.Thread(target=recorder.server.serve_forever, daemon=True)
    thread.start()
    yield recorder
    recorder.server.shutdown()
    recorder.server.server_close()


class Nights:
    """Whole audits of one inventory, one after the other, with the memory between them."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.memory, self.book = recorder, Memory(), IssueBook()
        self.dsn = recorder.dsn

    def audit(self, now: str, *nodes: str, dark: bool = False, patience: float = 5.0) -> str:
        unknown = [{"node": "data", "why": "no route", "hint": "", "cause": "", "owner": ""}] if dark else []
        findings = [make_finding(node=node, owner="ops") for node in nodes]
        items = [make_item(*findings, kind="service", promise="Backups are fresh.", unknown=unknown)]
        changes = compare_findings("lab", items, self.memory, now)
        self.memory = Memory(now, (*changes.new, *changes.old, *changes.unseen), changes.rules)
        return self.send(changes, items, patience)

    def send(self, changes: Changes, items: list[dict], patience: float) -> str:
        receiver = SentryReceiver(self.dsn, Sender("lab", "", "0.1.0"), timeout=patience)
        return deliver_causes(DeliveryRun(receiver, self.book, open_causes(changes, items), changes), patience)


def test_a_first_run_sends_one_event_and_the_next_one_what_is_new(recorder: Recorder) -> None:
    nights = Nights(recorder)
    assert [nights.audit(FIRST, "a", "b", "c"), nights.audit(SECOND, "a", "b", "c", "d")] == ["", ""]
    assert recorder.titles == [
        "3 findings open on day one: see results.json",
        "backups.are_fresh [postgres]: Backups are fresh.",
    ]
    path, headers, event = recorder.heard[1]
    assert path == "/api/7/envelope/"
    assert headers["X-Sentry-Auth"].endswith(f"sentry_key={KEY}")
    assert event["tags"]["owner"] == "ops"
    assert nights.audit(THIRD, "a", "b", "c", "d") == ""
    assert len(recorder.heard) == 2


def test_what_comes_back_after_its_end_is_sent_again_to_the_same_issue(recorder: Recorder) -> None:
    nights = Nights(recorder)
    for night, nodes in enumerate(((), ("a",), (), ("a",)), 1):
        assert nights.audit(f"2026-11-{night:02}T03:00:00+00:00", *nodes) == ""
    first, again = [event["fingerprint"] for _, _, event in recorder.heard]
    assert first == again


def test_what_could_not_be_looked_at_is_not_over(recorder: Recorder) -> None:
    nights = Nights(recorder)
    nights.audit(FIRST)
    nights.audit(SECOND, "a")
    nights.audit(THIRD, dark=True)
    nights.audit("2026-11-23T03:00:00+00:00", "a")
    assert [event["level"] for _, _, event in recorder.heard] == ["error", "warning"]


def test_a_limit_ends_the_sending_and_holds_for_the_next_audit(recorder: Recorder) -> None:
    nights = Nights(recorder)
    nights.audit(FIRST)
    recorder.status, recorder.headers = 429, {"Retry-After": "3600"}
    assert nights.audit(SECOND, "a", "b") == "it wants nothing for 3600 s"
    assert len(recorder.heard) == 1
    recorder.status, recorder.headers = 200, {}
    assert nights.audit(THIRD, "a", "b").startswith("it wants nothing for another 3")
    assert len(recorder.heard) == 1
    nights.book.silent_until = 0.0
    assert nights.audit("2026-11-23T03:00:00+00:00", "a", "b") == ""
    assert len(recorder.heard) == 3


def test_a_limit_in_the_answer_to_an_event_that_was_taken_ends_the_sending_after_it(recorder: Recorder) -> None:
    nights = Nights(recorder)
    nights.audit(FIRST)
    recorder.headers = {"X-Sentry-Rate-Limits": "60:error:organization"}
    assert nights.audit(SECOND, "a", "b") == "it wants nothing for 60 s"
    assert (len(recorder.heard), len(nights.book.sent)) == (1, 1)


@pytest.mark.parametrize(
    ("status", "headers", "trouble"),
    [(401, {}, "it answered 401"), (500, {}, "it answered 500"), (307, {"Location": "/elsewhere"}, "it answered 307")],
)
def test_a_refusal_is_said_and_tried_again_by_the_next_audit(
    recorder: Recorder, status: int, headers: dict[str, str], trouble: str
) -> None:
    nights = Nights(recorder)
    recorder.status, recorder.headers = status, headers
    assert nights.audit(FIRST, "a") == trouble
    recorder.status, recorder.headers = 200, {}
    assert nights.audit(SECOND, "a") == ""
    assert [path for path, _, _ in recorder.heard] == ["/api/7/envelope/"] * 2


def test_a_server_that_hangs_delays_nobody_for_long_and_its_late_answer_changes_nothing(recorder: Recorder) -> None:
    nights = Nights(recorder)
    recorder.pause = 1.5
    began = time.monotonic()
    assert "no answer" in nights.audit(FIRST, "a", patience=0.3)
    assert time.monotonic() - began < 1.2
    time.sleep(1.6)
    assert nights.book == IssueBook()


def test_an_answer_without_end_is_not_read(recorder: Recorder) -> None:
    recorder.body = b"x" * (1 << 26)
    nights = Nights(recorder)
    began = time.monotonic()
    assert nights.audit(FIRST, "a") == ""
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("dsn", [f"http://{KEY}@127.0.0.1:1/7", f"http://{KEY}@127.0.0.1/x", KEY])
def test_no_trouble_shows_the_key(recorder: Recorder, dsn: str) -> None:
    nights = Nights(recorder)
    nights.dsn = dsn
    trouble = nights.audit(FIRST, "a")
    assert trouble
    assert KEY not in trouble


def test_of_many_findings_the_rest_is_one_event(recorder: Recorder) -> None:
    nights = Nights(recorder)
    nights.audit(FIRST)
    assert nights.audit(SECOND, *(f"n{n}" for n in range(MOST + 50)), patience=60.0) == ""
    assert len(recorder.heard) == MOST + 1
    assert recorder.titles[-1] == "50 more findings opened"
    assert nights.audit(THIRD, *(f"n{n}" for n in range(MOST + 50))) == ""
    assert len(recorder.heard) == MOST + 1
