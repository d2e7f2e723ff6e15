"""Lines on a terminal: colours where it has them, plain text elsewhere (NO_COLOR, pipes).

Whoever made a line has put what a server said on one line; here, at the last door, nothing passes that does not show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import click
from rich.console import Console
from rich.text import Text

from fleetkeeper.output import given_up
from fleetkeeper.untrusted import json_document, printable_text
from remediate.render.plan_text import Line

STYLES = {
    "title": "bold",
    "head": "bold cyan",
    "label": "",
    "step": "bold",
    "added": "green",
    "removed": "red",
    "faint": "dim",
    "loud": "yellow",
    "good": "green",
    "bad": "bold red",
}


class Door(Console):
    """A console that loses its reader, or its disk, without ending anything else."""

    def on_broken_pipe(self) -> NoReturn:
        """Instead of rich's own, which ends the program in the middle of a change."""
        raise BrokenPipeError

    def put(self, text: str, style: str = "") -> None:
        """One line; nothing more after one that could not be written."""
        if self.quiet:
            return
        try:
            self.print(Text(printable_text(text), style=style))
        except OSError as why:
            self.quiet = True
            given_up(self.file, why, matters=not self.stderr)


class Screen:
    """Where a person reads. `quiet` leaves only what went wrong and the last line; errors go to standard error."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet, self.json = quiet, json
        self.out = Door(highlight=False, markup=False, soft_wrap=True, emoji=False)
        self.err = Door(highlight=False, markup=False, soft_wrap=True, emoji=False, stderr=True)

    def lines(self, lines: Iterable[Line]) -> None:
        """Show lines, unless standard output belongs to a JSON document."""
        for line in lines:
            if not self.json:
                self.out.put(line.text, STYLES.get(line.style, ""))

    def document(self, text: object) -> None:
        """One JSON document on standard output."""
        try:
            click.echo(json_document(text))
        except OSError as why:
            given_up(self.out.file, why, matters=True)

    def say(self, text: str) -> None:
        """Progress: for whoever waits, never in the way of a document."""
        if not self.quiet:
            self.err.put(text, "dim")

    def error(self, text: str, hint: str = "") -> None:
        self.err.put(f"error: {text}", "bold red")
        if hint:
            self.err.put(f"  hint: {hint}")

    def note(self, text: str) -> None:
        """Something that a person should know even under --quiet."""
        self.err.put(text, "yellow")
