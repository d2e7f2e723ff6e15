"""The command line `fleetkeeper`: one command for each way to look and report."""

from __future__ import annotations

import os
from typing import NoReturn

import click

from fleetkeeper.commands.program import HELP, CommandGroup, exit_code_lines, run_program
from fleetkeeper.exit_codes import Exit

MODULES = {
    "cis": "fleetkeeper.commands.cis",
    "explain": "fleetkeeper.commands.explain",
    "facts": "fleetkeeper.commands.show_facts",
    "history": "fleetkeeper.commands.show_history",
    "init": "fleetkeeper.commands.init.command",
    "owners": "fleetkeeper.commands.show_owners",
    "report": "fleetkeeper.commands.report",
    "sentry": "fleetkeeper.commands.sentry_trial",
    "stack": "fleetkeeper.commands.stack",
    "sudoers": "fleetkeeper.commands.sudoers",
    "trust": "fleetkeeper.commands.trust",
    "waive": "fleetkeeper.commands.waive",
    "where": "fleetkeeper.commands.where",
}
CODES = (
    Exit.NOTHING_LEFT,
    Exit.FINDINGS_REMAIN,
    Exit.USAGE,
    Exit.REMEDY_FAILED,
    Exit.NOT_ALL_SEEN,
    Exit.INTERRUPTED,
)


@click.group(cls=CommandGroup, modules=MODULES, epilog=exit_code_lines(CODES), context_settings=HELP)
@click.version_option(package_name="fleetkeeper", prog_name="fleetkeeper")
def cli() -> None:
    """Look at servers, and say what is there: nothing here changes one. `pytest --hosts=NAME` audits them, and
    `remediate` changes them.
    """


def main() -> NoReturn:
    """Run the `fleetkeeper` program, and exit."""
    run_program(cli, "fleetkeeper", "please report it, with what is printed above")


if __name__ == "__main__":
    os.umask(0o077)
    main()
