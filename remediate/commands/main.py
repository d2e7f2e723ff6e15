"""The command line: `remediate` looks and shows the plan, `remediate --fix` does it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, complete_rules
from fleetkeeper.commands.program import HELP, CommandGroup, exit_code_lines, run_program
from fleetkeeper.exit_codes import Exit
from remediate.consent import WORDS, consent_help

C = TypeVar("C", bound=Callable[..., Any])
BUG_HINT = "`remediate log last` says what had been done until then"


def with_options(*decorators: Callable[[C], C]) -> Callable[[C], C]:
    """Several click options as one decorator; the help shows them in this order."""

    def all_of(command: C) -> C:
        """The command with every one of these options."""
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return all_of


CONSENT = with_options(
    click.option("--yes", is_flag=True, help="Agree to what disturbs nothing, without asking; needs --hosts."),
    click.option("--allow", multiple=True, metavar="KINDS", help=f"Agree to {', '.join(WORDS)} (with commas)."),
)
OUTPUT = with_options(
    click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output."),
    click.option("--quiet", is_flag=True, help="No progress."),
)


MODULES = {
    "backups": "remediate.commands.backups",
    "certificates": "remediate.commands.certificates",
    "errors": "remediate.commands.errors",
    "gpus": "remediate.commands.gpus",
    "leave": "remediate.commands.leave",
}


@click.group(
    cls=CommandGroup,
    modules=MODULES,
    invoke_without_command=True,
    epilog=f"{consent_help()}\n\n{exit_code_lines(tuple(Exit))}",
    context_settings=HELP,
)
@HOSTS
@click.option(
    "--only",
    multiple=True,
    metavar="RULE",
    shell_complete=complete_rules,
    help="Only this rule: an id, a topic or a glob (repeatable).",
)
@click.option("--limit", multiple=True, metavar="NODE", help="Judge and change only this node; all are looked at.")
@click.option("--fix", is_flag=True, help="Apply the plan; without it, it is only shown.")
@click.option(
    "--nightly", is_flag=True, help="Apply what `repairs` in the inventory lists; asks nothing; needs --hosts."
)
@CONSENT
@click.option("--max-changes", type=click.IntRange(min=1), help="Do nothing at all if the plan makes more changes.")
@click.option("--max-fail", type=click.IntRange(min=1), help="Stop after that many remedies have failed.")
@click.option("--again", is_flag=True, help="Plan also what was tried before and rolled back.")
@click.option("--replay", type=click.Path(path_type=Path), help="Plan from a saved look (never with --fix).")
@click.option("--print-patch", is_flag=True, help="Print what to change in the stack files, as a patch.")
@OUTPUT
@STATE
@click.version_option(package_name="fleetkeeper", prog_name="remediate")
@click.pass_context
def cli(context: click.Context, /, **given: Any) -> None:
    """Look at the servers and show what would be done about each failed promise; with --fix, do it."""
    context.obj = given
    if context.invoked_subcommand is None:
        from remediate.commands.fix import Call, remediate  # --help must not wait for the imports
        from remediate.commands.nightly import repair_nightly

        sys.exit(repair_nightly(Call(**given | {"nightly": True})) if given["nightly"] else remediate(Call(**given)))


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


def main() -> NoReturn:
    """The `remediate` program."""
    run_program(cli, "remediate", BUG_HINT)


if __name__ == "__main__":
    os.umask(0o077)
    main()
