"""With a token issues are closed and commented on, against a server that answers as Sentry's issue API does."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from fleetkeeper.reports.history import Changes, Memory, compare_findings
from fleetkeeper.reports.issue_book import IssueBook
from fleetkeeper.reports.issue_causes import open_causes
from fleetkeeper.reports.issue_delivery import REVIEWED, WAIVE_INSTEAD, DeliveryRun, deliver_causes
from fleetkeeper.reports.sentry_api import SentryApi
from fleetkeeper.reports.sentry_events import Sender
from fleetkeeper.reports.sentry_receiver import SentryReceiver
from tests.helpers.sentry_server import TOKEN, SentryServer, running_sentry
from tests.pure.reports.test_history import make_finding, make_item


@pytest.fixture
def sentry() -> Iterator[SentryServer]:
    with running_sentry() as server:
        yield server


class Nights:
    """Whole audits of one inventory, one after the other, by an auditor that has a token."""

    def __init__(self, sentry: SentryServer, token: str = TOKEN) -> None:
        self.sentry, self.memory, self.book, self.token, self.number = sentry, Memory(), IssueBook(), token, 0

    def audit(self, *nodes: str, dark: bool = False, patience: float = 5.0) -> str:
        self.number += 1
        now = f"2026-11-{self.number:02}T03:00:00+00:00"
        unknown = [{"node": "data", "why": "no route", "hint": "", "cause": "", "owner": ""}] if dark else []
        items = [make_item(*(make_finding(node=node) for node in nodes), kind="service", promise="P.", unknown=unknown)]
        changes = compare_findings("lab", items, self.memory, now)
        self.memory = Memory(now, (*changes.new, *changes.old, *changes.unseen), changes.rules)
        return self.send(changes, items, patience)

    def send(self, changes: Changes, items: list[dict], patience: float) -> str:
        api = SentryApi(self.sentry.page, self.token, patience)
        receiver = SentryReceiver(self.sentry.dsn, Sender("lab", "", "0.1.0"), patience, api)
        return deliver_causes(DeliveryRun(receiver, self.book, open_causes(changes, items), changes), patience)


def test_what_is_mended_is_resolved_with_the_reason_and_opens_again_when_it_comes_back(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    assert [nights.audit(*nodes) for nodes in ((), ("a",), ())] == ["", "", ""]
    assert sentry.statuses == {"1000": "resolved"}
    assert sentry.comments == [("1000", "fleetkeeper closed this: judged again without it.")]
    assert nights.audit("a") == ""
    assert sentry.statuses == {"1000": "unresolved"}
    assert nights.audit() == ""
    assert (sentry.statuses, len(sentry.comments)) == ({"1000": "resolved"}, 2)


def test_what_could_not_be_judged_again_is_not_resolved(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    for dark, nodes in ((False, ()), (False, ("a",)), (True, ())):
        assert nights.audit(*nodes, dark=dark) == ""
    assert set(sentry.statuses.values()) == {"unresolved"}


@pytest.mark.parametrize("status", ["resolved", "ignored"])
def test_what_a_person_closed_too_early_stays_closed_with_exactly_one_comment(
    sentry: SentryServer, status: str
) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    sentry.statuses["1000"] = status
    for _ in range(4):
        assert nights.audit("a") == ""
    assert (sentry.statuses, sentry.comments) == ({"1000": status}, [("1000", WAIVE_INSTEAD)])
    assert len(sentry.events) == 1
    nights.audit()
    assert sentry.statuses == {"1000": "resolved"}
    nights.audit("a")
    assert sentry.statuses == {"1000": "unresolved"}
    sentry.statuses["1000"] = "resolved"
    nights.audit("a")
    assert [text for _, text in sentry.comments].count(WAIVE_INSTEAD) == 2


def test_a_history_that_began_anew_opens_nothing_that_a_person_closed(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    sentry.statuses["1000"] = "resolved"
    nights.memory = Memory()
    assert [nights.audit("a", "b"), nights.audit("a", "b")] == ["", ""]
    assert sentry.statuses == {"1000": "resolved", "1001": "unresolved"}
    assert len(sentry.events) == 2
    assert nights.audit("a") == ""
    assert sentry.statuses["1001"] == "resolved"


def test_an_issue_is_closed_after_its_event_was_forgotten(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    for nodes in ((), ("a",), ("a",)):
        nights.audit(*nodes)
    sentry.events.clear()
    assert nights.audit() == ""
    assert sentry.statuses == {"1000": "resolved"}


def test_an_issue_that_was_deleted_is_said_once(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    sentry.events.clear()
    assert nights.audit("a") == ""
    assert nights.audit() == "an issue could not be closed: the API has no such event or issue"
    assert nights.audit() == ""


def test_more_open_issues_than_one_night_looks_at_have_their_turn(sentry: SentryServer) -> None:
    nights, nodes = Nights(sentry), [f"n{number}" for number in range(REVIEWED + 5)]
    nights.audit()
    nights.audit(*nodes)
    for issue in sentry.statuses:
        sentry.statuses[issue] = "resolved"
    nights.audit(*nodes)
    assert len(sentry.comments) == REVIEWED
    nights.audit(*nodes)
    nights.audit(*nodes)
    assert len(sentry.comments) == len(nodes)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 302])
def test_a_refusal_of_the_api_keeps_no_new_finding_from_its_issue_and_is_tried_again(
    sentry: SentryServer, status: int
) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    sentry.refused = {"PUT": status}
    trouble = nights.audit("b")
    assert ("60 s" if status == 429 else str(status)) in trouble
    assert TOKEN not in trouble
    assert "\n" not in trouble
    assert len(sentry.events) == 2
    assert sentry.statuses["1000"] == "unresolved"
    sentry.refused, nights.book.silent_until = {}, 0.0
    assert nights.audit("b") == ""
    assert sentry.statuses == {"1000": "resolved", "1001": "unresolved"}


def test_a_comment_that_was_refused_is_made_by_the_next_audit(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    sentry.statuses["1000"], sentry.refused = "resolved", {"POST": 403}
    assert "the token may not do this" in nights.audit("a")
    sentry.refused = {}
    assert [nights.audit("a"), nights.audit("a")] == ["", ""]
    assert sentry.comments == [("1000", WAIVE_INSTEAD)]


def test_a_comment_whose_answer_is_lost_is_not_made_twice(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    nights.audit("a")
    sentry.statuses["1000"], sentry.pause = "resolved", 0.25
    assert "no answer" in nights.audit("a", patience=0.45)
    time.sleep(0.8)
    sentry.pause = 0.0
    nights.audit("a")
    nights.audit("a")
    assert sentry.comments == [("1000", WAIVE_INSTEAD)]


def test_all_takes_the_time_of_one_run_and_the_rest_is_left_to_the_next(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit(*(f"n{number}" for number in range(30)))
    sentry.pause = 0.1
    began = time.monotonic()
    assert "will be closed by the next audit" in nights.audit(patience=1.0)
    assert time.monotonic() - began < 1.5
    sentry.pause = 0.0
    assert nights.audit() == ""
    assert set(sentry.statuses.values()) == {"resolved"}


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nX: y", f"{TOKEN} é", "wrong-canary-4b1d"])
def test_no_trouble_and_no_book_shows_the_token(sentry: SentryServer, token: str) -> None:
    nights = Nights(sentry, token)
    nights.audit()
    nights.audit("a")
    trouble = nights.audit()
    assert trouble
    assert "canary" not in trouble + repr(nights.book) + repr(SentryApi(sentry.page, token, 5.0))
    assert len(sentry.events) == 1


def test_an_answer_that_is_not_sentrys_resolves_nothing_and_is_said(sentry: SentryServer) -> None:
    nights = Nights(sentry)
    nights.audit()
    nights.audit("a")
    sentry.refused = {"GET": 200}
    assert nights.audit() == "the API's answer names no issue"
    assert sentry.statuses == {"1000": "unresolved"}
