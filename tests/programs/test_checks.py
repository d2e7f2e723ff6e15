"""How checks name their rules, what is refused about them, and what they get."""

from __future__ import annotations

import re

import pytest

from fleetkeeper.promises import promise

TOPIC = '''
from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, each_node, the_fleet
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.transport.commands import Command


@dataclass(frozen=True)
class Facts:
    topic: ClassVar[str] = "greetings"
    said: str


def observe(node, inventory):
    [answer] = yield [Command(("echo", "PASSWORD=hunter2 hello"))]
    return Facts(answer.text())


def say_hello(fleet, subject):
    """The node says hello."""
    if "hello" not in fleet.of(subject.name, Facts).said:
        yield Finding("silence", "hello")


def say_goodbye(fleet, subject):
    """The node says goodbye."""
    yield Finding(fleet.of(subject.name, Facts).said[-6:-1], "goodbye", node=subject.name)


def are_counted(fleet, subject):
    """The greetings are counted."""
    yield int(fleet.of("a", Facts).said)


JUDGES = ((say_hello, each_node), (say_goodbye, each_node), (are_counted, the_fleet))
RULES = tuple(Rule("greetings", judge, each, (Facts,), person="nobody can") for judge, each in JUDGES)
TOPIC = Topic("greetings", observers=(Observer(Facts, observe),), rules=RULES)
'''
INVENTORY = """
nodes: {a: {connection: local}, b: {address: 127.0.0.1, port: 1}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
topics: [./greetings.py]
"""
HEAD = "import greetings\nfrom fleetkeeper.promises import promise\n\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest on checks of the topic above, in a process of its own."""
    monkeypatch.setenv("FLEETKEEPER_STATE", str(pytester.path / "state"))
    pytester.makefile(".py", greetings=TOPIC)
    pytester.makefile(".yml", mine=INVENTORY)

    def ran(checks: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_greetings=HEAD + checks)
        return pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", *arguments)

    return ran


WRONG = """
@promise("greetings.say_helo")
def test_of_no_rule(verdict):
    assert verdict.holds

def test_say_goodby(verdict):
    assert verdict.holds

@promise(greetings.observe)
def test_of_no_judge(verdict):
    assert verdict.holds

@promise(greetings.say_hello)
def test_once(verdict):
    assert verdict.holds

@promise("greetings.say_hello")
def test_twice(verdict):
    assert verdict.holds
"""


def test_checks_that_judge_nothing_or_one_rule_twice_and_rules_without_a_check_are_usage_errors(run) -> None:
    ran = run(WRONG)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    assert "INTERNALERROR" not in ran.stdout.str() + ran.stderr.str()
    ran.stderr.fnmatch_lines(
        [
            "*test_of_no_rule names greetings.say_helo, which is no rule*",
            '*did you mean "greetings.say_hello"*',
            "*test_say_goodby takes `verdict` and names no rule*",
            '*did you mean "say_goodbye"*',
            "*test_of_no_judge names observe, which is no rule*",
            "greetings.say_hello has two checks: test_greetings.py::test_once and test_greetings.py::test_twice",
            "no test here judges greetings.say_goodbye",
            "no test here judges greetings.are_counted",
        ]
    )


RIGHT = """
@promise(greetings.say_hello)
def test_say_hello(verdict, host):
    assert verdict.holds
    assert host.backend.hostname == verdict.host.backend.hostname == verdict.verdict.subject.name

@promise(greetings.say_goodbye)
def test_say_goodbye(verdict):
    assert verdict.holds

@promise(greetings.are_counted)
def test_are_counted(verdict):
    assert verdict.holds
"""


@pytest.mark.parametrize("asserting", ["rewrite", "plain"])
def test_a_check_gets_the_host_of_its_node_and_a_report_says_where_it_was_judged(run, asserting: str) -> None:
    ran = run(RIGHT, "test_greetings.py", f"--assert={asserting}", "-rA", "-v")
    ran.assert_outcomes(passed=1, failed=1, errors=3)
    text = ran.stdout.str()
    assert {"test_say_hello[a]", "test_say_hello[b]"} == set(re.findall(r"test_say_hello\[.*?\]", text))
    line = 1 + TOPIC.strip().split("\n").index("def say_goodbye(fleet, subject):")
    assert f"  judge greetings.py:{line}" in text
    assert "saw   hello" in text


def test_a_bug_in_a_rule_shows_its_own_line_and_is_no_missing_access(run) -> None:
    ran = run(RIGHT, "test_greetings.py", "-k", "counted")
    ran.assert_outcomes(errors=1, deselected=4)
    line = 1 + TOPIC.strip().split("\n").index('    yield int(fleet.of("a", Facts).said)')
    ran.stdout.fnmatch_lines(
        [f"*ValueError: *, at greetings.py:{line}*", "*hint  this is a bug of that file*", "*next: report the bug*"]
    )
    assert "missing access" not in ran.stdout.str()


def test_a_promise_without_its_rule_is_refused_where_it_is_written() -> None:
    def test_something() -> None: ...

    with pytest.raises(TypeError, match=r"write @promise\(rules.are_fresh\)"):
        promise(test_something)


def test_the_facts_that_a_rule_read_are_shown_without_secrets(run) -> None:
    text = run(RIGHT, "test_greetings.py", "-k", "goodbye", "-vv").stdout.str()
    assert "greetings.say_goodbye [a] read\na/greetings\n" in text
    assert '"said": "PASSWORD=*** hello' in text
    assert "greetings.say_goodbye [b] read\nb/greetings could not be seen" in text
    assert "hunter2" not in text


def test_facts_are_printed_and_nothing_is_judged(run, pytester: pytest.Pytester) -> None:
    ran = run(RIGHT, "--facts=a/greetings")
    assert ran.ret == pytest.ExitCode.OK
    ran.stdout.fnmatch_lines(["a/greetings", '*"said": "PASSWORD=[*][*][*] hello*'])
    ran.assert_outcomes()
    assert not (pytester.path / "state" / "audits").exists()
    ran = run(RIGHT, "--facts=a/greeting")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(['*did you mean "greetings"*'])


def test_a_finding_fails_a_check_that_does_not_assert_it(run) -> None:
    ran = run(RIGHT.replace("assert verdict.holds", "pass"), "test_greetings.py")
    ran.assert_outcomes(passed=1, failed=1, errors=3)
    assert "greetings.say_goodbye [a] hello" in ran.stdout.str()


def test_a_finding_fails_its_check_under_a_python_without_assertions(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    ran = run(RIGHT, "test_greetings.py", "--assert=plain")
    ran.assert_outcomes(passed=1, failed=1, errors=3, warnings=1)
