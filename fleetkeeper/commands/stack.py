"""`fleetkeeper stack FILE`: what is wrong with a stack or Compose file, without any server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from fleetkeeper.exit_codes import Exit
from fleetkeeper.topics.services.compose.declared import declared_project
from fleetkeeper.topics.services.compose.facts import DeclaredProject
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.topics.services.stacks.declared import declared_stack
from fleetkeeper.topics.services.stacks.facts import DeclaredStack
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--environment-file",
    "environment_files",
    multiple=True,
    metavar="FILE",
    help="A file of NAME=VALUE lines that is sourced before the stack is deployed; may be given several times.",
)
@click.option("--compose", is_flag=True, help="It is for `docker compose up`, not for `docker stack deploy`.")
@click.option("--strict", is_flag=True, help="Count warnings as findings.")
def stack(file: Path, environment_files: tuple[str, ...], compose: bool, strict: bool) -> None:
    """Say what is wrong with a stack FILE, with the line: what Docker passes over without a word, and what cannot work.

    No server is asked. Variables are taken from this environment and the environment files, as `docker stack deploy`
    would take them here; with `--compose` as `docker compose up` would, which reads `.env` beside the file too.
    Docker's own client, or Compose, if it is installed, says whether it takes the file. As in the audit, what is wrong
    counts before what could not be seen: exit code 1 where both are, 4 where nothing is wrong in what was seen.
    """
    entry = Stack(
        kind="compose" if compose else "swarm",
        node="here" if compose else None,
        file=str(file),
        environment_files=environment_files,
    )
    declared = (declared_project if compose else declared_stack)(("stack", entry), os.environ)
    for line in problem_lines(declared):
        click.echo(one_line(line))
    sys.exit(exit_code(declared, strict))


def problem_lines(declared: DeclaredStack | DeclaredProject) -> Iterator[str]:
    """A line for each problem, `FILE:LINE: WHAT; HINT`, and for each thing that could not be seen; or that all is well.

    Warnings are called so.
    """
    for problem in () if isinstance(declared.problems, Unobservable) else declared.problems:
        kind = "warning: " if problem.severity == "warning" else ""
        hint = f"; {problem.hint}" if problem.hint else ""
        yield f"{declared.file}:{problem.line}: {kind}{problem.what}{hint}"
    unknown = [part for part in (declared.problems, declared.services) if isinstance(part, Unobservable)]
    for why in dict.fromkeys(unknown):
        yield f"unknown: {why}" + (f" ({why.hint})" if why.hint else "")
    for at in unread_places(declared):
        yield f"unknown: {at}: the other file is not looked at"
    for path in declared.missing:
        yield f"note: {path} is not here; what it sets was not looked at"
    if not declared.problems and not unknown and not unread_places(declared):
        yield f"{declared.file}: nothing is wrong with it"


def unread_places(declared: DeclaredStack | DeclaredProject) -> tuple[str, ...]:
    """Where a Compose file takes something from another file; a stack file cannot."""
    return declared.unread if isinstance(declared, DeclaredProject) else ()


def exit_code(declared: DeclaredStack | DeclaredProject, strict: bool) -> Exit:
    """FINDINGS_REMAIN where something is wrong, NOT_ALL_SEEN where the file or Docker's answer could not be read.

    Warnings are wrong only when `strict`. FINDINGS_REMAIN where both hold, as a verdict has it: what is wrong is so
    whatever else was not seen. NOTHING_LEFT otherwise.
    """
    problems = () if isinstance(declared.problems, Unobservable) else declared.problems
    if any(strict or problem.severity == "error" for problem in problems):
        return Exit.FINDINGS_REMAIN
    unread = bool(unread_places(declared))
    unknown = unread or any(isinstance(part, Unobservable) for part in (declared.problems, declared.services))
    return Exit.NOT_ALL_SEEN if unknown else Exit.NOTHING_LEFT
