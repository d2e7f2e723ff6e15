"""Sentry as a receiver of issues: events by its DSN open them, and with a token its API closes them and comments."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fleetkeeper.reports.issue_causes import Cause
from fleetkeeper.reports.sentry_api import SentryApi
from fleetkeeper.reports.sentry_events import Sender, envelope_of, event_of, parse_dsn
from fleetkeeper.reports.sentry_http import send_request

LONGEST_ANSWER = 4096
CLOSED = frozenset({"resolved", "ignored"})
"""Statuses of an issue that somebody has put away; archived is "ignored"."""


@dataclass
class SentryReceiver:
    """A project in Sentry, by its DSN (a secret). `api` is None where no token was given."""

    dsn: str
    sender: Sender
    timeout: float
    api: SentryApi | None = None
    silent: float = 0.0
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def open_issue(self, cause: Cause) -> str:
        """Send an event of the cause. Returns its id. Raises ValueError for no DSN, Limited, OSError."""
        event_id = uuid.uuid4().hex
        self.post(envelope_of(event_of(cause, event_id, self.clock(), self.sender)))
        return event_id

    def send_check_in(self, check_in: Mapping[str, Any]) -> None:
        """Send a check-in, which makes its monitor or changes its schedule. Raises as `open_issue`."""
        self.post(envelope_of(check_in, "check_in"))

    def close_issue(self, reference: str, why: str) -> None:
        """Resolve an issue and say why. Without a token nothing is done: an event closes no issue.

        Raises Refusal, OSError.
        """
        if self.api:
            issue = self.api.issue_number(reference)
            self.api.resolve(issue)
            self.api.comment(issue, f"fleetkeeper closed this: {why}.")

    def review_issue(self, reference: str) -> tuple[str, bool]:
        """A reference that outlives the event, and whether somebody has closed the issue. Raises Refusal, OSError."""
        if not self.api:
            return reference, False
        issue = self.api.issue_number(reference)
        return issue, self.api.status(issue) in CLOSED

    def comment_issue(self, reference: str, text: str) -> None:
        """Put a comment under an issue. Raises Refusal, OSError."""
        if self.api:
            self.api.comment(self.api.issue_number(reference), text)

    def post(self, body: bytes) -> None:
        """Post an envelope. Raises as `open_issue`."""
        from urllib.request import Request

        dsn = parse_dsn(self.dsn)
        headers = {
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=fleetkeeper/1, sentry_key={dsn.key}",
            "User-Agent": "fleetkeeper",
        }
        request = Request(dsn.url, data=body, headers=headers)  # noqa: S310 - http(s) only
        _, self.silent = send_request(request, self.timeout, self.clock(), LONGEST_ANSWER)
