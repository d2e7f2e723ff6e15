"""Whether what stands in front of a command lets it run: programs such as sudo, locks, a sleep without an end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Word, literal_text
from fleetkeeper.readers.shell.wrappers import SHELLS, SWITCHERS, WRAPPERS

JOURNAL = "/run/systemd/journal/stdout"
TOO_LONG = 86400
"""Seconds of a `sleep` after which a command in front of the next day's is as good as never run."""
LONG_IN_LOOP = 30 * 86400
"""The same in a loop, which waits for its own next turn and for nobody else's day."""


def wrappers_run(words: Sequence[Word], rest: Sequence[Word], path: str, context: Context) -> Truth:
    """Whether the programs in front of a command are there (sudo, time, chronic …), and locks are free.

    `words` are all of the line, `rest` those behind such programs. YES for what is not known. NO, with the reason, for
    one that is not installed. `path` is the PATH.
    """
    result = YES
    first = literal_text(rest[0]) if rest else ""
    if (first or "").rpartition("/")[2] in SHELLS | SWITCHERS and context.around.finds(
        first or "", path
    ).value is False:
        return Truth(False, f"`{first}` is not installed where it is looked for")
    for index, word in enumerate(words[: len(words) - len(rest)]):
        name = literal_text(word) or ""
        base = name.rpartition("/")[2]
        built_in = base in ("exec", "command") or (base == "time" and context.around.shell == "bash" and index == 0)
        if (
            base not in {"runuser", *WRAPPERS}
            or built_in
            or (index and literal_text(words[index - 1]) in ("-u", "-g", "-t"))
        ):
            continue
        if context.around.finds(name, path).value is False:
            result = both(result, Truth(False, f"`{base}` is not installed where it is looked for"))
        if base == "systemd-cat" and context.around.exists(JOURNAL).value is False:
            result = both(result, Truth(False, "`systemd-cat` finds no journal of systemd here"))
        if base == "flock":
            result = both(result, lock_is_free(words[index + 1 : len(words) - len(rest)], context))
    return result


def lock_is_free(options: Sequence[Word], context: Context) -> Truth:
    """Whether flock gets its lock: another program may hold it now, or the file cannot be made.

    `options` are the words between flock and its command. Not to be told while it is held; YES where nothing is known.
    """
    path = literal_text(options[-1]) if options else None
    path = next((text for text in map(literal_text, reversed(options)) if text and "/" in text), path)
    place = context.around.absolute(path or "", context.directory)
    if not place or re.fullmatch("[0-9]+", path or ""):
        return YES
    if context.around.passes(place, "d").value is not True and context.around.can_write(place).value is False:
        return Truth(False, f"flock cannot open `{path}`")
    held = context.around.locked(place)
    return Truth(None, f"the lock `{path}` is held by another program now") if held.value else YES


def is_too_long(words: Sequence[Word], limit: int) -> bool:
    """Whether a `sleep` with these words takes `limit` seconds or more."""
    texts = [literal_text(word) or "" for word in words]
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    matches = [re.fullmatch(r"([0-9]{1,9})([smhd]?)", text) for text in texts]
    return sum(int(match[1]) * units[match[2]] for match in matches if match) >= limit
