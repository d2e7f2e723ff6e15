"""Sentry's web API, as far as findings need it: the issue of an event, its status, resolving it, and a comment.

Sources: https://docs.sentry.io/api/organizations/resolve-an-event-id/ and https://docs.sentry.io/api/events/update-an-issue/
(`status`: resolved, unresolved, ignored). Comments are not in that reference: `comments/` below an issue takes
`{"text": …}`. A token needs `org:read`, `event:read` and `event:write`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from fleetkeeper.reports.sentry_http import Refusal, send_request

LONGEST_ANSWER = 1 << 20
VISIBLE = r"[!-~]{1,1000}"
ISSUE_NUMBER = r"[0-9]{1,20}"


class Missing(Refusal):
    """The API has no such event or issue: it is not there yet, was deleted, or is another organization's."""


@dataclass
class SentryApi:
    """The API about one organization, by its page's URL and a token, which is a secret."""

    url: str
    token: str = field(repr=False)
    timeout: float
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def event(self, event_id: str) -> dict[str, Any]:
        """What the API says of an event: its issue is `groupId`. Raises as `call`."""
        return self.call("GET", f"eventids/{event_id}/")

    def issue_number(self, reference: str) -> str:
        """The number of an issue, by it or by the id of an event, which has 32 hex digits. Raises as `call`."""
        if len(reference) != 32 and re.fullmatch(ISSUE_NUMBER, reference, re.ASCII):
            return reference
        return issue_number_of(self.event(reference))

    def status(self, issue: str) -> str:
        """The status of an issue: "unresolved", "resolved", "ignored" or another word. Raises as `call`."""
        return str(self.call("GET", f"issues/{issue}/").get("status"))

    def resolve(self, issue: str) -> None:
        """Resolve an issue. Raises as `call`, and Refusal where the answer does not say that it is resolved."""
        if self.call("PUT", f"issues/{issue}/", {"status": "resolved"}).get("status") != "resolved":
            raise Refusal("the API took the request and did not resolve the issue")

    def comment(self, issue: str, text: str) -> None:
        """Put a comment under an issue. Raises as `call`."""
        self.call("POST", f"issues/{issue}/comments/", {"text": text})

    def ownership_lines(self, project: str) -> list[str]:
        """The ownership rules of a project, by its number or slug, one a line, without comments. Raises as `call`."""
        raw = self.call("GET", f"ownership/{project}").get("raw") or ""
        lines = (" ".join(line.split()) for line in str(raw).split("\n"))
        return [line for line in lines if line and not line.startswith("#")]

    def call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The object that the API answers. Raises Refusal (Limited, Missing), OSError and HTTPException."""
        from urllib.error import HTTPError
        from urllib.request import Request

        if not re.fullmatch(VISIBLE, self.token, re.ASCII):
            raise Refusal("what the variable holds is no token")
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "fleetkeeper"}
        request = Request(address_of(self.url, path), content, headers, method=method)  # noqa: S310 - http(s) only
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            answer, _ = send_request(request, self.timeout, self.clock(), LONGEST_ANSWER)
        except HTTPError as refused:
            raise refusal_of(refused.code) from None
        return object_of(answer)


def refusal_of(status: int) -> Refusal:
    """The error that an HTTP status of the API is.

    >>> refusal_of(403)
    Refusal('the API answered 403: the token may not do this')
    """
    if status == 404:
        return Missing("the API has no such event or issue")
    reasons = {401: ": it does not know the token", 403: ": the token may not do this"}
    return Refusal(f"the API answered {status}{reasons.get(status, '')}")


def object_of(answer: bytes) -> dict[str, Any]:
    """The JSON object in an answer. Raises Refusal for anything else."""
    try:
        content = json.loads(answer)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refusal("the API's answer is not what Sentry's would be")
    return content


def issue_number_of(event: Mapping[str, Any]) -> str:
    """The number of the issue that an event is of. Raises Refusal for an answer without one."""
    number = str(event.get("groupId"))
    if not re.fullmatch(ISSUE_NUMBER, number, re.ASCII):
        raise Refusal("the API's answer names no issue")
    return number


def address_of(page: str, path: str) -> str:
    """The URL of a path below an organization, by the organization's page; of a project where it begins `ownership/`.

    >>> address_of("https://sentry.io/organizations/shop", "ownership/7")
    'https://sentry.io/api/0/projects/shop/7/ownership/'
    """
    if project := path.partition("ownership/")[2]:
        before, _, slug = api_url(page).rstrip("/").rpartition("/organizations/")
        return f"{before}/projects/{slug}/{project}/ownership/"
    return api_url(page) + path


def api_url(page: str) -> str:
    """The beginning of the API's URLs about the organization whose page this is.

    >>> api_url("https://sentry.io/organizations/shop/"), api_url("http://s.example.org:9000/x/organizations/shop")
    ('https://sentry.io/api/0/organizations/shop/', 'http://s.example.org:9000/x/api/0/organizations/shop/')
    """
    parts = urlsplit(page)
    before, _, slug = parts.path.strip("/").rpartition("organizations/")
    return urlunsplit((parts.scheme, parts.netloc, f"{before}api/0/organizations/{slug}/", "", ""))
