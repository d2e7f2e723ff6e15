"""Syntax of bash that dash does not read, so that it ends at its line."""

from __future__ import annotations

from fleetkeeper.readers.shell.parsed_scripts import PARSED
from fleetkeeper.readers.shell.syntax import lexemes
from fleetkeeper.readers.shell.syntax_tree import has_keyword_function
from fleetkeeper.readers.shell.truth import YES, Truth


def reads_syntax(shell: str, text: str) -> Truth:
    """Whether a shell of this kind reads a script: dash has no `|&` and no `function`. Raises Unreadable.

    Of several lines, dash runs those before the one that it does not read, so that it cannot be told.
    """
    if shell == "dash" and "|&" in text and "|&" in lexemes(text):
        return Truth(False, "dash, which is /bin/sh here, has no `|&`")
    if shell == "dash" and "function" in text and has_keyword_function(PARSED.parse(text)):
        return Truth(None if "\n" in text.strip() else False, "dash, which is /bin/sh here, has no `function`")
    return YES
