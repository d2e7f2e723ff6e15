"""The commands of the shell itself that decide about those after them: `cd`, `.`, `set`, `exit` and others."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from fleetkeeper.readers.shell import conditions
from fleetkeeper.readers.shell.conditions import show
from fleetkeeper.readers.shell.options import option_state
from fleetkeeper.readers.shell.parsed_scripts import PARSED
from fleetkeeper.readers.shell.script_state import (
    DEEPEST,
    Context,
    Outcome,
    assignments,
    from_home,
    set_positional,
)
from fleetkeeper.readers.shell.surroundings import UNKNOWN_DIRECTORY, Surroundings
from fleetkeeper.readers.shell.syntax_tree import Script
from fleetkeeper.readers.shell.truth import NO, YES, Truth, both, opposite
from fleetkeeper.readers.shell.words import Part, Simple, Unreadable, Word, literal_text

VALID_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class ScriptFollower(Protocol):
    """Who follows the script in which the command stands."""

    context: Context

    def follow_list(self, script: Script, reach: Truth, guard: bool) -> Outcome: ...


BUILT_IN_NAMES = ": . break continue eval exec exit export readonly return set shift times trap unset"
BUILT_INS = frozenset(BUILT_IN_NAMES.split())
"""Commands of POSIX' shell whose errors end it."""


def ends_with_its_file(command: Simple, around: Surroundings) -> bool:
    """Whether the shell ends when the file of this command's redirection cannot be opened: dash, for its own ones."""
    name = literal_text(command.words[0]) if command.words else None
    return around.shell == "dash" and name in BUILT_INS


def change_directory(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`cd`: the directory must be there. Sets the context's `directory`, UNKNOWN_DIRECTORY where it is not known.

    Without an argument, where nothing sets HOME, and to `/`, it succeeds. Where the directory cannot be told, neither
    can the status. `guard`: something asks for the status (`if`, `&&`); else only `set -e` does, with which a failure
    ends the script, and without either it is success. `reach` makes no difference.
    """
    arguments = [word for word in words[1:] if literal_text(word) not in ("-P", "-L", "--")]
    before, back = follower.context.variables.get("OLDPWD"), [*map(literal_text, arguments)] == ["-"]
    if back and before is None:
        return goes_nowhere(follower.context, guard)
    arguments = [before] if back and before is not None else arguments
    remember_directory(follower.context)
    if not arguments and (home := follower.context.variables.get("HOME")):
        arguments = [home]
    path = conditions.known_value(arguments[0], follower.context.around) if len(arguments) == 1 else None
    path = from_home(path, follower.context) if path else path
    searched = "CDPATH" in follower.context.variables and not (path or "/").startswith(("/", "."))
    place = follower.context.around.absolute(path, follower.context.directory) if path and not searched else ""
    follower.context.directory = posixpath.normpath(place) if place else UNKNOWN_DIRECTORY if arguments else ""
    if path == "/" or not arguments or follower.context.around.elsewhere:
        return Outcome(YES)
    if follower.context.around.presumed:
        return Outcome(YES)
    if follower.context.directory == UNKNOWN_DIRECTORY:
        return failing(follower.context, Truth(None, f"whether {show(words)} succeeds cannot be told"), guard)
    place = follower.context.directory
    state = both(follower.context.around.passes(place, "d"), follower.context.around.passes(place, "x"))
    why = "succeeds" if state.value else "fails now" if state.value is False else "succeeds cannot be told"
    return failing(
        follower.context, replace(state, why=f"{'whether ' if state.value is None else ''}{show(words)} {why}"), guard
    )


def goes_nowhere(context: Context, guard: bool) -> Outcome:
    """The outcome of `cd -` where no directory was left before: dash stays where it is, bash fails. As `failing`.

    A script may have got a directory from who started it.
    """
    if context.around.shell == "dash" and not context.around.script:
        return Outcome()
    fails = context.around.shell == "bash" and not context.around.script
    return failing(context, Truth(False if fails else None, "whether `cd -` succeeds cannot be told"), guard)


def remember_directory(context: Context) -> None:
    """Store the directory that `cd` leaves, to which `cd -` goes back."""
    directory = context.directory or context.around.directory
    is_absolute = directory.startswith("/")
    context.variables["OLDPWD"] = (
        Part("text", directory) if is_absolute else Part("variable", "OLDPWD here or before"),
    )


def failing(context: Context, status: Truth, guard: bool) -> Outcome:
    """The outcome of a command whose failure alone matters: `status`, or success where nothing asks for it.

    `guard`: something asks for its status (`if`, `&&`), so that `set -e` does not.
    """
    return Outcome(status if guard or context.errexit else YES)


def read_file(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`.` of a file on the node, see `read_node_file`; inside a container it is taken to be there, and do nothing.

    `words` begin with the `.`; `reach`: it is run; `guard`: something asks for its status (`if`, `&&`).
    """
    return Outcome() if follower.context.around.elsewhere else read_node_file(follower, words, reach, guard)


def read_node_file(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`.`: the commands of the file are run here; dash ends when there is no such file.

    The outcome is that of the commands. Raises Unreadable for a file that cannot be followed. Adds the file to
    `sourced`; one that is there and was not read yet is taken to succeed and to do nothing. `words` begin with the `.`.
    The commands get `reach` (`.` is run) and `guard` (something, like `if` or `&&`, asks for its status, so that `set
    -e` ends no script).
    """
    context, around = follower.context, follower.context.around
    if literal_text(words[0]) == "source" and around.shell == "dash":
        return failing(follower.context, Truth(False, "dash, which is /bin/sh here, has no `source`"), guard)
    path = conditions.known_value(words[1], around) if len(words) > 1 else None
    place = around.absolute(path, context.directory) if path and "/" in path else ""
    shown = show(words)
    if not place:
        return Outcome(Truth(None, f"what {shown} reads cannot be told"), unless_bash(around, Truth(None), shown))
    around.sourced[place] = None
    there = around.passes(place, "r")
    if there.value is False:
        why = Truth(False, f"{shown} fails now: the file is not there, or cannot be read by {around.account}")
        return Outcome(why, unless_bash(around, opposite(why), shown))
    if place in around.texts and context.depth < DEEPEST:
        return follow_file(follower, around.texts[place], reach, guard)
    if there.value is None:
        unknown = Truth(None, f"whether the file of {shown} is there cannot be told")
        return Outcome(unknown, unless_bash(around, unknown, shown))
    return Outcome(YES)


def follow_file(follower: ScriptFollower, text: str, reach: Truth, guard: bool) -> Outcome:
    """The outcome of a file that is read as a part of the script: what may end only the file does not end the script.

    Of one that cannot be parsed it is unknown whether it succeeds, and whether it ends the script. `reach`: it is run;
    `guard`: a failure in it ends no script (`set -e`), since something asks for its status.
    """
    try:
        script = PARSED.parse(text)
    except Unreadable as odd:
        unknown = Truth(None, f"a file that it reads cannot be parsed: {odd}")
        return Outcome(unknown, unknown)
    follower.context.depth += 1
    outcome = follower.follow_list(script, reach, guard)
    follower.context.depth -= 1
    return Outcome(outcome.status, NO if outcome.ends.returns else outcome.ends)


def unless_bash(around: Surroundings, ends: Truth, shown: str) -> Truth:
    """Whether a failing special command ends the shell: in bash it does not.

    Else it is `ends`, with a reason. `shown` names the command in it.
    """
    if around.shell == "bash":
        return NO
    return ends if ends.why else replace(ends, why=f"whether {shown} ends the shell cannot be told")


def export(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`export` and the like, whose assignments `remember_names` stores; programs get them. A bad name ends dash.

    `words` begin with the command; `reach` and `guard` make no difference.
    """
    names = [(literal_text(word) or "A").partition("=")[0] for word in words[1:]]
    if literal_text(words[0]) == "local" and not follower.context.within and follower.context.around.shell == "dash":
        why = "`local` stands outside of a function, which ends dash"
        return Outcome(Truth(False, why), Truth(True, why))
    if literal_text(words[0]) == "export" and "-n" not in names:
        follower.context.unexported -= {*names, *assignments(words[1:])}
    bad = [name for name in names if not name.startswith("-") and not VALID_NAME.fullmatch(name)]
    if bad and follower.context.around.shell == "dash" and all(literal_text(word) is not None for word in words):
        why = f"`{literal_text(words[0])}` takes no name like `{bad[0][:40]}`, which ends the shell"
        return Outcome(Truth(False, why), Truth(True, why))
    return Outcome()


def set_options(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`set`: `-e`, pipefail, which dash did not always take, and positional parameters. Changes the context.

    Its outcome fails, and ends the shell, where `set -o pipefail` is an illegal option; it cannot be told where that is
    not known. So it does for an option that dash has not, and for `-n`. Any other succeeds; `reach` and `guard` make no
    difference.
    """
    context, around = follower.context, follower.context.around
    texts = [literal_text(word) for word in words[1:]]
    if "--" in texts:
        set_positional(words[texts.index("--") + 2 :], context)
        texts = texts[: texts.index("--")]
    for option in [text for text in texts if text]:
        if "e" in option.lstrip("+-") and option[0] in "+-" and not option.startswith("--"):
            context.errexit = option[0] == "-"
    context.nounset = option_state(texts, "u", "nounset", context.nounset)
    context.noclobber = option_state(texts, "C", "noclobber", context.noclobber)
    context.allexport = option_state(texts, "a", "allexport", context.allexport)
    if "errexit" in texts:
        context.errexit = True
    if (why := refused(texts, around)) or (why := without_running(texts)):
        return Outcome(Truth(False, why), Truth(True, why))
    traced = any("x" in text and text[:1] == "-" for text in texts if text) or "xtrace" in texts
    context.fate = replace(context.fate, traced=context.fate.traced or traced)
    context.pipefail = context.pipefail or any((text or "").startswith("pipefail") for text in texts)
    if any((text or "").startswith("pipefail") for text in texts) and not takes_pipefail(around):
        known = around.pipefail is False or (around.shell == "dash" and around.pipefail is not None)
        why = "`set -o pipefail` is an illegal option of /bin/sh here, which ends the shell"
        why = why if known else "whether /bin/sh takes `set -o pipefail` cannot be told"
        return Outcome(Truth(False if known else None, why), Truth(True if known else None, why))
    return Outcome()


def refused(texts: Sequence[str | None], around: Surroundings) -> str:
    """Why dash ends at `set` with these options (None: not known), which it does not have; "" where that is not so."""
    named = {text for before, text in pairwise(texts) if before and re.fullmatch("[-+]\\w*o", before)}
    letters = {letter for text in texts if text and re.fullmatch("[-+][a-zA-Z]+", text) for letter in text[1:]}
    foreign = sorted({name or "x" for name in named} - OF_DASH - {"pipefail"} | letters - set("aCefnuvxImbVEo"))
    if around.shell != "dash" or not foreign:
        return ""
    return f"`set` has no option `{foreign[0][:20]}` in /bin/sh here, which ends the shell"


OPTIONS_OF_DASH = (
    "errexit noglob ignoreeof interactive monitor noexec stdin xtrace verbose vi emacs noclobber allexport notify "
    "nounset nolog debug"
)
OF_DASH = frozenset(OPTIONS_OF_DASH.split())
"""Names that dash takes behind `set -o`."""


def without_running(texts: Sequence[str | None]) -> str:
    """Why a script runs nothing after `set` with these options: with `-n` it is only read; else ""."""
    only_reads = "noexec" in texts or any(re.fullmatch("-[a-zA-Z]*n[a-zA-Z]*", text or "") for text in texts)
    return "`set -n` lets the shell run nothing any more" if only_reads else ""


def shift(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`shift`: moves `$1`, `$2` and so on, where their number is known; dash ends when there are not enough.

    They are moved only where it is surely run (`reach`); `guard` makes no difference.
    """
    context = follower.context
    by, count = literal_text(words[1]) if len(words) > 1 else "1", literal_text(context.variables.get("#", ZERO))
    if not all(re.fullmatch("[0-9]+", number or "") for number in (by, count)):
        return Outcome()
    left = int(count or 0) - int(by or 0)
    if left < 0:
        ends = Truth(context.around.shell == "dash", f"{show(words)} finds too few arguments")
        return Outcome(replace(ends, value=False), ends)
    given = [context.variables.get(str(number + int(by or 0)), ZERO) for number in range(1, left + 1)]
    if reach.value:
        set_positional(given, context)
        context.variables.update({str(number): (Part("text", ""),) for number in range(left + 1, int(count or 0) + 1)})
    return Outcome()


ZERO: Word = (Part("text", "0"),)


def takes_pipefail(around: Surroundings) -> bool:
    """Whether the shell is known to take `set -o pipefail`."""
    return around.shell in ("bash", "zsh", "ksh") or around.pipefail is True


def end(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`exit` and `return`: the outcome ends the script, with success for 0 or no number, unknown for a variable.

    A number other than 0 fails. `words` begin with the command; `reach` and `guard` make no difference.
    """
    code = literal_text(words[1]) if len(words) > 1 else "0"
    status = Truth(code == "0" if code is not None else None, f"{show(words)} ends it")
    returns = literal_text(words[0]) == "return"
    return Outcome(status, Truth(True, f"{show(words)} ends it before", returns=returns))


def leave(follower: ScriptFollower, words: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
    """`break` and `continue`: the outcome leaves the loop; how many loops is not read. Outside of one: nothing.

    `reach` and `guard` make no difference.
    """
    if not follower.context.loops:
        return Outcome()
    only_this_turn = literal_text(words[0]) == "continue"
    return Outcome(YES, NO, Truth(True, f"{show(words)} leaves the loop before", returns=only_this_turn))


Special = Callable[[ScriptFollower, Sequence[Word], Truth, bool], Outcome]
SPECIAL: Mapping[str, Special] = {
    "cd": change_directory,
    ".": read_file,
    "source": read_file,
    "export": export,
    "readonly": export,
    "local": export,
    "set": set_options,
    "shift": shift,
    "exit": end,
    "return": end,
    "break": leave,
    "continue": leave,
}
"""Commands of the shell itself that decide about those after them."""
