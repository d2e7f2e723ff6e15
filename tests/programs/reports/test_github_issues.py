"""Findings as issues of GitHub, against a server on this machine that answers as its REST API does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.inventory.load import InventoryError
from fleetkeeper.reports.github_api import GitHubApi
from fleetkeeper.reports.github_receiver import GitHubReceiver
from fleetkeeper.reports.history import Changes, Memory, compare_findings
from fleetkeeper.reports.issue_book import IssueBook
from fleetkeeper.reports.issue_causes import open_causes
from fleetkeeper.reports.issue_delivery import WAIVE_INSTEAD, DeliveryRun, deliver_causes
from fleetkeeper.topics.registry import load_inventory
from tests.helpers.github_server import REPOSITORY, TOKEN, GitHubServer, running_github
from tests.programs.reports.test_heartbeat import INVENTORY
from tests.pure.reports.test_history import make_finding, make_item


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with running_github() as server:
        yield server


class GitHubNights:
    """Whole audits of one inventory, one after the other."""

    def __init__(self, github: GitHubServer, token: str = TOKEN, say: str = "rule") -> None:
        self.github, self.memory, self.book, self.token, self.number = github, Memory(), IssueBook(), token, 0
        self.say = say
        self.accounts = {"ops": "ada", "web": "shop/web", "bob": "bob", "eve": "x y @all"}

    def audit(self, *nodes: str, patience: float = 5.0, **more: str) -> str:
        self.number += 1
        now = f"2026-11-{self.number:02}T03:00:00+00:00"
        items = [make_item(*(make_finding(node=node, **more) for node in nodes), kind="service", promise="P.")]
        changes = compare_findings("lab", items, self.memory, now)
        self.memory = Memory(now, (*changes.new, *changes.old, *changes.unseen), changes.rules)
        return self.send(changes, items, patience)

    def send(self, changes: Changes, items: list[dict], patience: float) -> str:
        api = GitHubApi(self.github.url, REPOSITORY, self.token, patience)
        receiver = GitHubReceiver(api, "lab", self.say, accounts=self.accounts)
        return deliver_causes(DeliveryRun(receiver, self.book, open_causes(changes, items), changes), patience)


def test_a_first_night_is_one_issue_and_what_opens_then_is_one_each(github: GitHubServer) -> None:
    nights = GitHubNights(github)
    assert [nights.audit("a", "b"), nights.audit("a", "b", "c"), nights.audit("a", "b", "c")] == [""] * 3
    titles = [issue["title"] for issue in github.issues.values()]
    assert titles == ["2 findings open on day one: see results.json", "backups.are_fresh [postgres]: P."]


def test_what_is_mended_is_closed_and_opened_again_when_it_comes_back(github: GitHubServer) -> None:
    nights = GitHubNights(github)
    for nodes in ((), ("a",), ()):
        assert nights.audit(*nodes) == ""
    assert github.states() == ["closed"]
    assert github.comments == [(1, "fleetkeeper closed this: judged again without it.")]
    assert nights.audit("a") == ""
    assert github.states() == ["open"]
    assert len(github.comments) == 2


def test_what_a_person_closed_too_early_stays_closed_with_exactly_one_comment(github: GitHubServer) -> None:
    nights = GitHubNights(github)
    nights.audit()
    nights.audit("a")
    github.issues[1]["state"] = "closed"
    for _ in range(3):
        assert nights.audit("a") == ""
    assert (github.states(), github.comments) == (["closed"], [(1, WAIVE_INSTEAD)])


def test_nothing_is_written_into_a_public_repository(github: GitHubServer) -> None:
    nights = GitHubNights(github)
    github.private = False
    assert "is not private" in nights.audit("a")
    assert {method for method, _, _ in github.requests} == {"GET"}
    github.private = True
    nights.audit("a")
    nights.audit("a", "b")
    github.private = False
    assert "is not private" in nights.audit("a")
    assert github.states() == ["open", "open"]


def test_an_answer_that_was_lost_makes_no_second_issue(github: GitHubServer) -> None:
    nights = GitHubNights(github)
    nights.audit()
    github.pause = 0.3
    assert "no answer" in nights.audit("a", patience=0.75)
    github.pause = 0.0
    deadline = time.monotonic() + 10
    while not github.issues and time.monotonic() < deadline:
        time.sleep(0.05)
    assert nights.audit("a") == ""
    assert github.states() == ["open"]
    assert github.comments == []


@pytest.mark.parametrize(
    ("owner", "assigned", "mention"),
    [("ops", ["ada"], "cc @ada"), ("web", [], "cc @shop/web"), ("bob", [], "cc @bob"), ("eve", [], ""), ("", [], "")],
)
def test_an_owner_is_assigned_or_at_least_mentioned(
    github: GitHubServer, owner: str, assigned: list[str], mention: str
) -> None:
    nights = GitHubNights(github)
    nights.audit()
    assert nights.audit("a", owner=owner) == ""
    assert github.issues[1]["assignees"] == assigned
    assert mention in github.issues[1]["body"]
    assert github.issues[1]["body"].count("@") == mention.count("@")


def test_text_of_a_server_mentions_nobody_and_is_written_only_with_all(github: GitHubServer) -> None:
    hostile = "`@everyone\n<!-- fleetkeeper 0123456789abcdef -->\x1b[31m"
    for say in ("rule", "all"):
        nights = GitHubNights(github, say=say)
        nights.audit()
        nights.audit(f"host-{say}", saw=hostile, hint=hostile)
    public, full = (issue["body"] for issue in github.issues.values())
    assert "host" not in public.partition("<!--")[0]
    assert "everyone" not in public
    assert "- saw: `'@everyone\\n<!-- fleetkeeper 0123456789abcdef -->\\x1b[31m`" in full
    assert "host-all" in full
    nights.audit()
    nights.audit("host-all", saw=hostile, hint=hostile)
    assert github.states() == ["open", "open"]


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {}, "401"),
        (403, {}, "the token may not do this"),
        (403, {"Retry-After": "90"}, "90 s"),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}, "86400 s"),
        (429, {"Retry-After": "90"}, "90 s"),
        (404, {}, "no such repository"),
        (410, {}, "no such repository"),
        (301, {"Location": "/x"}, "another name"),
        (500, {}, "500"),
    ],
)
def test_a_refusal_is_one_line_without_the_token_and_tried_again(
    github: GitHubServer, status: int, headers: dict[str, str], words: str
) -> None:
    nights = GitHubNights(github)
    nights.audit()
    github.refused, github.headers = {"POST": status}, headers
    trouble = nights.audit("a")
    assert words in trouble
    assert TOKEN not in trouble
    github.refused, github.headers, nights.book.silent_until = {}, {}, 0.0
    assert nights.audit("a") == ""
    assert github.states() == ["open"]


def test_a_server_that_hangs_or_answers_without_end_delays_no_more_than_the_limit(github: GitHubServer) -> None:
    nights = GitHubNights(github)
    github.longer = 1 << 30
    began = time.monotonic()
    nights.audit("a", patience=3.0)
    assert time.monotonic() - began < 6
    github.longer, github.pause = 0, 2.0
    began = time.monotonic()
    assert "no answer" in nights.audit("a", "b", patience=0.3)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nX: y", f"{TOKEN} é", "wrong-canary"])
def test_no_trouble_and_no_book_shows_the_token(github: GitHubServer, token: str) -> None:
    nights = GitHubNights(github, token)
    trouble = nights.audit("a")
    assert trouble
    assert "canary" not in trouble + repr(nights.book) + repr(GitHubApi(github.url, REPOSITORY, token, 5.0))
    assert github.issues == {}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("repository: servers, token: LAB_TOKEN", "repository"),
        ("repository: shop/servers", "token"),
        (f"repository: shop/servers, token: {TOKEN}", "not the name of a variable"),
        ("repository: shop/servers, token: LAB_TOKEN, url: 'ftp://x'", "url"),
        ("repository: shop/servers, token: LAB_TOKEN, says: all", "says"),
    ],
)
def test_a_typo_in_github_is_said_with_file_and_line(tmp_path: Path, written: str, words: str) -> None:
    with pytest.raises(InventoryError, match=r"a\.yml:6") as refused:
        load_inventory(tmp_path / "a.yml", f"{INVENTORY}github: {{{written}}}\n")
    assert words in str(refused.value)
    assert TOKEN not in str(refused.value)
