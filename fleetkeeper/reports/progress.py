"""One line on a terminal while nodes are looked at; nothing anywhere else."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from fleetkeeper.inventory.units import count_of


class Progress:
    """A line with how many nodes were seen, are still to come, and could not be seen.

    Called from the threads that look. `nodes` is their number. Nothing is printed when `quiet`, or when standard error
    is no terminal.
    """

    def __init__(self, nodes: int, *, quiet: bool = False) -> None:
        """A line for so many nodes, shown on a terminal only, and not when `quiet`."""
        self.waiting, self.seen, self.lost = nodes, 0, 0
        self.shown = not quiet and sys.stderr.isatty()
        self.lock = threading.Lock()

    def __enter__(self) -> Progress:
        """Show the line; leaving the block takes it away."""
        self.show()
        return self

    def __call__(self, node: str, reached: bool) -> None:
        """Count one more node, whether it was reached, and show the line again."""
        with self.lock:
            self.waiting -= 1
            self.seen += reached
            self.lost += not reached
            self.show()

    def show(self) -> None:
        """Print the line on standard error in place of the last one; nothing when quiet, or without a terminal."""
        if self.shown:
            failed = f", {self.lost} could not be looked at" if self.lost else ""
            sys.stderr.write(f"\r\x1b[Klooking: {count_of(self.seen, 'node')} done, {self.waiting} to come{failed}")
            sys.stderr.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the line, if it is shown."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
