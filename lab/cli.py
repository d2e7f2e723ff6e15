"""The lab's commands. Exit codes: 0 done, 1 it failed, 2 asked for something that does not exist, 130 interrupted."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from lab import base, engine as engines
from lab.shell import LabError, say

P = ParamSpec("P")


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a `LabError` into two lines and exit code 1."""

    @wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except LabError as error:
            say(f"error: {error}")
            if error.hint:
                say(f"hint: {error.hint}")
            sys.exit(1)

    return inner


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A miniature production on this machine: three nodes in a swarm, to look at, break and repair."""


@main.command()
@told
def engine() -> None:
    """Make sure of a Docker engine and of the base image; say where the engine listens."""
    found = engines.ensure()
    base.ensure(found)
    engines.describe(found)
