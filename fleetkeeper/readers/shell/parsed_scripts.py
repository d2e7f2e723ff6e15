"""Scripts parsed once: a look reads the same few again in each of its rounds, and on each node of one distribution.

Kept is what parsing gave, which never changes. It is bounded by the characters of the scripts, since a node decides
what they are: when there are too many, all are forgotten, and the next ones are kept.
"""

from __future__ import annotations

from threading import Lock

from fleetkeeper.readers.shell.syntax import parse_script
from fleetkeeper.readers.shell.syntax_tree import Script
from fleetkeeper.readers.shell.words import Unreadable

MOST_KEPT = 1 << 18
"""Characters of the scripts that are kept; a hundred times as many bytes at the worst."""
SHORTEST = 64
"""As how many characters a script counts at least: an empty one takes room, too."""


class ParsedScripts:
    """What parsing gave for scripts, by their text. Several threads may use it."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """Nothing is kept yet; `most` characters of scripts will be at the most."""
        self.most, self.size = most, 0
        self.kept: dict[str, Script | str] = {}
        self.lock = Lock()

    def parse(self, text: str) -> Script:
        """The lists of a script, as `parse_script` gives them. Raises Unreadable, with the same words each time."""
        result = self.kept.get(text)
        if result is None:
            result = parse_or_why(text)
            self.keep(text, result)
        if isinstance(result, str):
            raise Unreadable(result)
        return result

    def keep(self, text: str, result: Script | str) -> None:
        """Keep what parsing gave; nothing for a script that is longer than all that may be kept."""
        size = max(len(text), SHORTEST)
        with self.lock:
            if size > self.most or text in self.kept:
                return
            if self.size + size > self.most:
                self.kept, self.size = {}, 0
            self.kept[text] = result
            self.size += size


def parse_or_why(text: str) -> Script | str:
    """The lists of a script, or why it cannot be read."""
    try:
        return parse_script(text)
    except Unreadable as why:
        return str(why)


PARSED = ParsedScripts()
