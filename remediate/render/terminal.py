"""Lines on a terminal: colours where it has them, plain text elsewhere (NO_COLOR, pipes).

Whoever made a line has put what a server said on one line; here, at the last door, nothing passes that does not show.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from fleet.untrusted import printable
from remediate.render.plans import Line

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


class Screen:
    """Where a person reads. `quiet` leaves only what went wrong and the last line; errors go to standard error."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet, self.json = quiet, json
        self.out = Console(highlight=False, markup=False, soft_wrap=True, emoji=False)
        self.err = Console(highlight=False, markup=False, soft_wrap=True, emoji=False, stderr=True)

    def lines(self, lines: Iterable[Line]) -> None:
        """Show lines, unless standard output belongs to a JSON document."""
        for line in lines:
            if not self.json:
                self.out.print(Text(printable(line.text), style=STYLES.get(line.style, "")))

    def say(self, text: str) -> None:
        """Progress: for whoever waits, never in the way of a document."""
        if not self.quiet:
            self.err.print(Text(printable(text), style="dim"))

    def error(self, text: str, hint: str = "") -> None:
        self.err.print(Text(printable(f"error: {text}"), style="bold red"))
        if hint:
            self.err.print(Text(printable(f"  hint: {hint}")))

    def note(self, text: str) -> None:
        """Something that a person should know even under --quiet."""
        self.err.print(Text(printable(text), style="yellow"))
