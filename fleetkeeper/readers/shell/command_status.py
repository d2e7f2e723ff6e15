"""Whether a command of a script succeeds: asked only where something depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from fleetkeeper.readers.shell import conditions
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.truth import YES, Truth
from fleetkeeper.readers.shell.words import Part, Simple, Word, literal_text


def status_of(words: Sequence[Word], path: str, guard: bool, context: Context) -> Truth:
    """The status of a command (`words`, not empty): whether it succeeds; YES where nothing depends on it.

    `guard`: `if`, `&&` or the like asks for it. `path` is the PATH for its program.
    """
    if not guard and not context.errexit:
        return YES
    if literal_text(words[0]) == "flock" and (place := context.descriptors.get(literal_text(words[-1]) or "")):
        held = context.around.locked(place).value is True
        return Truth(None if held else True, f"the lock `{place}` is held by another program now", expected=not held)
    if literal_text(words[0]) == "getopts" and literal_text(context.variables.get("#", ())) == "0":
        return Truth(False, "`getopts` finds no option: there are no arguments")
    if (literal_text(words[0]) or "").rpartition("/")[2] in conditions.TESTS:
        status = status_of_test(words, context)
    else:
        status = conditions.program_status(words, context.around, path, context.directory)
    if status.value is None and context.around.presumed is not None:
        written = " ".join(literal_text(word) or "$" for word in words)
        return Truth(True, status.why, expected=True) if context.around.presumed.match(written) else status
    return status


def status_of_test(words: Sequence[Word], context: Context) -> Truth:
    """The status of `test`, `[` or `[[`, which dash does not have. Adds to the context's `lookups`."""
    if literal_text(words[0]) == "[[" and context.around.shell == "dash":
        return Truth(False, "dash, which is /bin/sh here, has no `[[`")
    truth, lookups = conditions.evaluate_test(words, context.around, context.directory)
    context.lookups.extend(lookups)
    return truth


def status_word(status: Truth, command: Simple, judged: bool) -> Word:
    """What `$?` is behind a command: 0 or 1; not known where its status is not, or was not `judged`.

    One that was not is taken to be 0 for a program that is used to do something.
    """
    name = (literal_text(command.words[0]) or "").rpartition("/")[2] if command.words else ""
    if not judged and name in conditions.TESTS | {"false"}:
        return (Part("text", "1"),) if name == "false" else (Part("variable", "? here or before"),)
    if status.value is None:
        return (Part("variable", "? here or before"),)
    return (Part("text", "0" if status.value else "1"),)
