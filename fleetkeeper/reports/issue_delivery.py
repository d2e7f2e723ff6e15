"""Open findings become issues of a receiver: one event when a cause opens, and again when it comes back after its end.

None is sent for what is open already, so an issue that a person has closed stays closed. After a first run there is one
event for all that was open. All sending of a run takes five seconds at most, and ends at the receiver's first limit;
what was not sent is sent by the next audit. A failure is one line and changes no verdict.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Any, Protocol

from fleetkeeper.inventory.units import count_of
from fleetkeeper.reports.heartbeat_ping import harmless_error
from fleetkeeper.reports.history import Changes
from fleetkeeper.reports.issue_book import IssueBook
from fleetkeeper.reports.issue_causes import Cause, ended_causes
from fleetkeeper.reports.sentry_events import Sender, envelope_of, event_of, parse_dsn, silent_seconds

PATIENCE = 5.0
"""Seconds that all sending of one run together may delay it."""
MOST = 100
"""Events of one run for one inventory."""
LONGEST_ANSWER = 4096


class Limited(Exception):
    """The receiver wants nothing for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"it wants nothing for {seconds:g} s")


class Over(Exception):
    """The time of the run is up: nothing is written any more."""


class Receiver(Protocol):
    """Where issues are opened and closed. `silent` is how many seconds it wants nothing more, by its last answer."""

    silent: float

    def open_issue(self, cause: Cause) -> str:
        """Open the issue of a cause, or open it again. Returns what `close_issue` needs. Raises Limited or OSError."""

    def close_issue(self, reference: str, why: str) -> None:
        """Close the issue that `open_issue` has returned. Raises Limited or OSError."""


@dataclass
class SentryReceiver:
    """A project in Sentry, by its DSN (a secret)."""

    dsn: str
    sender: Sender
    timeout: float = PATIENCE
    silent: float = 0.0
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def open_issue(self, cause: Cause) -> str:
        """Send an event of the cause. Returns its id. Raises ValueError for no DSN, Limited, OSError."""
        event_id = uuid.uuid4().hex
        self.post(envelope_of(event_of(cause, event_id, self.clock(), self.sender)))
        return event_id

    def close_issue(self, reference: str, why: str) -> None:
        """Do nothing: an event closes no issue. The project's own setting, auto-resolve, or a person does."""

    def post(self, body: bytes) -> None:
        """Post an envelope. Raises as `open_issue`."""
        from urllib.error import HTTPError
        from urllib.request import Request

        dsn = parse_dsn(self.dsn)
        headers = {
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=fleetkeeper/1, sentry_key={dsn.key}",
            "User-Agent": "fleetkeeper",
        }
        request = Request(dsn.url, data=body, headers=headers)  # noqa: S310 - http(s) only
        try:
            with opener_without_redirects().open(request, timeout=self.timeout) as answer:
                answer.read(LONGEST_ANSWER)
                status, answered = answer.status, answer.headers
        except HTTPError as refused:
            status, answered = refused.code, refused.headers
            pause = silent_seconds(status, lower_case(answered), self.clock())
            refused.close()
            if not pause:
                raise
            raise Limited(pause) from None
        self.silent = silent_seconds(status, lower_case(answered), self.clock())


def lower_case(headers: Message) -> dict[str, str]:
    """The headers of an answer with their names in lower case."""
    return {name.lower(): text for name, text in headers.items()}


def opener_without_redirects() -> Any:
    """An opener of urllib that follows no redirect: the key in the request is for the host of the DSN alone."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """Makes a redirect an HTTPError."""

        def redirect_request(self, *_: Any) -> None:
            """No request follows a redirect."""

    return build_opener(Stay)


def deliver_causes(run: DeliveryRun, patience: float = PATIENCE) -> str:
    """Open and close issues until all is done, for `patience` seconds at most.

    Returns why something was not sent, in words without secrets; "" when all was. Raises nothing of the receiver's.
    `run.book` has what was sent. A thread that hangs is left behind, and changes the book no more.
    """
    now = run.clock()
    if now < run.book.silent_until:
        return f"it wants nothing for another {run.book.silent_until - now:.0f} s"
    thread = threading.Thread(target=run.deliver, name="issues", daemon=True)
    thread.start()
    thread.join(patience)
    with run.lock:
        run.over = True
    return run.trouble or (f"no answer within {patience:g} s" if thread.is_alive() else "")


@dataclass
class DeliveryRun:
    """The sending of one run. Once `over` is set nothing in the book changes any more. `clock`: seconds since 1970."""

    receiver: Receiver
    book: IssueBook
    causes: Sequence[Cause]
    changes: Changes
    clock: Callable[[], float] = time.time
    over: bool = False
    trouble: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(self) -> None:
        """Send what is due; the reason why something was not is put into `trouble`."""
        try:
            self.close_ended()
            if self.book.begun:
                self.open_new()
            else:
                self.open_first()
        except Over:
            return
        except Limited as limit:
            self.note(str(limit), limit.seconds)
        except Exception as why:  # noqa: BLE001 - no receiver may harm the audit, and most errors hold the URL
            self.note(harmless_error(why))

    def note(self, trouble: str, silent: float = 0.0) -> None:
        """Put a reason into `trouble`, and the end of a limit into the book."""
        with self.lock:
            self.trouble = trouble
            if silent and not self.over:
                self.book.silent_until = self.clock() + silent

    def write_down(self, causes: Iterable[Cause], event: str = "", ended: Iterable[str] = ()) -> None:
        """Change the book, unless the run is over. Raises Limited when the last answer says so, Over."""
        with self.lock:
            if self.over:
                raise Over
            self.book.begun = True
            self.book.sent.update({cause.key: (event, cause.since) for cause in causes})
            for key in ended:
                del self.book.sent[key]
        if self.receiver.silent:
            raise Limited(self.receiver.silent)

    def close_ended(self) -> None:
        """Close the issues of what is over."""
        for key, why in ended_causes(self.changes, list(self.book.sent), self.causes).items():
            if event := self.book.sent[key][0]:
                self.receiver.close_issue(event, why)
            self.write_down((), ended=[key])

    def open_new(self) -> None:
        """Open an issue for each cause that has none or has come back, and one for all beyond MOST."""
        due = [cause for cause in self.causes if not self.is_sent(cause)]
        for cause in due[:MOST]:
            self.write_down([cause], self.receiver.open_issue(cause))
        if rest := due[MOST:]:
            self.receiver.open_issue(summary_cause(f"{count_of(len(rest), 'more finding')} opened", "more"))
            self.write_down(rest)

    def is_sent(self, cause: Cause) -> bool:
        """Whether a cause has been sent since it began."""
        return cause.key in self.book.sent and self.book.sent[cause.key][1] == cause.since

    def open_first(self) -> None:
        """Open one issue for all that was open when an inventory's findings are first sent."""
        if self.causes:
            number = count_of(len(self.causes), "finding")
            self.receiver.open_issue(summary_cause(f"{number} open on day one: see results.json", "day one"))
        self.write_down(self.causes)


def summary_cause(title: str, key: str) -> Cause:
    """A cause that stands for several."""
    return Cause(key, title, "error", {"rule": "fleetkeeper"})


def dsn_in_environment(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """The DSN (a secret) in an environment variable; "" when it is not set."""
    return environment.get(variable, "").strip()
