"""`fleetkeeper sentry test` against a server on this machine: what is proven, what is not, and what each error says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleetkeeper.commands.main import cli
from fleetkeeper.commands.program import exit_code_of
from fleetkeeper.exit_codes import Exit
from tests.helpers.sentry_server import KEY, TOKEN, SentryServer, running_sentry

INVENTORY = """
nodes:
  here: {connection: local}
services: {undecided: "a test"}
backups: {undecided: "a test"}
certificates: {none: a test}
"""


@pytest.fixture
def sentry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SentryServer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    with running_sentry() as server:
        monkeypatch.setenv("A_DSN", server.dsn)
        monkeypatch.setenv("A_TOKEN", TOKEN)
        write_inventory(f"sentry: {{variable: A_DSN, token: A_TOKEN, url: '{server.page}'}}")
        yield server


def write_inventory(section: str) -> None:
    Path("mine.yml").write_text(f"{INVENTORY}{section}\n")


def run_test(*more: str) -> Result:
    return CliRunner().invoke(cli, ["sentry", "test", "--hosts=./mine.yml", *more], standalone_mode=False)


def error_of(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    words = ["sentry", "test", "--hosts=./mine.yml", "--wait=0"]
    code = exit_code_of(lambda: cli.main(words, standalone_mode=False))
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_an_event_is_read_back_and_its_issue_closed(sentry: SentryServer) -> None:
    ran = run_test()
    assert ran.return_value == Exit.NOTHING_LEFT, ran.output
    assert ran.output.splitlines()[1:] == ["it was read back, with its tags", "its issue was closed, with a comment"]
    assert list(sentry.statuses.values()) == ["resolved"]
    assert run_test().return_value == Exit.NOTHING_LEFT
    assert (len(sentry.events), len(sentry.statuses)) == (2, 1)
    assert not any(secret in ran.output for secret in (TOKEN, KEY))


def test_without_a_token_a_2xx_proves_nothing(sentry: SentryServer) -> None:
    write_inventory("sentry: A_DSN")
    ran = run_test()
    assert ran.return_value == Exit.NOT_ALL_SEEN
    assert "That proves nothing" in ran.output
    assert "tag inventory: mine" in ran.output
    assert len(sentry.events) == 1


def test_an_event_that_was_taken_and_thrown_away_is_lost(
    sentry: SentryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sentry.lost = True
    code, text = error_of(capsys)
    assert code == Exit.NOT_ALL_SEEN
    assert "could not be read back within 0 s: it may be lost\n  hint: is `url` the organization" in text


@pytest.mark.parametrize(
    ("method", "status", "words"),
    [
        ("GET", 401, "the event could not be read back: the API answered 401: it does not know the token\n  hint: "),
        ("PUT", 403, "its issue was not closed: the API answered 403: the token may not do this\n  hint: the token"),
        ("POST", 429, "its issue was not closed: it wants nothing for 60 s\n  hint: "),
        ("GET", 200, "the event was read back without its tag inventory: mine\n  hint: "),
    ],
)
def test_what_the_api_refuses_is_said_with_a_hint_and_without_secrets(
    sentry: SentryServer, capsys: pytest.CaptureFixture[str], method: str, status: int, words: str
) -> None:
    sentry.refused = {method: status}
    code, text = error_of(capsys)
    assert (code, words in text) == (Exit.NOT_ALL_SEEN, True), text
    assert not any(secret in text for secret in (TOKEN, KEY))


@pytest.mark.parametrize(
    ("dsn", "code", "words"),
    [
        ("", Exit.USAGE, "$A_DSN is not set here\n  hint: "),
        (KEY, Exit.USAGE, "what $A_DSN holds is no DSN\n  hint: Settings"),
        (f"http://{KEY}@127.0.0.1:1/7", Exit.NOT_ALL_SEEN, "the event was not sent: connection refused\n  hint: is"),
    ],
)
def test_a_wrong_dsn_is_said_without_it(  # noqa: PLR0917
    sentry: SentryServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    dsn: str,
    code: int,
    words: str,
) -> None:
    monkeypatch.setenv("A_DSN", dsn)
    ended, text = error_of(capsys)
    assert (ended, words in text) == (code, True), text
    assert KEY not in text


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("", "mine has no `sentry`"),
        ("sentry: {variable: A_DSN, token: NOT_SET, url: 'https://sentry.io/organizations/a'}", "$NOT_SET is not set"),
        ("sentry: {variable: A_DSN, token: A_TOKEN}", "`url` is missing"),
        ("sentry: {variable: A_DSN, url: 'https://sentry.io/organizations/a'}", "`token` is missing"),
        (f"sentry: {{variable: A_DSN, token: A_TOKEN, url: 'https://{TOKEN}@sentry.io/'}}", "not the URL of an org"),
        (
            f"sentry: {{variable: A_DSN, token: {TOKEN}, url: 'https://sentry.io/organizations/a'}}",
            "looks like a secret",
        ),
    ],
)
def test_a_wrong_section_is_a_wrong_call(
    sentry: SentryServer, capsys: pytest.CaptureFixture[str], section: str, words: str
) -> None:
    write_inventory(section)
    code, text = error_of(capsys)
    assert (code, words in text, TOKEN in text) == (Exit.USAGE, True, False), text
    assert not sentry.events


def test_the_ownership_rules_of_the_project_are_read_back_and_compared(sentry: SentryServer) -> None:
    people = "people: {web: {sentry: '#web'}, dba: {sentry: ada@example.org}, ops: {}}\nowners: [{owner: ops}]\n"
    write_inventory(f"{people}sentry: {{variable: A_DSN, token: A_TOKEN, url: '{sentry.page}'}}")
    ran = run_test()
    assert ran.return_value == Exit.FINDINGS_REMAIN
    assert ran.output.splitlines()[-2:] == ["  tags.owner:web #web", "  tags.owner:dba ada@example.org"]
    sentry.ownership = "# ours\r\n  tags.owner:web   #web\n#tags.owner:dba ada@example.org\npath:* #all"
    assert run_test().output.splitlines()[-1] == "  tags.owner:dba ada@example.org"
    sentry.ownership += "\ntags.owner:dba ada@example.org"
    ran = run_test()
    assert ran.return_value == Exit.NOTHING_LEFT
    assert ran.output.splitlines()[-1] == "its ownership rules have all 2 of `fleetkeeper owners`"


def test_ownership_rules_that_may_not_be_read_are_said_with_the_scope(
    sentry: SentryServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.helpers.sentry_server.OWNERSHIP", "/elsewhere")
    people = "people: {web: {sentry: '#web'}}\nowners: [{owner: web}]\n"
    write_inventory(f"{people}sentry: {{variable: A_DSN, token: A_TOKEN, url: '{sentry.page}'}}")
    code, printed = error_of(capsys)
    assert code == Exit.NOT_ALL_SEEN
    assert "the ownership rules were not read" in printed
    assert "project:read" in printed
    assert TOKEN not in printed
