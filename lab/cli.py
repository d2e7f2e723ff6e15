"""The lab's commands. Exit codes: 0 done, 1 it failed or is down, 2 asked for what does not exist, 130 interrupted."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

import click

from lab import base, bringup, faults, nodes
from lab import demo as play
from lab import engine as engines
from lab import status as statuses
from lab.engine import Engine
from lab.names import NODES
from lab.shell import LabError, say, step

P = ParamSpec("P")
FAULT = click.Choice(list(faults.FAULTS))


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a `LabError` into two lines and exit code 1, an interruption into exit code 130."""

    @wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except LabError as error:
            say(f"error: {error}")
            if error.hint:
                say(f"hint: {error.hint}")
            sys.exit(1)
        except KeyboardInterrupt:
            say("interrupted; the next `python -m lab up` begins anew, `python -m lab down` clears up")
            sys.exit(130)

    return inner


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A miniature production on this machine: three nodes in a swarm, to look at, break and repair."""


@main.command()
@click.option("--broken", is_flag=True, help=f"Then break it as the demo does: {', '.join(faults.DEMO)}.")
@click.option("--break", "names", default="", metavar="NAME,...", help="Then break it so.")
@told
def up(broken: bool, names: str) -> None:
    """Bring the lab up; nothing happens to one that is up."""
    expected = [*(faults.DEMO if broken else ()), *filter(None, names.split(","))]
    if unknown := set(expected) - set(faults.FAULTS):
        raise click.BadParameter(f"no fault {', '.join(sorted(unknown))}; there are {', '.join(faults.FAULTS)}")
    with bringup.one_at_a_time():
        engine = bringup.up()
        break_all(engine, expected)
    say("the lab is up; look around with `python -m lab status` and `python -m lab ssh vgpu`")


@main.command()
@click.option("--purge", is_flag=True, help="Remove images and disks from the cache too: the next start is a cold one.")
@told
def down(purge: bool) -> None:
    """Take the lab down, from whichever clone it was brought up; images stay in the cache."""
    with bringup.one_at_a_time(), step("taking the lab down"):
        bringup.down(purge)


@main.command()
@told
def status() -> None:
    """Show machines, services and faults; exit code 1 when the lab is not up."""
    seen = statuses.look_at_lab()
    click.echo("\n".join(seen.lines))
    sys.exit(0 if seen.up else 1)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("node", type=click.Choice([node.name for node in NODES]))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@told
def ssh(node: str, command: tuple[str, ...]) -> None:
    """Log in to NODE as ops, or run COMMAND there."""
    bringup.require_lab()
    if not shutil.which("ssh"):
        raise LabError("OpenSSH's `ssh` is not installed", "install openssh-client")
    words = nodes.ssh_words(next(item for item in NODES if item.name == node))
    os.execvp("ssh", [*words, *command])  # noqa: S606 - this process becomes ssh, terminal and all


@main.command("break")
@click.argument("names", nargs=-1, required=True, type=FAULT, metavar="NAME...")
@told
def break_command(names: tuple[str, ...]) -> None:
    """Break the lab in one way or more; `python -m lab faults` lists them."""
    with bringup.one_at_a_time():
        break_all(bringup.require_lab(), names)


@main.command()
@click.argument("names", nargs=-1, type=FAULT, metavar="[NAME...]")
@told
def mend(names: tuple[str, ...]) -> None:
    """Undo faults; without names, all that were made."""
    with bringup.one_at_a_time():
        engine = bringup.require_lab()
        for name in names or reversed(faults.broken()):
            with step(f"mending {name}"):
                faults.mend(engine, name)


@main.command("faults")
def list_faults() -> None:
    """List what can be broken; a star marks what is."""
    broken = faults.broken()
    for name, fault in faults.FAULTS.items():
        click.echo(f"{'*' if name in broken else ' '} {name:<30} {fault.description}")


@main.command()
@told
def demo() -> None:
    """Break the lab in five ways, audit it, repair it with `remediate`, and audit it again."""
    play.run()


@main.command()
@told
def engine() -> None:
    """Make sure of a Docker engine and of the base image; say where the engine listens."""
    with bringup.one_at_a_time():
        buildkit = engines.with_buildkit(engines.ensure_engine())
        base.ensure_base(buildkit)
    engines.describe_engine(buildkit)


def break_all(engine: Engine, names: Iterable[str]) -> None:
    for name in names:
        with step(f"breaking {name}"):
            faults.break_(engine, name)
