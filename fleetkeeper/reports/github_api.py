"""GitHub's REST API, as far as findings need it: issues of one repository, which must be private.

Sources: https://docs.github.com/en/rest/issues/issues (create, get, list, update),
https://docs.github.com/en/rest/repos/repos (`private`) and
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api (403 and 429; Retry-After,
X-RateLimit-Reset in seconds since 1970). A token needs to read metadata and to write issues.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fleetkeeper.reports.sentry_api import VISIBLE, Missing
from fleetkeeper.reports.sentry_events import LONGEST_PAUSE, PAUSE, retry_after
from fleetkeeper.reports.sentry_http import Limited, Refusal, lower_case, send_request

LONGEST_ANSWER = 1 << 23
LABEL = "fleetkeeper"
PAGE = 100
PAGES = 3
"""Pages of issues, latest changed first, in which one is searched that may be there already."""


class Unprocessable(Refusal):
    """The API does not take what was sent: an account that cannot be assigned, for one."""


@dataclass
class GitHubApi:
    """The API about one repository. The token is a secret."""

    url: str
    repository: str
    token: str = field(repr=False)
    timeout: float
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def raise_if_public(self) -> None:
        """Raise Refusal unless the repository is seen to be private."""
        if object_in(self.call("GET", "")).get("private") is not True:
            raise Refusal(f"{self.repository} is not private, and findings are not for the public")

    def issue(self, number: str) -> dict[str, Any]:
        """What the API says of an issue. Raises as `call`."""
        return object_in(self.call("GET", f"/issues/{number}"))

    def labelled_issues(self) -> list[dict[str, Any]]:
        """The issues with our label, open and closed, latest changed first; at most PAGES times PAGE of them."""
        issues: list[dict[str, Any]] = []
        for page in range(1, PAGES + 1):
            query = f"labels={LABEL}&state=all&sort=updated&direction=desc&per_page={PAGE}&page={page}"
            listed = self.call("GET", f"/issues?{query}")
            if not isinstance(listed, list):
                raise Refusal("the API's answer is not what GitHub's would be")
            issues += [issue for issue in listed if isinstance(issue, dict) and "pull_request" not in issue]
            if len(listed) < PAGE:
                break
        return issues

    def create_issue(self, title: str, body: str, assignee: str = "") -> str:
        """Create an issue, and assign it if it may be. Returns its number. Raises as `call`."""
        content: dict[str, Any] = {"title": title, "body": body, "labels": [LABEL]}
        try:
            assigned = {**content, "assignees": [assignee]} if assignee else content
            return issue_number_in(self.call("POST", "/issues", assigned))
        except Unprocessable:
            if not assignee:
                raise
            return issue_number_in(self.call("POST", "/issues", content))

    def set_state(self, number: str, state: str) -> None:
        """Close an issue, or open it: "closed", "open". Raises as `call`, and Refusal where it does not say so."""
        if object_in(self.call("PATCH", f"/issues/{number}", {"state": state})).get("state") != state:
            raise Refusal(f"the API took the request, and the issue is not {state}")

    def comment(self, number: str, text: str) -> None:
        """Put a comment under an issue. Raises as `call`."""
        self.call("POST", f"/issues/{number}/comments", {"body": text})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the API answers, read as JSON. Raises Refusal (Limited, Missing), OSError and HTTPException."""
        from urllib.error import HTTPError
        from urllib.request import Request

        if not re.fullmatch(VISIBLE, self.token, re.ASCII):
            raise Refusal("what the variable holds is no token")
        content = None if body is None else json.dumps(body).encode()
        headers = {
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "User-Agent": "fleetkeeper",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        address = f"{self.url}/repos/{self.repository}{path}"
        request = Request(address, content, headers, method=method)  # noqa: S310 - http(s) only
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            answer, _ = send_request(request, self.timeout, self.clock(), LONGEST_ANSWER)
        except HTTPError as refused:
            raise api_refusal(refused.code, lower_case(refused.headers), self.clock()) from None
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise Refusal("the API's answer is not what GitHub's would be") from None


def api_refusal(status: int, headers: Mapping[str, str], now: datetime) -> Refusal:
    """The error that an HTTP status of the API is. `headers` have names in lower case.

    >>> api_refusal(403, {"retry-after": "7"}, datetime.max).seconds
    7.0
    >>> api_refusal(403, {"x-ratelimit-remaining": "60"}, datetime.max)
    Refusal('the API answered 403: the token may not do this')
    """
    if status == 403 and "retry-after" in headers:
        return Limited(min(retry_after(headers["retry-after"], now), LONGEST_PAUSE))
    if status == 403 and headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "")
        ends = float(reset) - now.timestamp() if re.fullmatch(r"[0-9]{1,12}", reset, re.ASCII) else PAUSE
        return Limited(min(max(ends, 1.0), LONGEST_PAUSE))
    if status in (404, 410):
        return Missing("the API has no such repository or issue, or the token may not see it")
    if status == 422:
        return Unprocessable("the API answered 422: it does not take what was sent")
    moved = ": the repository has another name now" if status in (301, 307, 308) else ""
    reasons = {401: ": it does not know the token", 403: ": the token may not do this"}
    return Refusal(f"the API answered {status}{reasons.get(status, moved)}")


def object_in(answer: Any) -> dict[str, Any]:
    """The answer, if it is an object. Raises Refusal for anything else."""
    if not isinstance(answer, dict):
        raise Refusal("the API's answer is not what GitHub's would be")
    return answer


def issue_number_in(answer: Any) -> str:
    """The number of the issue that an answer is about. Raises Refusal for an answer without one."""
    number = str(object_in(answer).get("number"))
    if not re.fullmatch(r"[0-9]{1,20}", number, re.ASCII):
        raise Refusal("the API's answer names no issue")
    return number
