"""What the substitutions in the words of a command run: a script may keep what its backup prints in a variable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fleetkeeper.readers.shell.conditions import LOOKUP, value_of
from fleetkeeper.readers.shell.known_values import LOCATED
from fleetkeeper.readers.shell.script_state import Context, Outcome, substitute_variables
from fleetkeeper.readers.shell.truth import YES, Truth
from fleetkeeper.readers.shell.words import Part, Word


class TextFollower(Protocol):
    """Who follows the script in which the words stand."""

    context: Context

    def follow_text(self, text: str, reach: Truth, guard: bool) -> Outcome: ...


def is_valued(part: Part, context: Context) -> bool:
    """Whether the output of a substitution is known without following it."""
    [resolved] = substitute_variables((part,), context) if LOCATED.match(part.text) else (part,)
    return value_of(resolved, context.around) is not None


def follow_substitutions(follower: TextFollower, words: Iterable[Word], reach: Truth, guard: bool) -> Truth:
    """Follow each `$(…)` in these words, as they are written, in a shell of its own. Raises Unreadable.

    Returns the status of the last one, YES without any. Lookups of containers, and what has a known value, are left
    out. `reach`: the command is run; `guard`: something asks for its status.
    """
    status = YES
    for part in [part for word in words for part in word if part.kind == "command"]:
        if LOOKUP.match(part.text) or is_valued(part, follower.context):
            continue
        kept = follower.context
        follower.context = kept.inner()
        status = follower.follow_text(part.text, reach, guard).status
        follower.context = kept
    return status
