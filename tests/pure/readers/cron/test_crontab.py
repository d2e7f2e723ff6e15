"""Crontabs as Debian's cron reads them; what it accepts was asked of `crontab` from cron 3.0pl1-162."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.readers.cron.crontab import cut_at_percent, escape_command, parse

REFUSED = [
    "0/1 * * * * true",
    "5/15 * * * * true",
    "* * 0 * * true",
    "* * * 0 * true",
    "* * * * 8 true",
    'A="x" y',
    "A =",
    "A=",
    "* * * January * true",
    "* * * janx * true",
    "5,,6 * * * * true",
    ",5 * * * * true",
    "5, * * * * true",
    "5-* * * * * true",
    "*/*2 * * * * true",
    "+5 * * * * true",
    "0x5 * * * * true",
    "59,60 * * * * true",
    "@Daily true",
    "@every 5m true",
    "* * L * * true",
    "* * * * 5L true",
    "* * ? * * true",
    "~ * * * * true",
    "-0 * * * * true",
    "0 24 * * * true",
    "*/0 * * * * true",
    "export A=b",
    "A B = c",
    "hello world",
    "\r",
]
ACCEPTED = [
    "*/90 * * * * true",
    "*/59 * * * * true",
    "1-5/9 * * * * true",
    "* * * * 7 true",
    "* 20-4 * * * true",
    "A='x'",
    '"A B"=x',
    "=x",
    "A=x # c",
    "* * * * *\ttrue",
    "* * * * *",
    "*  *  *  *  *  true",
    "* * * jan,feb sun,1-3/2 true",
    "* * * * Mon true",
    "*,5 * * * * true",
    "*5 * * * * true",
    "** * * * * true",
    "*-5 * * * * true",
    "1-2-3 * * * * true",
    "*/5/2 * * * * true",
    "005 * * * * true",
    "@daily true",
    "@midnight true",
    "@reboot true",
    "@annually\ttrue",
    "@daily",
    "* * * * * true # comment",
    "#* * * * * true",
    "CRON_TZ=UTC",
    "* * * * 1#2 true",
    "0 0,12 * * * docker exec $(docker ps -q -f name=postgres) backup",
    "0 0,12 * * * root docker exec x backup",
    "5-5 * * * * true",
    "* * * * 0-7 true",
    "* * * * sat-sun true",
    "* * * * fri-sun true",
    "A=b * * * * true",
    "é=5",
    "* * * * * true\r",
    "A=b\r",
    "# c",
]


@pytest.mark.parametrize("line", REFUSED)
def test_what_debians_crontab_refuses_is_a_problem(line: str):
    table = parse(line.encode() + b"\n", system=False)
    assert [problem.line for problem in table.problems] == [1]


@pytest.mark.parametrize("line", ACCEPTED)
def test_what_debians_crontab_accepts_is_no_problem(line: str):
    assert parse(line.encode() + b"\n", system=False).problems == []


@pytest.mark.parametrize(
    ("content", "unended"),
    [(b"* * * * * true", True), (b"A=b", True), (b"# c", False), (b"  ", False), (b"", False), (b"A=b\n", False)],
)
def test_a_last_line_without_its_newline_is_noticed_unless_it_is_a_comment(content: bytes, unended: bool):
    assert parse(content, system=False).unended is unended


@pytest.mark.parametrize(("length", "problems"), [(998, 0), (999, 1)])
def test_a_command_may_be_998_bytes_long_and_no_longer(length: int, problems: int):
    assert len(parse(b"* * * * * " + b"x" * length + b"\n", system=False).problems) == problems


def test_a_nul_byte_makes_the_file_unreadable_to_cron():
    assert parse(b"* * * * * tr\0ue\n", system=False).problems


def test_a_nul_byte_at_the_end_of_a_line_is_nothing_to_cron():
    assert parse(b"* * * * * true\0\n", system=False).problems == []


def test_a_system_crontab_has_a_user_field():
    [job] = parse(b"0 4 * * *  postgres   pg_dump  x\n", system=True).jobs
    assert (job.user, job.command) == ("postgres", "pg_dump  x")


def test_settings_count_for_the_lines_below_them_only():
    item, two = parse(b"0 4 * * * a\nPATH=/usr/local/bin:/bin\n0 5 * * * b\n", system=False).jobs
    assert item.environment == {}
    assert two.environment == {"PATH": "/usr/local/bin:/bin"}


def test_lines_between_our_marks_are_ours():
    text = b"0 4 * * * a\n# BEGIN fleetkeeper x\n0 5 * * * b\n# END fleetkeeper x\n0 6 * * * c\n"
    assert [job.ours for job in parse(text, system=False).jobs] == [False, True, False]


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_can_be_read(content: bytes, system: bool):
    parse(content, system=system)


@given(st.text(alphabet=st.characters(exclude_characters="\\\n\0"), max_size=50))
def test_an_escaped_command_reaches_the_shell_as_it_was(command: str):
    assert cut_at_percent(escape_command(command)) == (command, False)
