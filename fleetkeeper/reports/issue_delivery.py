"""Open findings become issues of a receiver: one event when a cause opens, and again when it comes back after its end.

None is sent for what is open already, so an issue that a person has closed stays closed, and gets one comment. What is
over is closed, where the receiver can. After a first run there is one event for all that was open. All sending of a run
takes five seconds at most, and ends at the receiver's first limit; what was not sent is sent by the next audit. A
failure is one line and changes no verdict.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from fleetkeeper.inventory.units import count_of
from fleetkeeper.reports.heartbeat_ping import harmless_error
from fleetkeeper.reports.history import Changes
from fleetkeeper.reports.issue_book import IssueBook
from fleetkeeper.reports.issue_causes import Cause, ended_causes
from fleetkeeper.reports.sentry_api import Missing
from fleetkeeper.reports.sentry_http import Limited, Refusal

PATIENCE = 5.0
"""Seconds that all sending of one run together may delay it."""
HURRY = 0.6
"""Share of it after which no further issue is closed or looked at in this run."""
MOST = 100
"""Events of one run for one inventory."""
REVIEWED = 20
"""Issues of what is still open that one run looks at; the next run begins with others."""
WAIVE_INSTEAD = (
    "This issue is closed here, and the last audit still sees what it is about. fleetkeeper does not open it again: "
    "accept the finding with a waiver instead (`fleetkeeper waive`), or mend it."
)


class Over(Exception):
    """The time of the run is up: nothing is written any more."""


class Receiver(Protocol):
    """Where issues are opened and closed. `silent` is how many seconds it wants nothing more, by its last answer."""

    silent: float

    def open_issue(self, cause: Cause) -> str:
        """Open the issue of a cause, or open it again. Returns what `close_issue` needs. Raises Limited or OSError."""

    def close_issue(self, reference: str, why: str) -> None:
        """Close the issue that `open_issue` has returned. Raises Refusal or OSError."""

    def review_issue(self, reference: str) -> tuple[str, bool]:
        """A reference to keep instead of this one, and whether the issue is closed. Raises as `close_issue`."""

    def comment_issue(self, reference: str, text: str) -> None:
        """Put a comment under an issue. Raises as `close_issue`."""


def deliver_causes(run: DeliveryRun, patience: float = PATIENCE) -> str:
    """Open and close issues until all is done, for `patience` seconds at most.

    Returns why something was not sent, in words without secrets; "" when all was. Raises nothing of the receiver's.
    `run.book` has what was sent. A thread that hangs is left behind, and changes the book no more.
    """
    now = run.clock()
    if now < run.book.silent_until:
        return f"it wants nothing for another {run.book.silent_until - now:.0f} s"
    run.hurry_at = time.monotonic() + patience * HURRY
    thread = threading.Thread(target=run.deliver, name="issues", daemon=True)
    thread.start()
    thread.join(patience)
    with run.lock:
        run.over = True
    return run.trouble or (f"no answer within {patience:g} s" if thread.is_alive() else "")


@dataclass
class DeliveryRun:
    """The sending of one run. Once `over` is set nothing in the book changes any more. `clock`: seconds since 1970.

    `hurry_at` is the monotonic time after which nothing that can wait for the next run is begun.
    """

    receiver: Receiver
    book: IssueBook
    causes: Sequence[Cause]
    changes: Changes
    clock: Callable[[], float] = time.time
    over: bool = False
    hurry_at: float = math.inf
    trouble: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(self) -> None:
        """Send what is due; the reason why something was not is put into `trouble`."""
        earlier = self.keys_to_review()
        try:
            if self.book.begun:
                self.open_new()
            else:
                self.open_first()
            self.keep_beginnings()
            self.close_ended()
            self.review_open(earlier)
        except Over:
            return
        except Refusal as why:
            self.note(str(why), why.seconds)
        except Exception as why:  # noqa: BLE001 - no receiver may harm the audit, and most errors hold the URL
            self.note(harmless_error(why))

    def keep_beginnings(self) -> None:
        """Write down since when each cause is open that the book has: the history may have begun anew."""
        with self.lock:
            self.raise_if_over()
            for cause in self.causes:
                if self.is_sent(cause):
                    self.book.sent[cause.key] = self.book.sent[cause.key][0], cause.since

    def note(self, trouble: str, silent: float = 0.0) -> None:
        """Put a reason into `trouble`, and the end of a limit into the book."""
        with self.lock:
            self.trouble = trouble
            if silent and not self.over:
                self.book.silent_until = self.clock() + silent

    def write_down(self, causes: Iterable[Cause], event: str = "", ended: Iterable[str] = ()) -> None:
        """Change the book, unless the run is over. Raises Limited when the last answer says so, Over."""
        with self.lock:
            self.raise_if_over()
            self.book.begun = True
            for cause in causes:
                self.book.sent[cause.key] = event, cause.since
                self.book.commented.pop(cause.key, None)
            for key in ended:
                del self.book.sent[key]
                self.book.commented.pop(key, None)
        if self.receiver.silent:
            raise Limited(self.receiver.silent)

    def raise_if_over(self) -> None:
        """Raise Over when nothing may be written any more. The lock is held."""
        if self.over:
            raise Over

    def is_late(self) -> bool:
        """Whether what can wait has to wait for the next run."""
        return time.monotonic() > self.hurry_at

    def close_ended(self) -> None:
        """Close the issues of what is over. One that the receiver does not have is named, and dropped."""
        ended = ended_causes(self.changes, list(self.book.sent), self.causes)
        for number, (key, why) in enumerate(ended.items()):
            if self.is_late():
                self.note(f"{count_of(len(ended) - number, 'issue')} will be closed by the next audit")
                return
            if event := self.book.sent[key][0]:
                try:
                    self.receiver.close_issue(event, why)
                except Missing as missing:
                    self.note(f"an issue could not be closed: {missing}")
            self.write_down((), ended=[key])

    def keys_to_review(self) -> list[str]:
        """The keys of what earlier runs have sent and is still open, least recently looked at first."""
        still_open = {cause.key for cause in self.causes if self.is_sent(cause)}
        return [key for key, (event, _) in self.book.sent.items() if event and key in still_open][:REVIEWED]

    def review_open(self, keys: Iterable[str]) -> None:
        """Comment once on each issue that a person has closed though its cause is still open."""
        for key in keys:
            if self.is_late():
                return
            reference, since = self.book.sent[key]
            closed = False
            with suppress(Missing):
                reference, closed = self.receiver.review_issue(reference)
            with self.lock:
                self.raise_if_over()
                del self.book.sent[key]  # to the end: the next run begins with those that were not looked at
                self.book.sent[key] = reference, since
            if closed and key not in self.book.commented:
                self.comment_once(key, reference)

    def comment_once(self, key: str, reference: str) -> None:
        """Comment on an issue: written down before it is sent, so that no lost answer makes it two comments."""
        with self.lock:
            self.raise_if_over()
            self.book.commented[key] = reference
        try:
            self.receiver.comment_issue(reference, WAIVE_INSTEAD)
        except Refusal:
            with self.lock:
                self.raise_if_over()
                del self.book.commented[key]
            raise

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
        return is_in_book(self.book.sent, cause, self.changes)

    def open_first(self) -> None:
        """Open one issue for all that was open when an inventory's findings are first sent."""
        if self.causes:
            number = count_of(len(self.causes), "finding")
            self.receiver.open_issue(summary_cause(f"{number} open on day one: see results.json", "day one"))
        self.write_down(self.causes)


def is_in_book(sent: Mapping[str, tuple[str, str]], cause: Cause, changes: Changes) -> bool:
    """Whether a book has a cause since it began; since whenever, where the history began anew and does not know."""
    return cause.key in sent and (sent[cause.key][1] == cause.since or not changes.previous)


def summary_cause(title: str, key: str) -> Cause:
    """A cause that stands for several."""
    return Cause(key, title, "error", {"rule": "fleetkeeper"})


def secret_in_environment(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret in an environment variable, a DSN or a token; "" when it is not set."""
    return environment.get(variable, "").strip()
