"""Commands that end before they run anything, as dash 0.5.12 Debian 12's programs do, and some that only look so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.surroundings import Surroundings
from tests.pure.readers.shell.test_execution import PATHS, PROGRAMS, ROOT, reached

RUNS = [
    "timeout --preserve-status -k 5 9 d",
    "timeout --fore 9 d",
    "timeout -v 9 d",
    "env --unset=X -i d",
    "env - d",
    "env -u X A=--nope d",
    "nice -5 d",
    "nice -n 5 timeout 9 d",
    "nohup d",
    "stdbuf -oL -e 0 d",
    "ionice -c3 -n 7 d",
    "flock -xn -w 5 /etc/held d",
    "flock -n /etc/held -c d",
    "setpriv --reuid 0 --clear-groups d",
    "setpriv --reuid root --inh-caps -all d",
    "setpriv --reuid=0 d",
    "sudo -nEu '#0' d",
    "command -p d",
    "date -d '1 day ago' && d",
    'date -d "$X" && d',
    "date -u -d @12 +%F && d",
    "date --date='last monday' && d",
    "date -d 2026-11-30T02:00:00Z && d",
    "date +nope && d",
    "umask 077 && d",
    "umask u=rwx,g=rx,o= && d",
    "umask && d",
    "umask 999; d",
    "mkdir -p /etc/dir && d",
    "mkdir -p /etc/nope/a/b && d",
    "mkdir -p /root/own/log && d",
    "cd - && d",
    "cd /etc && cd /root && cd - && d",
    "L=/root/own/log; d > $L",
    "d > ${L:-/root/own/log}",
    ": ${L:=/root/own/log}; d > $L",
    "read L; d > $L",
    "L=$(mktemp); d > $L",
    "d > $HOME/own/log",
    "for L in /root/own/log; do d > $L; done",
    "unset HOME; d",
    "unset -f PATH; d",
    "unset PATH; PATH=/usr/bin; d",
    "unset PATH; /usr/bin/d",
    "echo function f; d",
    "f() { d; }; f",
]


@pytest.mark.parametrize("line", RUNS)
def test_a_command_behind_right_arguments_is_run(line: str) -> None:
    assert reached(line) is True


@pytest.mark.parametrize(
    "line",
    [
        "timeout --nope 9 d",
        "timeout -Z 9 d",
        "timeout --help 9 d",
        "env --nope d",
        "env -Z d",
        "env --version d",
        "nice --nope d",
        "nohup --nope d",
        "nice -n 5 timeout --nope 9 d",
        "flock --nope /etc/held d",
        "stdbuf -x d",
        "setsid --nope d",
        "setpriv --nope d",
        "sudo --nope d",
        "sudo -l d",
        "command -V d; command -x d",
        "date -d nope && d",
        "date +%F -d nope && d",
        "date --date=nope && d",
        "date -udnope && d",
        "set -e; date -d nope; d",
        "d > $UNSET",
        'd >> "$UNSET"',
        "d 2> $UNSET",
        "d < $UNSET",
        "{ d; } > $UNSET",
        "X=$UNSET; d > $X",
        "function f() {\n d\n}\nf",
        "d\nfunction f { :; }",
    ],
)
def test_what_may_run_nothing_is_not_known(line: str) -> None:
    assert reached(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "umask 999 && d",
        "umask nope && d",
        "set -e; umask 999; d",
        "mkdir -p /etc/passwd/x && d",
        "mkdir -p /etc/passwd && d",
        "mkdir -p /etc/passwd/x || exit; d",
        "mkdir --parents /etc/passwd/x && d",
        "X=; d > $X",
        'X=; d > "$X"',
        "function f { d; }; f",
        "d; function f { :; }",
        "if :; then function f { d; }; f; fi",
    ],
)
def test_what_surely_ends_before_runs_nothing(line: str) -> None:
    assert reached(line) is False


@pytest.mark.parametrize(("line", "runs"), [("cd - && d", False), ("cd /etc; cd - && d", None)])
def test_bash_goes_back_to_no_directory_that_was_not_left(line: str, runs: bool | None) -> None:
    assert reached(line, "bash") is runs
    assert reached("function f { d; }; f", "bash") is True


@pytest.mark.parametrize("line", ["unset PATH; d", "PATH=; d", "PATH= d", "export PATH=; d"])
def test_without_a_path_a_program_is_looked_for_where_its_shell_is(line: str) -> None:
    around = Surroundings(ROOT, host="vm", shell="dash", directory="/root", paths=PATHS, programs=PROGRAMS)
    assert [run.path for run in executed_commands(line, Context(around=around)) if run.name == "d"] == ["/root"]
    unknown = replace(around, directory="")
    assert [run.path for run in executed_commands(line, Context(around=unknown)) if run.name == "d"] == ["."]
