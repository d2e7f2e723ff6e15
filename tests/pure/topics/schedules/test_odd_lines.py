"""Lines of crontabs that Debian 12's cron ran, or did not run, otherwise than they were once read."""

from __future__ import annotations

import pytest

from fleetkeeper.judging.verdicts import Outcome
from tests.pure.topics.schedules.test_engines_of_entries import COMMAND, SCRIPT, line_verdict

DIRECTORY, _, NAME = SCRIPT.rpartition("/")


@pytest.mark.parametrize(
    "test", ["[ -f /etc/passwd -a ]", "test -f /etc/passwd -o", "[ ! -a ]", "[ x -a ( ]", "[ -a -a ]"]
)
def test_a_condition_that_ends_too_early_costs_nothing_but_its_own_line(test: str) -> None:
    good = line_verdict(COMMAND, settings=f"0 1 * * * {test} && {COMMAND}\n")
    assert good.outcome in (Outcome.HOLDS, Outcome.UNKNOWN)
    assert "could not make sense" not in "".join(map(str, good.unknown))


@pytest.mark.parametrize("line", [f"; {COMMAND}", f"true & ; {COMMAND}", f"true ; ; {COMMAND}"])
def test_a_line_that_no_shell_can_parse_is_not_said_to_run(line: str) -> None:
    assert line_verdict(line).outcome is not Outcome.HOLDS


def test_the_options_behind_a_script_s_first_line_do_not_count_when_a_shell_is_given_the_script() -> None:
    script = f"#!/bin/sh -e\nfalse\n{COMMAND}\n"
    assert line_verdict(f"/bin/sh {SCRIPT}", script=script).outcome is Outcome.HOLDS
    assert line_verdict(SCRIPT, script=script).outcome is Outcome.FINDING


@pytest.mark.parametrize(("home", "outcome"), [("/no/such", Outcome.FINDING), ("/root", Outcome.HOLDS)])
def test_cd_without_a_directory_goes_to_the_home_that_the_crontab_sets(home: str, outcome: Outcome) -> None:
    assert line_verdict(f"cd && {COMMAND}", f"HOME={home}\n").outcome is outcome


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (f"{COMMAND} > $UNSET", Outcome.UNKNOWN),
        (f"timeout --nope 9 {COMMAND}", Outcome.UNKNOWN),
        (f"env --nope {COMMAND}", Outcome.UNKNOWN),
        (f"date -d nope && {COMMAND}", Outcome.UNKNOWN),
        (f"umask 999 && {COMMAND}", Outcome.FINDING),
        (f"function f {{ {COMMAND}; }}; f", Outcome.FINDING),
        (f"cd - && {COMMAND}", Outcome.HOLDS),
    ],
)
def test_a_line_whose_command_is_refused_is_not_said_to_run(line: str, outcome: Outcome) -> None:
    assert line_verdict(line).outcome is outcome


@pytest.mark.parametrize("line", ["unset PATH; docker", "PATH=; docker", "PATH= docker"])
def test_docker_is_not_found_without_a_path(line: str) -> None:
    assert line_verdict(COMMAND.replace("/usr/bin/docker", line)).outcome in (Outcome.FINDING, Outcome.UNKNOWN)


def test_an_account_is_known_by_its_number_where_that_is_root_s() -> None:
    paths_of = "setpriv --reuid {} " + COMMAND
    assert line_verdict(paths_of.format(0)).outcome is Outcome.HOLDS
    assert line_verdict(paths_of.format(1234)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("quote", ["'", '"'])
def test_debian_s_cron_cuts_blanks_at_the_end_of_a_quoted_value(quote: str) -> None:
    assert line_verdict(f'[ "$A" = 1 ] && {COMMAND}', f"A={quote}1 {quote}\n").outcome is Outcome.HOLDS


def test_a_script_is_looked_for_in_a_path_that_is_put_together() -> None:
    script = f"#!/bin/sh\n{COMMAND}\n"
    assert line_verdict("PATH=$PATH:/opt dump.sh", script=script).outcome is Outcome.HOLDS
    assert line_verdict("PATH=/opt:$PATH; dump.sh", script=script).outcome is Outcome.HOLDS


@pytest.mark.parametrize("test", ["[ -f no-such-file ]", "[ ! -f no-such-file ]"])
def test_behind_a_cd_to_where_is_not_known_a_relative_test_is_unknown(test: str) -> None:
    assert line_verdict(f"cd $X; {test} && {COMMAND}").outcome is Outcome.UNKNOWN


def test_a_path_with_a_part_that_is_not_known_is_looked_through_as_far_as_it_is_known() -> None:
    script = f"#!/bin/sh\n{COMMAND}\n"
    assert line_verdict("PATH=/opt:$UNSET; dump.sh", script=script).outcome is not Outcome.FINDING
    docker = COMMAND.replace("/usr/bin/docker", "docker")
    assert line_verdict(f"PATH=$PATH:$HOME/bin:$UNSET; {docker}").outcome is Outcome.HOLDS
    assert line_verdict(f"PATH=/opt:$UNSET; {docker}").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "line",
    [
        f'PATH=/no/such; [ -x "$(command -v sh)" ] && {COMMAND}',
        f'PATH=/no/such; [ -n "$(which sh)" ] && {COMMAND}',
        f'PATH=/no/such; test -n "$(command -v sh)" || {COMMAND}',
        f'unset PATH; [ "$(command -v sh)" ] && {COMMAND}',
        f'sh() {{ :; }}; [ -x "$(command -v sh)" ] && {COMMAND}',
        f"for name in $UNSET; do {COMMAND}; done",
        f"for name; do {COMMAND}; done",
        f'for name in "$@"; do {COMMAND}; done',
        f"[ -f /no/such ]; [ $? -eq 0 ] && {COMMAND}",
        f"cd /opt /tmp; [ -f x ] && {COMMAND}",
        f"{COMMAND} > /dev/fd/9",
        f"flock -w x /run/pg {COMMAND}",
        f"ionice -c nope {COMMAND}",
        f'sh -o nope -c "{COMMAND}"',
        f'bash --nope -c "{COMMAND}"',
    ],
)
def test_what_a_line_itself_changes_before_it_asks_is_unknown(line: str) -> None:
    assert line_verdict(line).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (f"false; [ $? -eq 0 ] && {COMMAND}", Outcome.FINDING),
        (f"false; [ $? -ne 0 ] && {COMMAND}", Outcome.HOLDS),
        (f"true; [ $? -eq 0 ] && {COMMAND}", Outcome.HOLDS),
        (f'eval "set -e"; false; {COMMAND}', Outcome.FINDING),
        (f"cd {DIRECTORY}; [ -f {NAME} ] && {COMMAND}", Outcome.HOLDS),
        (f"cd {DIRECTORY} & [ -f {NAME} ] && {COMMAND}", Outcome.FINDING),
        (f"[ -e {SCRIPT} ] && {COMMAND}", Outcome.HOLDS),
        (f"[ -e {SCRIPT}/ ] && {COMMAND}", Outcome.FINDING),
        (f"{COMMAND} > /dev/tty", Outcome.FINDING),
        (f"ionice -c3 {COMMAND}", Outcome.HOLDS),
        (f'bash --norc -o pipefail -c "{COMMAND}"', Outcome.HOLDS),
        (f'sh -ec "{COMMAND}"', Outcome.HOLDS),
    ],
)
def test_a_line_is_read_as_debian_s_cron_ran_it(line: str, outcome: Outcome) -> None:
    assert line_verdict(line, script="#!/bin/sh\n").outcome is outcome


@pytest.mark.parametrize(
    "line",
    [
        f"sh < {SCRIPT}",
        f"cat {SCRIPT} | sh",
        f"cd $X/opt; sh {NAME}",
        f"cd $X; ./{NAME}",
        f"perl -e 'system(\"{COMMAND}\")'",
        f"awk 'BEGIN{{system(\"{COMMAND}\")}}'",
        f"echo {COMMAND.partition(' exec ')[2]} | xargs docker exec",
    ],
)
def test_a_backup_that_is_run_in_a_way_that_is_not_read_is_unknown_and_gets_no_second_entry(line: str) -> None:
    assert line_verdict(line, script=f"#!/bin/sh\n{COMMAND}\n").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("line", ["docker ps | awk '/docker/'", "cd /opt; sh nothing.sh", "sh -c true", "perl -e 1"])
def test_a_line_that_runs_something_else_leaves_the_backup_missing(line: str) -> None:
    assert line_verdict(line).outcome is Outcome.FINDING


@pytest.mark.parametrize("line", ["A=1", "> /dev/null", "$(true)", "nice", "sudo"])
def test_a_line_without_a_command_is_no_backup(line: str) -> None:
    assert line_verdict(line).outcome is Outcome.FINDING
