"""Requests to a server that has Sentry's protocols, and what it answers: limits, refusals, and no redirect."""

from __future__ import annotations

from datetime import datetime
from email.message import Message
from typing import TYPE_CHECKING, Any

from fleetkeeper.reports.sentry_events import silent_seconds

if TYPE_CHECKING:
    from urllib.request import Request


class Refusal(Exception):
    """The server did not do what the request says. The text has no secret; `seconds` are those of a limit, else 0."""

    seconds = 0.0


class Limited(Refusal):
    """The receiver wants nothing for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"it wants nothing for {seconds:g} s")


def send_request(request: Request, timeout: float, now: datetime, longest: int) -> tuple[bytes, float]:
    """The first `longest` bytes of the answer, and for how many seconds nothing more is wanted.

    Raises Limited, HTTPError for any other status that is no success, and whatever else urllib does.
    """
    from urllib.error import HTTPError

    try:
        with opener_without_redirects().open(request, timeout=timeout) as answer:
            return answer.read(longest), silent_seconds(answer.status, lower_case(answer.headers), now)
    except HTTPError as refused:
        pause = silent_seconds(refused.code, lower_case(refused.headers), now)
        refused.close()
        if not pause:
            raise
        raise Limited(pause) from None


def lower_case(headers: Message) -> dict[str, str]:
    """The headers of an answer with their names in lower case."""
    return {name.lower(): text for name, text in headers.items()}


def opener_without_redirects() -> Any:
    """An opener of urllib that follows no redirect: the secret in the request is for the host of its URL alone."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """Makes a redirect an HTTPError."""

        def redirect_request(self, *_: Any) -> None:
            """No request follows a redirect."""

    return build_opener(Stay)
