"""Whether a script can be started: by its own path, by an interpreter, by run-parts or by systemd.

Source: execve(2), run-parts(8); tried with Debian's cron. A script without `#!` is run by the shell that finds the
kernel refusing it; run-parts and systemd do not do so.
"""

from __future__ import annotations

import re
from typing import Literal

from fleetkeeper.readers.cron.snapshot import SnapshotFile
from fleetkeeper.readers.shell.surroundings import Component, Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.wrappers import SHELLS

Starter = Literal["shell", "interpreter", "run-parts", "systemd"]
FIRST_LINE = re.compile(rb"#![ \t]*(?P<program>[^ \t\r\n]*)[ \t]*(?P<argument>[^\r\n]*)(?P<carriage>\r?)")


def interpreter_of(content: bytes) -> tuple[str, str]:
    """The interpreter in a script's first line, and the program that `env` finds for it, or "".

    >>> interpreter_of(b"#!/usr/bin/env -S bash -e\\n"), interpreter_of(b"echo")
    (('/usr/bin/env', 'bash'), ('', ''))
    """
    match = FIRST_LINE.match(content)
    if match is None:
        return "", ""
    program = match["program"].decode("utf-8", "replace")
    words = [word for word in match["argument"].decode("utf-8", "replace").split() if not word.startswith("-")]
    found = next((word for word in words if "=" not in word), "")
    return program, found if program.rpartition("/")[2] == "env" else ""


def shell_of(content: bytes) -> str:
    """The shell that reads a script: its interpreter, or /bin/sh without one."""
    program, found = interpreter_of(content)
    return found or program or "/bin/sh"


def can_start(file: SnapshotFile, starter: Starter, around: Surroundings, path: str) -> Truth:
    """Whether a script can be started. `path` is the PATH in which `env` looks for the interpreter.

    By its mode, its `#!` line and the interpreter there. Always YES behind an interpreter, which reads the file itself.
    None as its value where the rights cannot be told.
    """
    if starter == "interpreter":
        return YES
    permitted = may_start(file, around)
    if permitted.value is not True:
        return permitted
    match = FIRST_LINE.match(file.content)
    if match is None:
        foreign = starter in ("run-parts", "systemd")
        return Truth(False, f"{file.path} has no #! line, so {starter} cannot start it") if foreign else YES
    if match["carriage"]:
        return Truth(
            False, f"the first line of {file.path} ends with a carriage return, so its interpreter is not found"
        )
    return interpreter_there(file, around, path)


def may_start(file: SnapshotFile, around: Surroundings) -> Truth:
    """Whether the user may execute a script, and its interpreter read it; YES for a user who is not known."""
    user = around.user
    if user is None:
        return YES
    if not Component(file.owner, -1, 0x8000 | file.mode).allows(user, 1):
        if user.uid in (0, file.owner) or not file.mode & 0o111:
            return Truth(False, f"{file.path} is not executable")
        if not file.mode & 0o001:
            return Truth(None, f"whether {around.account} may execute {file.path} cannot be told")
    if file.mode & 0o007 == 0o001 and user.uid not in (0, file.owner):
        return Truth(None, f"whether {around.account} may read {file.path}, as its interpreter must, cannot be told")
    return YES


def interpreter_there(file: SnapshotFile, around: Surroundings, path: str) -> Truth:
    """Whether the interpreter of a script exists: YES also where that is not known, or was not asked yet.

    Else a Truth of False with the reason. With `env`, the program that it finds in `path` must exist too.
    """
    program, found = interpreter_of(file.content)
    if program and not program.startswith("/"):
        return Truth(False, f"{file.path} names its interpreter without a whole path, `{program[:100]}`")
    result = YES if not program else around.finds(program, path)
    if found and result.value is not False:
        result = both(result, around.finds(found, path))
    if result.value is False:
        return Truth(False, f"the interpreter of {file.path}, `{(found or program)[:100]}`, is not there")
    return understood(file)


def understood(file: SnapshotFile) -> Truth:
    """Whether the interpreter of a script is a shell, and takes the options of its first line.

    Those are one argument, whatever blanks are in it. Not to be told for any other interpreter.
    """
    base = shell_of(file.content).rpartition("/")[2]
    match = FIRST_LINE.match(file.content)
    argument = match["argument"].decode("utf-8", "replace").strip() if match else ""
    if base not in SHELLS | {"ksh", "mksh", "busybox", "rbash"}:
        return Truth(None, f"what `{base[:40]}`, the interpreter of {file.path}, makes of it is not known here")
    if match and not match["program"].endswith(b"/env") and re.search(r"^-\w*n|^-[^-].*[ \t]", argument):
        return Truth(False, f"the first line of {file.path} has options with which its interpreter runs nothing")
    return YES
