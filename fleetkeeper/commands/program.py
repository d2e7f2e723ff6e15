"""What both programs do with a command: run it, and turn its result or error into a message and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import MEANINGS, PRECEDENCE, Changes, Exit, admit_changes
from fleetkeeper.output import Unsaid, flush_stdout
from fleetkeeper.state import Unwritable, Used

HELP = {"help_option_names": ["-h", "--help"]}
BUG = "this is a bug in fleetkeeper"


class CommandGroup(click.Group):
    """A click group whose commands are in modules of their own, which are imported when they are needed.

    `modules` has the module of each by command name; the click command in the module has the same name.
    """

    def __init__(self, *args: Any, modules: dict[str, str], **more: Any) -> None:
        """`modules` are the modules of commands by name, which are imported when they are needed."""
        super().__init__(*args, **more)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted([*super().list_commands(ctx), *self.modules])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, whose module is imported now; None without one.

        That is one of `modules`, else one that click knows.
        """
        if cmd_name in self.modules:
            command: click.Command = getattr(import_module(self.modules[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


def exit_code_lines(codes: Sequence[Exit]) -> str:
    """The end of a program's --help: its exit codes, and in which order they take precedence."""
    order = ", ".join(str(code.value) for code in PRECEDENCE if code in codes)
    rows = [f"  {code.value:>3}  {MEANINGS[code]}" for code in codes]
    return "\n".join([f"\b\nExit codes, the first that applies in the order {order}:", *rows])


def run_program(cli: click.Group, name: str, bug_hint: str) -> NoReturn:
    """Run a command line, and exit with its exit code. SIGTERM and SIGHUP end it as Ctrl-C does.

    `bug_hint` is what to do about an unexpected error.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt_politely)
    sys.exit(exit_code_of(lambda: cli.main(prog_name=name, standalone_mode=False), bug_hint))


def exit_code_of(work: Callable[[], object], bug_hint: str = "") -> int:
    """Run a command; its exit code is the number that `work` returns or exits with, NOTHING_LEFT for anything else.

    An error is printed, with a hint where there is one, and has a code of its own; `bug_hint` is what to do about an
    unexpected one. The code is REMEDY_FAILED in place of a code that means "nothing was changed" when something may
    have been changed by then, and in place of NOTHING_LEFT when standard output could not be written.
    """
    Changes.begun, Unsaid.why, Used.path = False, "", None
    code = admit_changes(Exit(outcome_of(work, bug_hint)))
    flush_stdout(sys.stdout)
    if Unsaid.why:
        write_error(Unsaid.why)
    return Exit.REMEDY_FAILED if Unsaid.why and code is Exit.NOTHING_LEFT else code


def outcome_of(work: Callable[[], object], bug_hint: str) -> int:
    """The exit code that a command returns, or that belongs to the error that ended it, which is printed.

    NOTHING_LEFT for a command that returns no number. Any exception is answered, none goes through.
    """
    try:
        status = status_of(work)
        return status if isinstance(status, int) else Exit.NOTHING_LEFT
    except click.ClickException as why:
        write_stderr(why.show)
        return Exit.USAGE
    except UsageError as why:
        write_error(str(why))
        return Exit.USAGE
    except (OSError, sqlite3.Error, Unwritable) as why:
        hint = hint_about(why)
        write_error(f"{why}\n  hint: {hint}" if hint else str(why))
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        write_error("interrupted")
        return Exit.INTERRUPTED
    except Exception:  # noqa: BLE001  # a bug must not pass for "findings remain"
        write_stderr(traceback.print_exc)
        write_error(f"{BUG}\n  hint: {bug_hint}" if bug_hint else BUG)
        return Exit.REMEDY_FAILED


def hint_about(why: Exception) -> str:
    """What to do about an error of a file: a sentence if it is, or may be, about the state directory; else ""."""
    if isinstance(why, Unwritable | sqlite3.Error) or any(map(is_of_state, files_of(why))):
        return "the state directory must be writable, and its disk not full; --state names another one"
    if isinstance(why, OSError) and why.errno in FULL and not files_of(why) and Used.path:
        return f"a disk of this machine is full: if it is that of {Used.path}, --state names another directory"
    return ""


FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def files_of(why: Exception) -> list[Path]:
    """The absolute paths of the files that an OSError names; empty for any other error, and for one without a name."""
    names = (why.filename, why.filename2) if isinstance(why, OSError) else ()
    return [Path(os.fsdecode(name)).absolute() for name in names if isinstance(name, str | bytes)]


def is_of_state(file: Path) -> bool:
    """Whether a file is in the state directory of this command, or is that directory or one above it."""
    return Used.path is not None and (file.is_relative_to(Used.path) or Used.path.is_relative_to(file))


def status_of(work: Callable[[], object]) -> object:
    """The value that a command returns, or the code of its SystemExit. Other exceptions go through."""
    try:
        return work()
    except SystemExit as end:
        return end.code


def write_error(text: str) -> None:
    """Print `error: TEXT` on standard error, if that can be written."""
    write_stderr(lambda: click.echo(f"error: {text}", err=True))


def write_stderr(write: Callable[[], object]) -> None:
    """Call a function that writes on standard error, ignoring OSError: a closed one must not change the exit code."""
    with suppress(OSError):
        write()


def interrupt_politely(number: int, frame: FrameType | None) -> None:
    """A signal handler that raises KeyboardInterrupt, as Ctrl-C does: locks are released, and the journal is closed."""
    raise KeyboardInterrupt
