"""The command line: `remediate` looks and shows the plan, `remediate --fix` does it."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click

from fleetkeeper.errors import UsageError
from remediate.exits import MEANINGS, Changes, Exit, honest
from remediate.journal import Unwritable
from remediate.output import Unsaid, flushed

C = TypeVar("C", bound=Callable[..., Any])
CODES = "\b\nExit codes, the first that applies in the order 130, 2, 5, 3, 4, 1, 0:\n" + "\n".join(
    f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()
)


def options(*decorators: Callable[[C], C]) -> Callable[[C], C]:
    """Several click options as one decorator."""

    def all_of(command: C) -> C:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return all_of


STATE = click.option(
    "--state", type=click.Path(path_type=Path), help="State directory (default: $FLEETKEEPER_STATE, else XDG's)."
)


def inventories(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of inventories, for a shell that completes them."""
    from fleetkeeper.inventory.search import available

    return sorted(name for name in available() if name.startswith(begun))


def rules(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Ids of rules, for a shell that completes them."""
    from fleetkeeper.topics.registry import RULES

    return [rule for rule in RULES if rule.startswith(begun)]


WHERE = click.option(
    "--hosts",
    metavar="NAME",
    shell_complete=inventories,
    help="Inventory: a name or a path (default: the last audited).",
)
CONSENT = options(
    click.option("--yes", is_flag=True, help="Agree to what disturbs nothing, without asking; needs --hosts."),
    click.option("--allow", multiple=True, metavar="KINDS", help="Agree to restart, delete, ownership (with commas)."),
)
OUTPUT = options(
    click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output."),
    click.option("--quiet", is_flag=True, help="No progress."),
)


class Commands(click.Group):
    """Our commands, and those that live in files of their own, which are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *OWN_FILES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN_FILES:
            found: click.Command = getattr(import_module(OWN_FILES[cmd_name]), cmd_name)
            return found
        return super().get_command(ctx, cmd_name)


OWN_FILES = {
    "backups": "remediate.commands.backups",
    "certificates": "remediate.commands.certificates",
    "init": "remediate.commands.init.command",
    "leave": "remediate.commands.leave",
    "sudoers": "remediate.commands.sudoers",
    "trust": "remediate.commands.trust",
    "waive": "remediate.commands.waive",
}
"""The module of each command that lives in a file of its own: a click command or group called like the key."""


@click.group(
    cls=Commands, invoke_without_command=True, epilog=CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@WHERE
@click.option(
    "--only",
    multiple=True,
    metavar="RULE",
    shell_complete=rules,
    help="Only this rule: an id, a topic or a glob (repeatable).",
)
@click.option("--limit", multiple=True, metavar="NODE", help="Judge and change only this node; all are looked at.")
@click.option("--fix", is_flag=True, help="Apply the plan; without it, it is only shown.")
@CONSENT
@click.option("--max-changes", type=click.IntRange(min=1), help="Do nothing at all if the plan makes more changes.")
@click.option("--max-fail", type=click.IntRange(min=1), help="Stop after that many remedies have failed.")
@click.option("--again", is_flag=True, help="Plan also what was tried before and rolled back.")
@click.option("--replay", type=click.Path(path_type=Path), help="Plan from a saved look (never with --fix).")
@OUTPUT
@STATE
@click.version_option(package_name="fleetkeeper", prog_name="remediate")
@click.pass_context
def cli(context: click.Context, /, **given: Any) -> None:
    """Look at the servers and show what would be done about each failed promise; with --fix, do it."""
    context.obj = given
    if context.invoked_subcommand is None:
        from remediate.commands.fix import Call, remediate  # --help must not wait for the imports

        sys.exit(remediate(Call(**given)))


@cli.command()
@click.argument("run", required=False)
@STATE
@click.pass_context
def log(context: click.Context, run: str | None, state: Path | None) -> None:
    """Show the latest runs, or all of one RUN (its id, the beginning of it, or "last")."""
    from remediate.commands.run_log import show_log

    show_log(run, state or context.obj["state"])


@cli.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@STATE
@click.pass_context
def undo(context: click.Context, run: str, yes: bool, state: Path | None) -> None:
    """Show how the changes of a RUN (or "last") are undone, and undo them."""
    from remediate.commands.run_log import undo_run

    sys.exit(undo_run(run, state or context.obj["state"], yes=yes or context.obj["yes"]))


@cli.command()
@click.argument("rule", shell_complete=rules)
@WHERE
@click.pass_context
def explain(context: click.Context, rule: str, hosts: str | None) -> None:
    """Say what a RULE promises, why it matters, how it is judged, and what its remedy does."""
    from remediate.commands.explain import explain_rule

    click.echo(explain_rule(rule, hosts or context.obj["hosts"]))


def main() -> NoReturn:
    """The `remediate` program."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    sys.exit(called(lambda: cli.main(prog_name="remediate", standalone_mode=False)))


def called(work: Callable[[], object]) -> int:
    """Do it; errors become a message with a hint, and an exit code that is true of what was changed by then."""
    Changes.begun, Unsaid.why = False, ""
    code = honest(Exit(outcome_of(work)))
    flushed(sys.stdout)
    if Unsaid.why:
        complain(Unsaid.why)
    return Exit.REMEDY_FAILED if Unsaid.why and code is Exit.NOTHING_LEFT else code


def outcome_of(work: Callable[[], object]) -> int:
    """The exit code of a command, or of the error that ended it."""
    try:
        status = status_of(work)
        return status if isinstance(status, int) else Exit.NOTHING_LEFT
    except click.ClickException as why:
        told(why.show)
        return Exit.USAGE
    except UsageError as why:
        complain(str(why))
        return Exit.USAGE
    except (OSError, sqlite3.Error, Unwritable) as why:
        complain(f"{why}\n  hint: the state directory must be writable; --state names another one")
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return Exit.INTERRUPTED
    except Exception:  # noqa: BLE001  # a bug must not pass for "findings remain"
        told(traceback.print_exc)
        complain("this is a bug in fleetkeeper\n  hint: `remediate log last` says what had been done until then")
        return Exit.REMEDY_FAILED


def status_of(work: Callable[[], object]) -> object:
    """What a command returns, or exits with."""
    try:
        return work()
    except SystemExit as end:
        return end.code


def complain(text: str) -> None:
    told(lambda: click.echo(f"error: {text}", err=True))


def told(tell: Callable[[], object]) -> None:
    """Say it on standard error, if anybody is there: that nobody is must not change how this ends."""
    with suppress(OSError):
        tell()


def interrupted(number: int, frame: FrameType | None) -> None:
    """A polite end: like Ctrl-C, so that locks are let go and the journal is closed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    os.umask(0o077)
    main()
