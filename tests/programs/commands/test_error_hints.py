"""What a command advises about an error of a file: the state directory only where that is what failed, or may be."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetkeeper import state
from fleetkeeper.commands.program import exit_code_of
from fleetkeeper.exit_codes import Exit

ADVICE = "--state names another"
Fail = Callable[[Path], object]


def raise_error(number: int, *names: str | bytes | int) -> None:
    raise OSError(number, os.strerror(number), *names)


def fail_with(why: Exception) -> None:
    raise why


def use_then(fail: Fail) -> Fail:
    return lambda folder: (state.directory(folder / "state"), fail(folder))


FAILURES: dict[str, tuple[Fail, bool]] = {
    "its parent is a file": (lambda folder: state.directory(folder / "file" / "state"), True),
    "a file in it": (use_then(lambda folder: raise_error(errno.EACCES, str(folder / "state" / "x"))), True),
    "the journal": (use_then(lambda folder: fail_with(state.Unwritable(folder, OSError("full")))), True),
    "a database": (use_then(lambda _: fail_with(sqlite3.OperationalError("disk I/O error"))), True),
    "a full disk": (use_then(lambda _: raise_error(errno.ENOSPC)), True),
    "a full disk elsewhere": (use_then(lambda folder: raise_error(errno.ENOSPC, str(folder / "copy"))), False),
    "an inventory": (use_then(lambda folder: raise_error(errno.ENOENT, str(folder / "fleet.yml"))), False),
    "a key file": (use_then(lambda folder: raise_error(errno.EACCES, os.fsencode(folder / "id_ed25519"))), False),
    "a number": (use_then(lambda _: raise_error(errno.EBADF, 7)), False),
    "a connection": (use_then(lambda _: fail_with(ConnectionResetError(errno.ECONNRESET, "reset by peer"))), False),
    "a file before any state": (lambda folder: raise_error(errno.ENOENT, str(folder / "state" / "x")), False),
}


@pytest.mark.parametrize("what", FAILURES)
def test_the_state_directory_is_blamed_only_where_it_failed(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    fail, blamed = FAILURES[what]
    assert exit_code_of(lambda: fail(tmp_path)) == Exit.USAGE
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert (ADVICE in said) is blamed
    assert ("hint: " in said) is blamed
