"""GitHub as a receiver of issues: one for each cause, which is opened again when the cause comes back.

An issue carries a mark in its body by which it is found again, so an answer that was lost makes no second one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleetkeeper.reports.github_api import GitHubApi, issue_number_in
from fleetkeeper.reports.history import digest
from fleetkeeper.reports.issue_causes import Cause
from fleetkeeper.untrusted import one_line

LONGEST_TITLE = 250
LONGEST_TEXT = 2000
ACCOUNT = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[A-Za-z0-9._-]{1,100})?"
MARK = re.compile(r"<!-- fleetkeeper ([0-9a-f]{16}) -->")


@dataclass
class GitHubReceiver:
    """The issues of one inventory in a private repository. `accounts` are those of owners, by their names.

    `say` is "rule" or "all". `known_issues` are number, state and title by mark, once they were listed.
    """

    api: GitHubApi
    inventory: str
    say: str = "rule"
    environment: str = ""
    accounts: Mapping[str, str] = field(default_factory=dict)
    silent: float = 0.0
    checked: bool = False
    known_issues: dict[str, tuple[str, str, str]] | None = None

    def open_issue(self, cause: Cause) -> str:
        """Open the issue of a cause, or open it again. Returns its number. Raises Refusal, OSError."""
        self.raise_if_public()
        mark, title = self.mark_of(cause), one_line(cause.title)[:LONGEST_TITLE]
        number, state, before = self.listed().get(mark, ("", "", ""))
        if not number:
            account = self.account_of(cause)
            assignee = "" if "/" in account else account
            number = self.api.create_issue(title, self.body_of(cause, mark), assignee)
            self.listed()[mark] = number, "open", title
            return number
        if state != "open":
            self.api.set_state(number, "open")
        if state != "open" or before != title:
            self.api.comment(number, f"fleetkeeper sees this again: {code_span(title)}")
        return number

    def close_issue(self, reference: str, why: str) -> None:
        """Close an issue and say why. Raises Refusal, OSError."""
        self.raise_if_public()
        self.api.set_state(reference, "closed")
        self.api.comment(reference, f"fleetkeeper closed this: {why}.")

    def review_issue(self, reference: str) -> tuple[str, bool]:
        """The same reference, and whether somebody has closed the issue. Raises Refusal, OSError."""
        self.raise_if_public()
        return reference, self.api.issue(reference).get("state") == "closed"

    def comment_issue(self, reference: str, text: str) -> None:
        """Put a comment under an issue. Raises Refusal, OSError."""
        self.raise_if_public()
        self.api.comment(reference, text)

    def raise_if_public(self) -> None:
        """Raise Refusal unless the repository was seen to be private in this run."""
        if not self.checked:
            self.api.raise_if_public()
            self.checked = True

    def listed(self) -> dict[str, tuple[str, str, str]]:
        """Number, state and title of the issues that carry a mark, by it; the latest changed of each."""
        if self.known_issues is None:
            self.known_issues = {}
            for issue in self.api.labelled_issues():
                if marks := MARK.findall(str(issue.get("body"))):  # ours is the last: text of a server may hold others
                    kept = issue_number_in(issue), str(issue.get("state")), str(issue.get("title"))
                    self.known_issues.setdefault(marks[-1], kept)
        return self.known_issues

    def mark_of(self, cause: Cause) -> str:
        """The mark of a cause in the body of its issue: 16 hex digits."""
        return digest((self.inventory, self.environment, cause.key))

    def account_of(self, cause: Cause) -> str:
        """The account or team of the owner of a cause; "" where there is none that GitHub could have."""
        account = self.accounts.get(cause.tags.get("owner", ""), "")
        return account if re.fullmatch(ACCOUNT, account, re.ASCII) else ""

    def body_of(self, cause: Cause, mark: str) -> str:
        """The body of a cause's issue. What comes from servers stands in code, where nobody is mentioned."""
        fields = {**cause.tags, "inventory": self.inventory, "since": cause.since}
        if self.say == "all":
            fields |= cause.details
        lines = [f"- {name}: {code_span(text)}" for name, text in fields.items() if text]
        account = self.account_of(cause)
        mention = [f"cc @{account}"] if account else []
        return "\n".join([*lines, "", *mention, "", f"<!-- fleetkeeper {mark} -->"])


def code_span(text: str) -> str:
    """The text as Markdown code on one line.

    >>> code_span("a`b @ops")
    "`a'b @ops`"
    """
    return f"`{one_line(text)[:LONGEST_TEXT].replace('`', chr(39))}`"
