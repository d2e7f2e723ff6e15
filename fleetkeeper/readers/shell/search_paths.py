"""The PATH with which a shell looks for a command's program."""

from __future__ import annotations

from collections.abc import Mapping

from fleetkeeper.readers.shell.conditions import value_of
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.surroundings import UNKNOWN_DIRECTORY, Surroundings
from fleetkeeper.readers.shell.words import Part, Word, literal_text

PATH = Part("variable", "PATH")


def search_path(own: Mapping[str, Word], context: Context) -> str:
    """The PATH that is set for a command with these assignments; "" where none is.

    `$PATH` in it is the one with which the script was started; UNKNOWN_DIRECTORY stands for one that is not known.
    An empty one stands for the directory where the command runs ("." where that is not known): there dash and bash look
    without a PATH (POSIX.1-2017 8.3).
    """
    word, around = own.get("PATH", context.variables.get("PATH")), context.around
    if word is None:
        return ""
    if around.elsewhere:
        return literal_text(tuple(Part("text", around.search_path) if part == PATH else part for part in word)) or ""
    texts = [around.search_path if part == PATH else path_text(part, around) for part in word]
    text = ":".join(UNKNOWN_DIRECTORY if UNKNOWN_DIRECTORY in piece else piece for piece in "".join(texts).split(":"))
    return text or around.absolute(".", context.directory) or "."


def path_text(part: Part, around: Surroundings) -> str:
    """The text of a part of PATH; UNKNOWN_DIRECTORY where its value is not known."""
    text = part.text if part.kind == "text" else value_of(part, around)
    return UNKNOWN_DIRECTORY if text is None else text
