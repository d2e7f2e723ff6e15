"""The PATH with which a shell looks for a command's program."""

from __future__ import annotations

from collections.abc import Mapping

from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.words import Part, Word, literal_text

PATH = Part("variable", "PATH")


def search_path(own: Mapping[str, Word], context: Context) -> str:
    """The PATH that is set for a command with these assignments; "" where none is, or it is not known.

    `$PATH` in it is the one with which the script was started. An empty one stands for the directory where the command
    runs ("." where that is not known): there dash and bash look without a PATH (POSIX.1-2017 8.3).
    """
    word, around = own.get("PATH", context.variables.get("PATH")), context.around
    if word is None:
        return ""
    text = literal_text(tuple(Part("text", around.search_path) if part == PATH else part for part in word))
    if text == "" and not around.elsewhere:
        return around.absolute(".", context.directory) or "."
    return text or ""
