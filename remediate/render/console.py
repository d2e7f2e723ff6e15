"""Lines on a terminal: colours where it has them, plain text elsewhere (NO_COLOR, pipes).

Text of a server is put on one line where the line is made; here every character that does not show is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import click
from rich.console import Console
from rich.text import Text

from fleetkeeper.output import give_up
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
    """A console that goes quiet, and ends nothing else, when its reader is gone or its disk is full."""

    def on_broken_pipe(self) -> NoReturn:
        """Raises BrokenPipeError; rich's own would end the program in the middle of a change."""
        raise BrokenPipeError

    def put(self, text: str, style: str = "") -> None:
        """Print one line, made printable; nothing more after one that could not be written.

        That one is reported (`give_up`).
        """
        if self.quiet:
            return
        try:
            self.print(Text(printable_text(text), style=style))
        except OSError as why:
            self.quiet = True
            give_up(self.file, why, matters=not self.stderr)


class Screen:
    """Output for a person. `quiet` leaves only what went wrong and the last line; errors go to standard error.

    `json`: standard output belongs to one JSON document.
    """

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        """`quiet`: no progress; `json`: standard output gets one JSON document and nothing else."""
        self.quiet, self.json = quiet, json
        self.out = Door(highlight=False, markup=False, soft_wrap=True, emoji=False)
        self.err = Door(highlight=False, markup=False, soft_wrap=True, emoji=False, stderr=True)

    def lines(self, lines: Iterable[Line]) -> None:
        """Print lines on standard output, even when `quiet`; nothing when standard output is a JSON document."""
        for line in lines:
            if not self.json:
                self.out.put(line.text, STYLES.get(line.style, ""))

    def document(self, text: object) -> None:
        """Print one JSON document on standard output. Ends the program when that cannot be written."""
        try:
            click.echo(json_document(text))
        except OSError as why:
            give_up(self.out.file, why, matters=True)

    def say(self, text: str) -> None:
        """Print progress on standard error, unless `quiet`."""
        if not self.quiet:
            self.err.put(text, "dim")

    def error(self, text: str, hint: str = "") -> None:
        """Print an error on standard error, with a hint if there is one."""
        self.err.put(f"error: {text}", "bold red")
        if hint:
            self.err.put(f"  hint: {hint}")

    def note(self, text: str) -> None:
        """Print on standard error what a person should know even under --quiet."""
        self.err.put(text, "yellow")
