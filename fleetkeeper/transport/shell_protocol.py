"""Shell text for a node's /bin/sh, and the frames around each answer: the only module that generates shell text.

A round trip is one script on the standard input of `/bin/sh` (so neither the login shell's quoting nor the kernel's
limit on arguments matters) and two byte streams back. After each command a random token, its number and its exit
status stand on standard output and on standard error; what comes before the first token (banners, noise of a
`.bashrc`) is dropped. POSIX sh, no temporary files, nothing but builtins besides the commands themselves.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from fleetkeeper.transport.audit_helper import HELPER
from fleetkeeper.transport.commands import Command, Sudo, Unobservable
from fleetkeeper.transport.script_files import load_script

TOKEN_BYTES = 16
KILL_AFTER = 5
"""Seconds between SIGTERM and SIGKILL for a command that is ended."""
REPAIRS = "`remediate --fix` asks sudo for everything: log in as somebody who gets it"
NOISE = 1 << 16
"""Bytes that are kept of a login shell's output before the first token."""
WHOLE, SPARE = 300, 15
"""Seconds that commands get together beyond the longest limit, at the most, and that their shell gets beyond that."""
TIMED_OUT = frozenset({124, 137})
"""Exit statuses of `timeout` when it ended a command: 124, or 128 + SIGKILL. See timeout(1)."""
STARTED = b"fleet-started\n"
FRAME = 16
"""Largest size in bytes of a frame beside its token; frames are no part of an answer."""

ENVIRONMENT = """\
LC_ALL=C PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
"""
"""Our folders are last on the PATH.

Docker's may be missing there (by sudo's secure_path): that must not look like no docker.
"""

UNDER_SUDO = f"""echo fleet-"started" >&2
{ENVIRONMENT}exec "$@"
"""
"""Prints a line that proves that sudo started the command: a refusal of sudo and exit status 1 look alike.

The quotes keep sudo, which repeats the command that it refuses, from printing that line itself.
"""

SHELL = "exec /bin/sh"
"""The command line for a login shell: sh, bash, csh and fish read such words alike."""


ANSWER = """\
f() {
echo "$m $i $c"; echo "$m $i $c" >&2
i=$((i + 1))
case $c in 124|137) exit 1 ;; esac
}
"""
"""Frames an answer.

After a command that had to be ended the shell ends too: processes that it left behind could still write, and must not
write into the next answer. A new shell runs the rest.
"""

RUN = f"""\
r() {{
s=$1 n=$2; shift 2
case $s$u in 20) s=1 ;; esac
if [ $s = 2 ]; then set -- sudo -n -- {HELPER} "$n" "$@"
elif [ $t = 1 ]; then set -- timeout -k {KILL_AFTER} "$n" "$@"; else set -- /bin/sh -c "$F" sh "$n" "$@"; fi
case $s$u in
[02]*) ;;
10) set -- /bin/sh -c "$S" sh "$@" ;;
*) set -- sudo -n -- /bin/sh -c "$S" sh "$@" ;;
esac
w "$@"
}}
e() {{
[ -n "$p" ] || {{ r 0 "$@"; return; }}
shift
exec "$@" </dev/null 3<&- &
wait $!; c=$?
f
}}
"""
"""Run one command: r under a limit of its own, e without, in a shell that ends with the `timeout` above it."""

WAITED = """\
w() {
"$@" </dev/null 3<&- &
wait $!; c=$? d=$!
f
}
"""
"""Run a command and frame its answer. A too large answer is ended from the reading side."""


PLAIN = "does its login shell (or a ForceCommand) use a terminal, trace, or join its two outputs?"


ABOVE = """\
p=
{ read -r p </proc/$PPID/comm; } 2>/dev/null
if [ "$p" = timeout ]; then p=$PPID; else p=; fi
"""
"""Sets $p to the number of the `timeout` above the shell, or to nothing.

A login shell that is a program of its own (ForceCommand) may start another shell than the requested one.
"""

TRY = 'if [ -n "$p" ] || timeout --version >/dev/null 2>&1; then t=1; else t=0; fi'
"""$t: whether there is a `timeout` that ends a command's children too. BusyBox's does not, and has no --version."""


@dataclass(frozen=True)
class Script:
    """The text to send for one round trip, and the token that frames the answers."""

    text: bytes
    token: bytes


def shell_for(commands: Sequence[Command]) -> str:
    """The command line that starts a shell for these commands under `timeout`, which ends it and all that it started.

    It is for the case that no process is left here that keeps the time. A `timeout` for each command would cost a node
    almost as much as the commands. There must be at least one command.

    >>> shell_for([Command(("id",)), Command(("df",))]), shell_for([Command(("gzip", "-t"), limit=600)] * 3)
    ('exec timeout --kill-after=5 75 /bin/sh', 'exec timeout --kill-after=5 915 /bin/sh')
    """
    limits = [command.limit for command in commands]
    seconds = ceil(min(sum(limits), max(limits) + WHOLE)) + SPARE
    return f"exec timeout --kill-after={KILL_AFTER} {seconds} /bin/sh"


def render_script(commands: Sequence[Command], sudo: Sudo, heartbeat: bool = True) -> Script:
    """One shell script that runs all commands. `sudo` is what this account gets with `sudo -n`.

    The whole script is one compound command, so a shell that got only a part of it runs nothing.
    Without `heartbeat` it does not need its standard input (for connections that have none), and each command has
    limits of its own, of time and of bytes: nothing on this side can end it.

    Raises Unobservable for words that no command line can carry.
    """
    token = secrets.token_hex(TOKEN_BYTES)
    root = sudo and any(command.sudo for command in commands)
    lines = [
        "{",
        "set +eux",  # a login shell may hand its options on: a trace would hold the tokens
        f"a={sudo if sudo == 'audit' else ''}",
        *(
            (ABOVE.rstrip(), load_script("fleetkeeper/transport/scripts/heartbeat.sh").rstrip())
            if heartbeat
            else ("p= w=",)
        ),
        ENVIRONMENT.rstrip(),
        f"m={token} i=0 u={'$(id -u)' if root else ''}",
        f"S={shlex.quote(UNDER_SUDO)}",
        "F=" + shlex.quote(load_script("fleetkeeper/transport/scripts/run_with_limit.sh")),
        ANSWER.rstrip(),
        TRY,
        (WAITED if heartbeat else load_script("fleetkeeper/transport/scripts/run_cut_short.sh")).rstrip(),
        RUN.rstrip(),
        'echo "$m begin"; echo "$m begin" >&2',
        *(call_line(command, sudo) if heartbeat else cut_line(command, sudo) for command in commands),
        '[ -z "$w" ] || kill $w; exit 0',
        "}\n",
    ]
    return Script("\n".join(lines).encode("utf-8", "surrogateescape"), token.encode())


def call_line(command: Command, sudo: Sudo) -> str:
    r"""The line that runs one command: `e` as the account, `r 1` as root, `r 2` as root through the helper.

    Then its limit in whole seconds, and its words. Raises Unobservable for words that no command line can carry.

    >>> call_line(Command(("ls", "-l", "a b;$(c)"), sudo=True, limit=2.5), sudo=True)
    "r 1 3 ls -l 'a b;$(c)'"
    """
    call = "e" if not as_root(command, sudo) else "r 2" if sudo == "audit" else "r 1"
    return f"{call} {max(1, ceil(command.limit))} {words_of(command.words)}"


def cut_line(command: Command, sudo: Sudo) -> str:
    """The line of `call_line`, with both outputs cut on the node a little beyond the command's `most` bytes.

    Raises Unobservable as that does.
    """
    return f"b={command.most + len(STARTED) + 1}; {call_line(command, sudo)}"


def as_root(command: Command, sudo: Sudo) -> bool:
    """Whether the command runs through sudo.

    Then it always has a limit on the node: we may not end a process of root.
    """
    return command.sudo and bool(sudo)


def words_of(words: Sequence[str]) -> str:
    """The words, quoted for the shell. Raises Unobservable for no words at all, and for a NUL byte."""
    if not words or not words[0]:
        raise Unobservable("there is no command to run")
    if any("\0" in word for word in words):
        raise Unobservable(f"a name with a NUL byte cannot be given to `{words[0]}`")
    return shlex.join(words)


def render_stream(words: Sequence[str], sudo: Sudo) -> Script:
    """A script that prints its token and becomes one command, which reads the rest of standard input.

    Raises Unobservable for an account with `sudo: audit`, and for words that no command line can carry.
    """
    if sudo == "audit":
        raise Unobservable("this account may only look (`sudo: audit`)", hint=REPAIRS)
    token = secrets.token_hex(TOKEN_BYTES)
    start = f'echo {token}; LC_ALL=C; export LC_ALL; exec "$@"'
    lines = ["{", ENVIRONMENT.rstrip(), f"set -- /bin/sh -c {shlex.quote(start)} sh {words_of(words)}"]
    if sudo:
        lines.append('[ "$(id -u)" = 0 ] || set -- sudo -n -- "$@"')
    return Script("\n".join([*lines, 'exec "$@"', "}\n"]).encode("utf-8", "surrogateescape"), token.encode())
