"""What pytest says of each outcome, held against a team's own topic on this machine."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.helpers.github_server import REPOSITORY, running_github
from tests.helpers.github_server import TOKEN as GITHUB_TOKEN
from tests.helpers.sentry_server import TOKEN, running_sentry
from tests.programs.reports.test_issue_delivery import KEY as SECRET_KEY
from tests.programs.reports.test_issue_delivery import Recorder, recorder

__all__ = ["recorder"]

TOPIC = '''
"""Promises about nothing, one for each outcome."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, each_node
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic


@dataclass(frozen=True)
class Facts:
    topic: ClassVar[str] = "promises"
    said: str


def observe(node, inventory):
    [answer] = yield [Command(("echo", "hello"))]
    return Facts(answer.text())


def holds(fleet, subject):
    """The node says hello."""
    if "hello" not in fleet.of(subject.name, Facts).said:
        yield Finding("silence", "hello")


def is_wrong(fleet, subject):
    """The node says goodbye."""
    yield Finding("hello \\x1b[31m<script>", "goodbye", why="it is late", node=subject.name, hint="say goodbye")


def is_unknown(fleet, subject):
    """Nobody can tell."""
    raise Unobservable("nobody can tell", hint="ask somebody", node=subject.name)


def does_not_apply(fleet, subject):
    """Nobody asked."""
    raise NotApplicable("nobody asked")


def is_waived(fleet, subject):
    """It is accepted."""
    yield Finding("a wart", "no wart", node=subject.name)


def is_waived_and_unknown(fleet, subject):
    """It is accepted, as far as it was seen."""
    yield Finding("a wart", "no wart", node=subject.name)
    yield Unobservable("the rest was dark")


def has_expired(fleet, subject):
    """It was accepted for a while."""
    yield Finding("an old wart", "no wart", node=subject.name)


def warns(fleet, subject):
    """It is nearly right."""
    yield Finding("a freckle", "no freckle", node=subject.name, severity="warning")


JUDGES = (holds, is_wrong, is_unknown, does_not_apply, is_waived, is_waived_and_unknown, has_expired, warns)
RULES = tuple(Rule("promises", judge, each_node, (Facts,), person="nobody can") for judge in JUDGES)
TOPIC = Topic("promises", observers=(Observer(Facts, observe),), rules=RULES)
'''

CHECKS = str(Path(__file__).parents[2] / "checks")
"""With these an audit is whole."""

NAMES = (
    "holds",
    "is_wrong",
    "is_unknown",
    "does_not_apply",
    "is_waived",
    "is_waived_and_unknown",
    "has_expired",
    "warns",
)

INVENTORY = """
nodes:
  here: {connection: local}
  there: {address: 127.0.0.1, port: 1}
services: {none: nothing runs here}
backups: {none: nothing is kept}
certificates: {none: nothing is served}
topics: [./promises.py]
waivers:
  - {rule: promises.is_waived*, until: 2999-12-31, owner: ada@example.org, because: it is only a wart}
  - {rule: promises.has_expired, until: 2020-01-31, owner: bob@example.org, because: soon}
"""


def checks_of(names: Iterable[str], topic: str = "promises") -> str:
    """A check for each rule of a topic, which is named by its id."""
    checks = (f'@promise("{topic}.{name}")\ndef test_{name}(verdict):\n    assert verdict.holds\n' for name in names)
    return "\n\n".join(["from fleetkeeper.promises import promise", *checks])


@pytest.fixture
def audit(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest on the promises above, in a process of its own."""
    monkeypatch.setenv("FLEETKEEPER_STATE", str(pytester.path / "state"))
    pytester.makefile(".py", promises=TOPIC)
    pytester.makefile(".yml", mine=INVENTORY)
    checks = checks_of(NAMES)
    pytester.makepyfile(test_promises=checks)

    def run(*arguments: str, hosts: str = "./mine.yml") -> pytest.RunResult:
        return pytester.runpytest_subprocess(f"--hosts={hosts}", "-p", "no:cacheprovider", ".", *arguments)

    return run


def results_of(pytester: pytest.Pytester) -> dict:
    return json.loads((pytester.path / "state/audits/mine/results.json").read_text())


def test_each_outcome_has_pytests_own_word(audit, pytester: pytest.Pytester) -> None:
    ran = audit()
    ran.assert_outcomes(passed=3, failed=4, errors=5, skipped=2, xfailed=2)
    assert ran.ret == 1
    by_rule = {item["rule"]: item["outcome"] for item in results_of(pytester)["items"] if item["subject"] == "here"}
    assert by_rule == {
        "promises.holds": "holds",
        "promises.is_wrong": "finding",
        "promises.is_unknown": "unknown",
        "promises.does_not_apply": "not_applicable",
        "promises.is_waived": "waived",
        "promises.is_waived_and_unknown": "unknown",
        "promises.has_expired": "finding",
        "promises.warns": "holds",
    }


def test_case_75_waived_and_unknown_is_an_error_also_with_runxfail(audit) -> None:
    audit("-k", "is_waived_and_unknown", "--runxfail").assert_outcomes(errors=2)


def test_case_75_waived_is_shown_as_the_failure_it_is_with_runxfail(audit) -> None:
    ran = audit("-k", "is_waived and not unknown", "--runxfail")
    ran.assert_outcomes(failed=2)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(["*fails all the same: --runxfail was given*"])


def test_case_75_an_expired_waiver_is_a_finding_that_names_its_owner(audit) -> None:
    audit("-k", "has_expired").stdout.fnmatch_lines(["*the waiver of bob@example.org ran out on 2020-01-31*"])


def test_a_waiver_that_ends_within_a_fortnight_is_a_note_and_so_is_one_that_ran_out(
    audit, pytester: pytest.Pytester
) -> None:
    soon = (datetime.now(UTC) + timedelta(days=9)).date()
    (pytester.path / "mine.yml").write_text(INVENTORY.replace("2999-12-31", str(soon)))
    audit().stdout.fnmatch_lines_random(
        [f"*waiver of promises.is_waived[*] ends on {soon}, in 9 days*", "*ran out on 2020-01-31: what it accepted*"]
    )


def test_case_75_a_bad_date_in_a_waiver_is_a_usage_error_with_its_line(audit, pytester: pytest.Pytester) -> None:
    path = pytester.path / "mine.yml"
    path.write_text(INVENTORY.replace("2999-12-31", "2026-02-31"))
    ran = audit()
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*mine.yml:10: waivers*until*"])


def test_a_node_that_does_not_answer_is_an_error_and_not_a_finding(audit, pytester: pytest.Pytester) -> None:
    audit("-k", "holds").assert_outcomes(passed=1, errors=1)
    nodes = results_of(pytester)["inventories"][0]["nodes"]
    assert (nodes["here"]["looked_at"], nodes["there"]["looked_at"]) == (True, False)
    assert "refused" in nodes["there"]["why"]


def test_findings_come_first_then_unknown_then_waived_then_the_next_command(audit) -> None:
    message = audit().stdout.str()
    places = [
        message.index(text) for text in ("- findings -", "- could not be looked at -", "- waived -", "next: remediate")
    ]
    assert places == sorted(places)
    assert "= FAILURES =" not in message
    assert "short test summary" not in message


def test_case_73_what_a_server_said_is_shown_without_its_control_characters(audit) -> None:
    text = audit("-k", "is_wrong").stdout.str()
    assert "hello \\x1b[31m<script>" in text
    assert "\x1b[31m<script>" not in text


def test_a_dead_reason_is_said_once_however_many_promises_it_hides(audit) -> None:
    assert audit().stdout.str().count("the rest was dark") == 1


def test_warnings_are_told_and_do_not_fail(audit) -> None:
    ran = audit("-k", "warns")
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["*- warnings -*", "promises.warns: 2 (here, there): a freckle; -v lists them"])


def test_warnings_fail_with_strict(audit) -> None:
    audit("-k", "warns", "--strict").assert_outcomes(failed=2)


def test_limit_judges_only_the_nodes_it_names(audit) -> None:
    audit("-k", "is_wrong", "--limit", "there").assert_outcomes(failed=1)


def test_an_unknown_node_in_limit_is_a_usage_error_that_names_the_nearest(audit) -> None:
    ran = audit("--limit", "thre")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*thre*", "*there*"])


def test_case_74_xdist_and_serial_runs_give_the_same_verdicts_of_one_look(audit, pytester: pytest.Pytester) -> None:
    looks = pytester.path / "looks"
    noted = f'Command(("sh", "-c", "echo x >> {looks}; echo hello"))'
    pytester.makefile(".py", promises=TOPIC.replace('Command(("echo", "hello"))', noted))
    serial, match = audit(), results_of(pytester)
    looks.unlink()
    parallel = audit("-n", "2")
    assert looks.read_text() == "x\n"
    assert (parallel.ret, results_of(pytester)["items"]) == (serial.ret, match["items"])
    assert results_of(pytester)["summary"] == match["summary"]


def make_key(item: dict) -> tuple[str, str, str]:
    return item["check"], item["outcome"], json.dumps(item["findings"], sort_keys=True)


def test_a_recorded_look_gives_the_same_verdicts_when_replayed(audit, pytester: pytest.Pytester) -> None:
    first = (audit("--record=look.json"), results_of(pytester))[1]
    again = (audit("--replay=look.json"), results_of(pytester))[1]
    assert sorted(map(make_key, again["items"])) == sorted(map(make_key, first["items"]))


def test_a_rule_of_an_undecided_topic_that_k_picks_alone_is_an_error(audit, pytester: pytest.Pytester) -> None:
    """The check that tells of the section is not among those that run, and nothing else may be green for it."""
    pytester.makefile(".yml", open=INVENTORY.replace("{none: nothing is kept}", "{undecided: some dumps were seen}"))
    pytester.makepyfile(test_backups=checks_of(("are_fresh", "are_complete"), "backups"))
    result = audit("-k", "are_complete", hosts="./open.yml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*`backups` is undecided: some dumps were seen; hides backups.are_complete*"])


def test_what_is_not_a_recording_is_a_usage_error(audit, pytester: pytest.Pytester) -> None:
    (pytester.path / "look.json").write_text("{}")
    assert audit("--replay=look.json").ret == pytest.ExitCode.USAGE_ERROR


def test_an_audit_with_a_newer_state_directory_is_a_usage_error_that_changes_nothing_there(audit, pytester) -> None:
    (pytester.path / "state").mkdir()
    (pytester.path / "state/version").write_text("2\n")
    ran = audit()
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*state has version 2, and this fleetkeeper knows versions up to 1", "*upgrade*"])
    assert [path.name for path in (pytester.path / "state").iterdir()] == ["version"]


def test_a_newer_history_is_said_in_one_line_and_stays(audit, pytester: pytest.Pytester) -> None:
    audit(CHECKS)
    location = pytester.path / "state/history.sqlite"
    with closing(sqlite3.connect(location)) as db:
        db.execute("PRAGMA user_version = 2")
    content = location.read_bytes()
    for whole_or_part in ((CHECKS,), ()):
        ran = audit(*whole_or_part)
        assert ran.ret == 1
        line = f"what changed since the last audit is not known: {location} has version 2, *upgrade*"
        ran.stdout.fnmatch_lines([line])
    assert location.read_bytes() == content


def test_only_a_whole_audit_is_remembered(audit, pytester: pytest.Pytester) -> None:
    location = pytester.path / "state/history.sqlite"
    parts = (["-k", "holds"], ["--limit=here"], ["--quick"])
    for part in parts:
        audit(CHECKS, *part)
    assert not location.exists()
    audit(CHECKS, "--record=look.json")
    content = location.read_bytes()
    for part in (*parts, ["--replay=look.json"]):
        assert "is not known" not in audit(CHECKS, *part).stdout.str()
        assert location.read_bytes() == content, part
    audit(CHECKS)
    assert location.read_bytes() != content
    assert location.stat().st_mode & 0o777 == 0o600


def test_a_damaged_history_is_kept_aside_and_said_once(audit, pytester: pytest.Pytester) -> None:
    audit(CHECKS)
    location = pytester.path / "state/history.sqlite"
    location.write_bytes(b"no database" * 100)
    assert "is damaged, so what changed is not known" in audit().stdout.str()
    assert location.read_bytes() == b"no database" * 100
    assert "history.sqlite was damaged (file is not a database) and is kept as" in audit(CHECKS).stdout.str()
    [kept] = (pytester.path / "state").glob("history.broken-*.sqlite")
    assert kept.read_bytes() == b"no database" * 100
    assert "was damaged" not in audit(CHECKS).stdout.str()


OWNERS = """
people: {web-team: {}, night-team: {}, ops: {}}
owners:
  - {rule: promises.is_wrong, node: here, owner: web-team}
  - {rule: promises.is_unknown, owner: night-team}
  - {owner: ops}
"""


def test_whoever_owns_a_finding_is_named_in_every_report(audit, pytester: pytest.Pytester, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    pytester.makefile(".yml", mine=INVENTORY + OWNERS)
    text = audit("--junitxml=audit.xml").stdout.str()
    assert "web-team: 1 finding (promises.is_wrong)" in text
    assert "night-team: 2 unknown promises" in text
    assert re.search(r"::error title=promises.is_wrong \[here\]::.*; owner: web-team$", text, re.MULTILINE)
    wrong = {item["subject"]: item for item in results_of(pytester)["items"] if item["rule"] == "promises.is_wrong"}
    assert {node: item["findings"][0]["owner"] for node, item in wrong.items()} == {"here": "web-team", "there": "ops"}
    assert (pytester.path / "audit.xml").read_text().count('<property name="owner" value="web-team"') == 1
    assert "  owner web-team" in audit("-v").stdout.str()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_an_owner_judges_its_own_and_writes_no_history(audit, pytester: pytest.Pytester, workers) -> None:
    pytester.makefile(".yml", mine=INVENTORY + OWNERS)
    ran = audit(CHECKS, "--owner=web-team", *workers)
    assert [(item["rule"], item["subject"]) for item in results_of(pytester)["items"]] == [
        ("promises.is_wrong", "here")
    ]
    ran.assert_outcomes(failed=1, deselected=0 if workers else ran.parseoutcomes().get("deselected", 0))
    assert not (pytester.path / "state/history.sqlite").exists()


def test_a_whole_audit_makes_one_issue_of_its_first_night_and_a_part_none(
    audit, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    pytester.makefile(".yml", mine=INVENTORY + OWNERS + "sentry: MINE_SENTRY\n")
    unset = "sentry: $MINE_SENTRY is not set here, so no finding became an issue"
    assert unset in audit(CHECKS).stdout.str()
    monkeypatch.setenv("MINE_SENTRY", recorder.dsn)
    for part in (["-k", "is_wrong"], ["--limit=here"], ["--quick"], ["--owner=ops"]):
        audit(CHECKS, *part)
    assert recorder.heard == []
    ran = audit(CHECKS)
    assert "sentry:" not in ran.stdout.str()
    assert [event["tags"]["rule"] for _, _, event in recorder.heard] == ["fleetkeeper"]
    assert re.fullmatch(r"[0-9]+ findings open on day one: see results.json", recorder.titles[0])
    assert audit(CHECKS).ret == ran.ret
    assert len(recorder.heard) == 1
    written = "".join(path.read_text(errors="replace") for path in (pytester.path / "state").rglob("*.json"))
    assert SECRET_KEY not in written + ran.stdout.str() + json.dumps([event for _, _, event in recorder.heard])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_whole_audit_checks_in_and_a_part_does_not(
    audit, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, recorder: Recorder, workers
) -> None:
    section = "sentry: {variable: MINE_SENTRY, check_ins: {schedule: 30 5 * * *}}\n"
    pytester.makefile(".yml", mine=INVENTORY + OWNERS + section)
    monkeypatch.setenv("MINE_SENTRY", recorder.dsn)
    audit(CHECKS, "--limit=here")
    assert recorder.heard == []
    assert "sentry:" not in audit(CHECKS, *workers).stdout.str()
    status = [event.get("status") for _, _, event in recorder.heard if "monitor_slug" in event]
    assert status == (["error"] if workers else ["in_progress", "error"])


def test_a_token_closes_issues_and_is_in_no_output_record_or_state(
    audit, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sentry() as sentry:
        section = f"sentry: {{variable: MINE_SENTRY, token: MINE_TOKEN, url: '{sentry.page}'}}\n"
        pytester.makefile(".yml", mine=INVENTORY + OWNERS + section)
        monkeypatch.setenv("MINE_SENTRY", sentry.dsn)
        unset = "sentry: $MINE_TOKEN is not set here, so no issue is closed or commented on"
        assert unset in audit(CHECKS).stdout.str()
        monkeypatch.setenv("MINE_TOKEN", TOKEN)
        printed = audit(CHECKS, "-vv", "--record=look").stdout.str()
        monkeypatch.setenv("MINE_TOKEN", f"{TOKEN}\n{TOKEN}")
        printed += audit(CHECKS, "-vv").stdout.str()
    files = [path for path in pytester.path.rglob("*") if path.is_file()]
    assert any("sentry-" in path.name for path in files)
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in printed + json.dumps(list(sentry.events.values()))


def test_a_whole_audit_makes_one_issue_on_github_and_one_mail_and_its_token_is_nowhere(
    audit, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_github() as github:
        section = f"github: {{repository: {REPOSITORY}, token: MINE_TOKEN, url: '{github.url}'}}\n"
        program = pytester.path / "sendmail"
        program.write_text(f"#!/bin/sh\nenv >> {program}.heard\ncat >> {program}.heard\n")
        program.chmod(0o755)
        section += f"mail_digest: {{to: [root], program: '{program}'}}\n"
        pytester.makefile(".yml", mine=INVENTORY + OWNERS + section)
        assert "github: $MINE_TOKEN is not set here, so no finding became an issue" in audit(CHECKS).stdout.str()
        assert (pytester.path / "sendmail.heard").read_text().count("open on day one") == 1
        monkeypatch.setenv("MINE_TOKEN", GITHUB_TOKEN)
        audit(CHECKS, "--quick")
        assert github.requests == []
        printed = audit(CHECKS, "-vv", "--record=look").stdout.str()
        assert [len(github.issues), "github:" in printed, "mail:" in printed] == [1, False, False]
        assert (pytester.path / "sendmail.heard").read_text().count("Subject:") == 1
    files = [path for path in pytester.path.rglob("*") if path.is_file()]
    assert any("github-" in path.name for path in files)
    assert not [path for path in files if GITHUB_TOKEN.encode() in path.read_bytes()]
    assert GITHUB_TOKEN not in printed + json.dumps(github.issues)


def test_an_owner_that_nobody_is_is_a_usage_error(audit, pytester: pytest.Pytester) -> None:
    assert audit("--owner=ops").ret == pytest.ExitCode.USAGE_ERROR
    pytester.makefile(".yml", mine=INVENTORY + OWNERS)
    ran = audit("--owner=web")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*--owner web: no such person or team*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_usage_error_of_a_check_is_the_same_under_xdist(audit, pytester: pytest.Pytester, workers) -> None:
    pytester.makepyfile(test_promises=checks_of(["hold"]))
    ran = audit(*workers)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(
        [
            "ERROR: test_promises.py::test_hold names promises.hold, which is no rule*",
            '*did you mean "promises.holds"?*',
        ]
    )
    assert "INTERNALERROR" not in ran.stdout.str() + ran.stderr.str()


def test_checks_without_hosts_are_a_usage_error_under_xdist(audit) -> None:
    ran = audit("-n", "2", hosts="ssh://nowhere")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["ERROR: nothing was audited: say which servers with --hosts"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_facts_are_printed_once_and_nothing_is_judged_with_and_without_xdist(audit, workers) -> None:
    ran = audit("--facts=here/promises", *workers)
    assert ran.ret == pytest.ExitCode.OK
    assert ran.stdout.str().count("here/promises") == 1
    assert "workers" not in ran.stdout.str()


def test_a_check_that_is_run_again_is_one_item_of_the_results(audit, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item, nextitem):
            from _pytest.runner import runtestprotocol
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                if report.failed:
                    report.outcome = "rerun"
                    item.ihook.pytest_runtest_logreport(report=report)
            return (yield)
        """
    )
    audit()
    checks = [item["check"] for item in results_of(pytester)["items"]]
    assert len(checks) == len(set(checks))


def test_case_80_checks_without_hosts_never_exit_0(audit, pytester: pytest.Pytester) -> None:
    ran = pytester.runpytest_subprocess()
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*--hosts*"])


@pytest.mark.parametrize("hosts", ["", "mine.yml,", "prodction", "./missing.yml"])
def test_case_3_and_80_an_empty_or_unknown_name_is_a_usage_error(audit, hosts: str) -> None:
    assert audit(hosts=hosts).ret == pytest.ExitCode.USAGE_ERROR


def test_collecting_asks_no_server_anything(audit, pytester: pytest.Pytester) -> None:
    path = pytester.path / "mine.yml"
    path.write_text(INVENTORY.replace("here: {connection: local}", "here: {address: 192.0.2.1}"))
    ran = audit("--collect-only", "-q")
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["*test_holds[[]here]*"])


def test_junit_carries_the_words_of_a_finding(audit, pytester: pytest.Pytester) -> None:
    audit("--junitxml=report.xml", "-k", "is_wrong")
    assert "say goodbye" in Path(pytester.path / "report.xml").read_text()


def test_a_teams_own_tests_share_the_run_and_keep_their_tracebacks(audit, pytester: pytest.Pytester) -> None:
    (pytester.path / "mine.yml").write_text(INVENTORY.replace("  there: {address: 127.0.0.1, port: 1}\n", ""))
    pytester.makepyfile(test_own="def test_own(host):\n    assert host.check_output('echo %s', 'a b') == 'b a'\n")
    ran = audit()
    ran.stdout.fnmatch_lines(["*= FAILURES =*", "*assert 'a b' == 'b a'*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_without_a_place_of_tests_the_promises_are_judged_beside_those_of_the_folder(pytester, workers) -> None:
    sections = "\n".join(f"{name}: {{none: a test}}" for name in ("services", "backups", "certificates"))
    pytester.path.joinpath("mine.yml").write_text(f"nodes: {{here: {{connection: local}}}}\n{sections}\n")
    pytester.makepyfile(test_own="def test_own(host):\n    assert host.exists('sh')\n")
    ran = pytester.runpytest_subprocess("--hosts=./mine.yml", f"--state={pytester.path}/state", "-v", *workers)
    assert re.search(r"PASSED test_own|test_own.py::test_own.* PASSED", ran.stdout.str())
    judged = {item["rule"] for item in results_of(pytester)["items"]}
    assert {"nodes.can_be_looked_at", "containers.run_as_their_own_user", "backups.are_fresh"} <= judged


def test_a_value_that_pytest_takes_for_a_place_of_tests_is_told_how_to_be_written(pytester, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("state")
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n")
    pytester.path.joinpath("mine.yml").write_text("nodes: {a: {connection: local}}\n")
    ran = pytester.runpytest_inprocess("--hosts=./mine.yml", "--state", str(elsewhere))
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines([f"*hint: write --state={elsewhere}*"])
    runpytest_inprocess = pytester.runpytest_inprocess("--hosts=./mine.yml", f"--state={elsewhere}")
    assert "hint: write --state" not in runpytest_inprocess.stderr.str()
