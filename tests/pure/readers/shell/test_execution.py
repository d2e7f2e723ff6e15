"""Whether a script gets to its last command. Each line was run by the real shell (dash 0.5.12, bash 5.2) under cron."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fleetkeeper.readers.docker.docker_exec import docker_executions
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.surroundings import Component, PathState, Surroundings, User

DIRECTORY, FILE = Component(0, 0, 0x41ED), Component(0, 0, 0x81A4)
PROGRAM = Component(0, 0, 0x81ED)
THERE = PathState((DIRECTORY, DIRECTORY, FILE))
OWN = PathState((DIRECTORY, DIRECTORY, Component(0, 0, 0x41C0)))
PATHS = {
    **dict.fromkeys(("/etc/passwd", "/etc/held"), THERE),
    "/etc/dir": PathState((DIRECTORY, DIRECTORY, DIRECTORY)),
    "/etc/nope": PathState((DIRECTORY, DIRECTORY), "", missing=True),
    "/etc/new/": PathState((DIRECTORY, DIRECTORY), "", missing=True),
    "/etc/passwd/x": PathState((DIRECTORY, DIRECTORY, FILE), "", missing=True),
    "/nodir/x": PathState((DIRECTORY,), "", missing=True),
    "/root/own": OWN,
    "/root": PathState((DIRECTORY, DIRECTORY)),
    "/etc": PathState((DIRECTORY, DIRECTORY)),
    "/proc/own": PathState((DIRECTORY, DIRECTORY), "", missing=True),
    "/root/own/log": PathState(OWN.components, "", missing=True),
    "/usr/bin/docker": PathState((DIRECTORY, DIRECTORY, DIRECTORY, PROGRAM)),
}
ROOT = User("root", 0, frozenset({0}), "/root", asker=False)
GONE = User("gone", 1001, frozenset({1001}), "/home/gone", asker=False, expired="the account has expired")
WWW = User("www", 33, frozenset({33}), "/var/www", asker=False, shell="/usr/sbin/nologin")
ODD = User("odd", 1002, frozenset({1002}), "/home/odd", asker=False, shell="/usr/bin/fish")
PROGRAMS = {"/usr/bin/docker": True, "/usr/bin/d": True, "/no/shell": False}
OPS = User("ops", 1000, frozenset({1000}), "/home/ops", asker=False)


def reached(line: str, shell: str = "dash", user: User = ROOT, texts: Mapping[str, str] | None = None) -> bool | None:
    """Whether the line gets to its command `d`; None where that cannot be told."""
    paths = {**PATHS, **dict.fromkeys(texts or (), THERE)}
    users = {"ops": OPS, "gone": GONE, "www": WWW, "odd": ODD}
    around = Surroundings(user, users, "vm", shell, pipefail=False, paths=paths, texts=texts or {}, programs=PROGRAMS)
    return next(found.reach.value for found in executed_commands(line, Context(around=around)) if found.name == "d")


@pytest.mark.parametrize(
    "line",
    [
        "[ a == a ] && d",
        '[ "$(date +%u)" == 7 ] && d',
        "test -a /etc/passwd && d",
        "d >& /dev/null",
        "set -n; d",
        "set -o foo; d",
        "set -Z; d",
        "shift; d",
        "sleep ${R:0:1}; d",
        "x=${a//b/c}; d",
        "x=${!a}; d",
        "a=(1 2); d",
        ": > /nodir/x; d",
        "d > /etc/passwd/x",
        "d > /etc/new/",
        "timeout 5x d",
        "nice -n abc d",
        "sh -n -c d",
        "bash -nc d",
        "X=$(false) && d",
        "set -e; X=`false`; d",
        "ls /etc/nope && d",
        "stat /etc/nope >/dev/null 2>&1 && d",
        "cp /etc/nope /tmp && d",
        "rm /etc/nope && d",
        "touch /nodir/x && d",
        "mkdir /nodir/x && d",
        "set -e; cat /etc/nope; d",
        "f() { [ -f /etc/nope ] || return 1; }; f || exit 1; d",
        "f() { exit 0; }; f; d",
        ". /etc/exit; d",
        ". /etc/off; [ $A = 1 ] && d",
        "su ops -c 'cd /root/own && d'",
        "su gone -c d",
        "su www -c d",
        "su - ops -s /bin/false -c d",
        "su -s /no/shell ops -c d",
        "BASH_ENV=/etc/exit bash -c d",
        "export BASH_ENV=/etc/exit; bash -c d",
        "set -a; BASH_ENV=/etc/exit; bash -c d",
        "env BASH_ENV=/etc/exit bash -c d",
        "f() { d; }; sh -c f",
        "( d ) 200>/etc/passwd",
        "( : ) 200>/etc/passwd; d",
        "exec 200>/etc/passwd; d",
        "timeout -s FOO 5 d",
        "timeout -k 5x 1h d",
        "timeout -k5x 1h d",
        "exec -a foo d",
        "readonly X=1; X=2; d",
        "readonly X; X=2 true; d",
        "local x=1; d",
        "for ((i=0;i<2;i++)); do :; done; d",
        "x=$((08)); d",
        "x=$((1 +)); d",
        "x=$((1/0)); d",
        "x=$((i++)); d",
        "find /etc/nope -name x && d",
        "find -L /etc/nope && d",
        "d > /proc/own",
        "set -- b; f() { :; }; f a; [ $1 = a ] && d",
        '[ "$EUID" -eq 0 ] && d',
        "set -C; d > /etc/passwd",
        "set -o noclobber; d > /etc/passwd",
        "env -C /etc/nope d",
        "sudo -D /etc/nope d",
        "d <&7",
        "sh -o pipefail -c d",
        "set -- a; set -u; echo $2; d",
    ],
)
def test_what_dash_does_not_get_to_is_not_reached(line: str):
    assert reached(line, texts={"/etc/exit": "exit 0\n", "/etc/off": "A=2\n"}) is False


@pytest.mark.parametrize(
    "line",
    [
        "[ a = a ] && d",
        "d 2>&1 >&-",
        "set -eu; d",
        "set -o nounset -o errexit; d",
        "set -- a b; shift; [ $1 = b ] && d",
        "x=${1:-0} y=${2%%/*} z=${#a} w=${a:-/b} v=${a:+b} u=$((x/2)); d",
        "X=1; : ${X:?no}; d",
        "timeout -k 5 1h d",
        "timeout 0.5 nice -n 19 d",
        "nice -19 ionice -c3 d",
        "gosu postgres d",
        "X=$(d) || exit 1",
        'echo "$(d)"',
        "OUT=`d 2>&1`; echo $OUT | mail x",
        "ls /etc/passwd && d",
        "rm -f /etc/nope && d",
        "mkdir -p /etc/dir && d",
        "mkdir /etc/nope && d",
        "tail -n 1 /etc/passwd && d",
        "f() { if [ -f /etc/passwd ]; then return 0; fi; exit 1; }; f; d",
        "f() { case a in a) return;; esac; }; f; d",
        ". /etc/bashrc; d",
        ". /etc/on; $E || exit 0; [ $A = 1 ] && d",
        ". /etc/on && run d",
        "N='nice -n 19'; $N d",
        "N=; $N d",
        "case $- in *i*) ;; *) d;; esac",
        "su www -s /bin/sh -c d",
        "set -u; X=1; read Y; echo $X $Y ${Z:-a} $HOME; d",
        "set -u; set +u; echo $X; d",
        "set -C; d >> /etc/passwd; set +C; d > /etc/passwd",
        "env -C /etc/dir d",
        "exec 7>&1; d >&7",
        "{ d 3>&1 1>&2 2>&3; } 4>&1",
        "d &> /nodir/x",
        "( flock -n 9 || exit 1; d ) 9>/etc/passwd",
        "D=$(which docker); [ -x $D ] && d",
        '[ -x "$(command -v docker)" ] && d',
        "X=$(which d) && $X",
        "d >> ~/own/log",
        "env - d",
        '[ -z "$DISPLAY" ] && d',
        '[ -n "$SSH_TTY" ] || d',
        '[ -z "$PS1" ] && exit; d',
        "break; d",
        "set -e; foo | bar; d",
        "BASH_ENV=/etc/exit; bash -c d",
        "BASH_ENV=/etc/exit; export BASH_ENV; sudo bash -c d",
        "set -u; read X; echo ${X:-}; d",
        "kill -0 $$; d",
        "kill -CONT $$; d",
        "kill $!; d",
        "ulimit -n 1024; ulimit -c 0; ulimit -v unlimited; d",
        "find /etc/passwd -name x && d",
        "find . -name x && d",
        "taskset -c 0-3 d",
        "taskset -c 0,2 d",
        "taskset 0x3 d",
        "timeout -s KILL -k 5 1h d",
        "timeout --signal=SIGTERM 1h d",
        "timeout -s 9 5m d",
        "nice -n 5 timeout -k 30s 2h d",
        "f() { local x=1; d; }; f",
        "x=$((10 + 8)); y=$((x * 2)); d",
        "x=$((10#$(date +%H) + 1)); d",
        "x=$(( $(date +%s) - 80 )); d",
        "cd ~ && d",
        'export "X=a"; [ $X = a ] && d',
        "cd /etc/dir; cd .. && d",
        "cd /etc/../etc/dir && d",
        "cd /etc && cd dir && d",
        'run() { "$@"; }; run d',
        'run() { echo "+ $*"; "$@"; }; run nice d',
        'retry() { for i in 1 2; do "$@" && return 0; done; }; retry d',
        '[ "$EUID" -ne 0 ] && exit 1; d',
        "exec 9>/etc/passwd; flock -n 9; d",
        "sh -c '[ $1 = a ] && d' _ a",
        "X=a; eval X=b; [ $X = b ] && d",
        "X=a; Y=b; export X=$Y; [ $X = b ] && d",
    ],
)
def test_what_dash_gets_to_is_reached(line: str):
    texts = {
        "/etc/bashrc": "case $- in\n*i*) ;;\n*) return;;\nesac\n",
        "/etc/on": "E=true\nA=1\nrun() { d; }\n",
    }
    assert reached(line, texts=texts) is True


@pytest.mark.parametrize(
    "line",
    [
        "mkdir /etc/dir && d",
        "mkdir /etc/dir || exit 1; d",
        ": ${X:?no}; d",
        "set -u; : $X; d",
        "set -o nounset; echo ${#X}; d",
        "sh -u -c 'echo $X; d'",
        "set -e; mount | grep -q /mnt/nas; d",
        "su odd -c d",
        "set -u; echo $HOSTNAME; d",
        "set -u; echo $RANDOM; d",
        "X=a; sh -c '[ $X = a ] && d'",
        "X=a; export X; sudo sh -c '[ $X = a ] && d'",
        "X=a; read X; [ $X = a ] && d",
        "X=a; export X=$(cat /etc/passwd); [ $X = a ] && d",
        "X=a; unset X; [ $X = a ] && d",
        "set -- a; sh -c '[ $1 = a ] && d'",
        "kill $$; d",
        "kill -9 $$; d",
        "kill 0; d",
        "kill -- -$$; d",
        "ulimit -v 1; d",
        "ulimit -Sn 3; d",
        "ls /mnt/*.marker && d",
        "umount /etc/dir && d",
        "taskset -c 99 d",
        "taskset 0x2 d",
        "bash -r -c d",
        "x=$(( $(date +%H) + 1 )); d",
        "CDPATH=/etc; cd dir && d",
        "CDPATH=/etc cd dir && d",
        '[ -f /etc/asked ] && P=1; [ -z "$P" ] && d',
        'while getopts n o; do N=1; done; [ -n "$N" ] && exit; d',
        "sleep infinity; d",
        "$UNSET || exit; d",
        'f() { [ -n "$U" ] && return; [ -n "$V" ] && exit; }; f; d',
    ],
)
def test_what_depends_on_something_that_is_not_known_is_unknown(line: str):
    assert reached(line) is None


def test_behind_a_file_that_cannot_be_parsed_it_is_unknown_what_is_reached():
    """Dash ends the script there (`. FILE; echo d` prints nothing), and another file may only be too odd for us."""
    assert reached(". /etc/odd; d", texts={"/etc/odd": "if [ x\n"}) is None


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("[ a == a ] && d", True),
        ("[[ vm == v* ]] && d", True),
        ("[[ vm == x* ]] && d", False),
        ("shift; d", True),
        ("set -o foo; d", True),
        ("a=(1 2); x=${a[0]} y=${x//b/c}; d", True),
        ("d >& /nodir/x", False),
        (": > /nodir/x; d", True),
        ("bash -euo pipefail -c d", True),
        ("d &>> /nodir/x", False),
        ("d &> /nodir/x", False),
        ("d &> /dev/null && d", True),
        ("bash -o pipefail -c d", True),
        ("((1)) && d", True),
        ("((0)) && d", False),
        ("set -e; ((n++)); d", None),
        ("set -u; echo $HOSTNAME $RANDOM; d", True),
        ("set -u; echo ${X:0:3}; d", None),
        ("set -u; declare X; echo $X; d", None),
        ("declare X=a; [ $X = a ] && d", True),
        ("f() { d; }; export -f f; bash -c f", True),
        ("f() { d; }; bash -c f", False),
        ("( d ) 200>/etc/passwd", True),
        ("exec -a foo d", True),
        ("readonly X=1; X=2; d", None),
        ("local x=1; d", True),
        ("x=$((08)); d", None),
        ("x=$((i++)); d", True),
        ("shopt -s failglob; d", None),
        ("shopt -s nullglob; d", True),
        ("trap exit DEBUG; d", None),
        ("trap 'echo failed' ERR; d", True),
        ("set -e; let x=0; d", None),
        ("for ((i=0;i<2;i++)); do :; done; d", True),
        ("( (d) )", True),
    ],
)
def test_bash_takes_what_dash_does_not(line: str, outcome: bool | None):
    assert reached(line, "bash") is outcome


def test_a_function_that_was_unset_is_none():
    assert "d" not in [command.name for command in executed_commands("f() { d; }; unset -f f; f")]


def test_su_of_an_ordinary_user_asks_for_a_password():
    assert reached("su root -c d", user=OPS) is False
    assert reached("su ops -c d") is True
    assert reached("sudo d", user=OPS) is None


def test_a_shell_that_su_starts_is_not_that_of_the_line():
    assert reached("su root -s /bin/bash -c '[[ x ]] && d'") is True
    assert reached("su - ops -c '[[ x ]] && d'") is True


def test_a_lock_is_found_before_a_script_of_flock():
    around = Surroundings(ROOT, host="vm", shell="dash", paths={"/etc/held": PathState(THERE.components, "k")})
    [_, found] = [*executed_commands("true; flock -n /etc/held -c d", Context(around=around))]
    assert found.reach.value is None


@pytest.mark.parametrize(
    ("inside", "outcome"),
    [
        ("backup", True),
        ("nice -n 5 backup", True),
        ("env X=1 backup", True),
        ("su postgres -c backup", True),
        ("sh -c 'exec backup'", True),
        ("sh -c 'backup >> /proc/1/fd/1 2>&1'", True),
        ("bash -c 'cd /code && . ./env && backup'", True),
        ("sh -c 'false && backup'", False),
        ("sh -c 'exit 0; backup'", False),
        ("sh -c 'true || backup'", False),
        ("sh -c 'if false; then backup; fi'", False),
        ("sh -ec 'false; backup'", False),
        ("sh -c 'f() { backup; }; true'", False),
        ("sh -nc backup", False),
        ("sh -c 'test -f /etc/on && backup'", None),
        ("sh -c 'pg_isready && backup'", None),
    ],
)
def test_a_script_in_a_container_is_followed_too(inside: str, outcome: bool | None):
    [run] = docker_executions(f"docker exec db {inside}")
    assert run.runs(["backup"])
    assert run.reach_of(["backup"]).value is outcome


def test_a_file_of_variables_that_is_missing_ends_docker():
    around = Surroundings(ROOT, shell="dash", paths=PATHS)
    options = {"/etc/nope": False, "/etc/passwd": True}
    for path, outcome in options.items():
        [run] = docker_executions(f"docker exec --env-file {path} db backup", Context(around=around))
        assert run.reach_of(["backup"]).value is outcome


@pytest.mark.parametrize(
    ("options", "terminal"), [("-it", True), ("-it=false", False), ("-i --tty=0", False), ("-it=true", True)]
)
def test_a_terminal_that_is_switched_off_is_none(options: str, terminal: bool):
    [run] = docker_executions(f"docker exec {options} db backup")
    assert run.terminal is terminal
