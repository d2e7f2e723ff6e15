"""Expansions that end a shell: `${X:?}` of a variable that is not set, and forms that dash does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleetkeeper.readers.shell.conditions import value_of
from fleetkeeper.readers.shell.script_state import Context, assignments, substitute_variables
from fleetkeeper.readers.shell.shell_ends import calculates
from fleetkeeper.readers.shell.syntax_tree import For, Group
from fleetkeeper.readers.shell.truth import NO, YES, Truth, both
from fleetkeeper.readers.shell.words import Part, Simple, Word, literal_text

DEFAULT = re.compile(r"([A-Za-z_]\w*):?=", re.ASCII)
REQUIRED = re.compile(r"(\w+)(:?)\?", re.ASCII)
BASHISM = re.compile(r"!\w|[\w@*]+(?:/|\^|,|\[|@[A-Z]|:[ ]?[(0-9])|[\w@*]+: -[0-9]", re.ASCII)
NEEDED = re.compile(r"#?(\w+)(?:(?:[%#/,^]|:[ ]?[(0-9]|: -[0-9]).*)?", re.ASCII | re.DOTALL)
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
LOCATING = re.compile(r"\s*(?:which|command\s+-v)\s")
MOST_TURNS = 16
"""Words of a `for` that are followed."""
READING = frozenset({"read", "getopts", "mapfile", "readarray", "let"})
DECLARING = frozenset({"declare", "typeset", "local", "export", "readonly"})
"""Commands of the shell that set variables: to what they read, and to what stands in their words."""
ALWAYS_SET = frozenset(
    ("0", "HOME", "LOGNAME", "PATH", "SHELL", "PWD", "IFS", "OPTIND", "PPID", "LINENO", "PS2", "PS4")
)
"""Variables that cron or any shell sets."""
OF_BASH_NAMES = (
    "BASH BASH_VERSION BASHPID EUID UID HOSTNAME RANDOM SECONDS PIPESTATUS HOSTTYPE OSTYPE MACHTYPE SHLVL GROUPS TERM "
    "EPOCHSECONDS _"
)
OF_BASH = frozenset(OF_BASH_NAMES.split())
"""Variables that bash sets, too."""
ARRAY = "an array"
"""The name of the unknown value of an array."""

ARGUMENT = re.compile("[0-9]+")


def expand(words: Iterable[Word], context: Context) -> Truth:
    """Whether the shell goes on after it has expanded these words, as they are written."""
    result = YES
    for part in [part for word in words for part in word if part.kind == "variable"]:
        result = both(result, expand_one(part, context))
    return result


def expand_one(part: Part, context: Context) -> Truth:
    """Whether the shell goes on after it has expanded one variable."""
    if context.around.shell == "dash" and (part.text == ARRAY or BASHISM.match(part.text)):
        return Truth(False, f"dash, which is /bin/sh here, has no {'arrays' if part.text == ARRAY else 'such `${…}`'}")
    if context.nounset and (unset := NEEDED.fullmatch(part.text)) and not context.around.elsewhere:
        return is_set(unset[1], context)
    if part.text.startswith("("):
        return calculates(part.text, context)
    if (default := DEFAULT.match(part.text)) and default[1] not in context.variables:
        context.variables[default[1]] = (Part("variable", f"{default[1]} here or before"),)
    required = REQUIRED.match(part.text)
    return is_given(required[1], required[2] == ":", context) if required else YES


def is_given(name: str, needs_text: bool, context: Context) -> Truth:
    """Whether a variable is set, and with `${X:?}` (`needs_text`) not empty, without which a script ends.

    An argument that was not given is neither; that is not certain where a function was called.
    """
    value = context.variables.get(name)
    if value is None:
        return Truth(None, f"whether `{name[:40]}`, without which its script ends, is set cannot be told")
    is_argument = ARGUMENT.fullmatch(name) is not None
    if literal_text(value) != "" or not (needs_text or is_argument):
        return YES
    return Truth(
        None if is_argument and context.called else False, f"`{name[:40]}`, without which its script ends, is empty"
    )


def is_set(name: str, context: Context) -> Truth:
    """Whether a variable is set, without which `set -u` ends the script: for `$1` and so on, by their number.

    That is not certain where a function was called, which had arguments of its own.
    """
    count = literal_text(context.variables.get("#", ()))
    if re.fullmatch("[1-9][0-9]*", name):
        missing = re.fullmatch("[0-9]{1,9}", count or "") is not None and int(count or 0) < int(name[:9])
        why = f"`set -u` ends it at `${name[:9]}`, which it was not given"
        return Truth(None if context.called else False, why) if missing else YES
    if name in context.variables or name in ALWAYS_SET or (name in OF_BASH and context.around.shell == "bash"):
        return YES
    return Truth(None, f"whether `{name[:40]}`, without which `set -u` ends its script, is set cannot be told")


def remember_names(words: Sequence[Word], context: Context, reach: Truth) -> None:
    """Store the variables that `export`, `declare` and the like set, and `read`, whose values are not known.

    Those of `unset` are forgotten. `reach` says whether the script gets there.
    """
    name = literal_text(words[0]) or ""
    names = [match[0] for match in (NAME.match(literal_text(word) or "") for word in words[1:]) if match]
    if name in DECLARING:
        context.remember(assignments(words[1:]), reach)
    if name == "readonly" and reach.value:
        context.fixed.update(names)
    if name in READING or (name == "printf" and literal_text(words[1] if words[1:] else ()) == "-v"):
        context.remember({name: (Part("variable", f"{name} here or before"),) for name in names}, reach)
    if name == "unset" and "PATH" in names and "-f" not in map(literal_text, words) and reach.value is not False:
        context.variables["PATH"] = (Part("text", ""),)
        names.remove("PATH")
    if name == "unset" and reach.value is not False:
        functions = literal_text(words[1] if words[1:] else ()) == "-f"
        for forgotten in names:
            (context.functions if functions else context.variables).pop(forgotten, None)


def with_programs(word: Word, context: Context) -> Word:
    """The word with `$(which NAME)` and `$(command -v NAME)` in it replaced by the path, where that is known."""
    return tuple(
        Part("text", path) if part.kind == "command" and LOCATING.match(part.text) and path else part
        for part, path in ((part, value_of(part, context.around)) for part in word)
    )


def calculation(command: Group) -> Truth | None:
    """Whether `((…))`, which bash calculates, is not 0, from the brackets in brackets as which it is read.

    Not to be told but for a number; None for brackets that hold commands.
    """
    inner = command.body[0].first.commands if command.subshell and len(command.body) == 1 else ()
    group = inner[0] if len(inner) == 1 and isinstance(inner[0], Group) and inner[0].subshell else None
    simple = group.body[0].first.commands[0] if group is not None and len(group.body) == 1 else None
    texts = [literal_text(word) for word in simple.words] if isinstance(simple, Simple) else []
    if len(texts) == 1 and re.fullmatch("[0-9]{1,18}", texts[0] or ""):
        return Truth(int(texts[0] or 0) != 0, "a calculation is not 0")
    sums = texts and (CALCULATED.fullmatch(texts[0] or "") or any(text in OPERATORS for text in texts[1:2]))
    return Truth(None, "whether its calculation is 0 cannot be told") if sums else None


CALCULATED = re.compile(r"[0-9]+|\w+(?:\+\+|--|[-+*/%=!]+\w+)|(?:\+\+|--)\w+", re.ASCII)
OPERATORS = frozenset(["+", "-", "*", "/", "%", "=", "==", "!=", "+=", "-="])


def fields_of(word: Word, context: Context) -> list[Word]:
    """The words that a word of a command becomes, see `split_fields`; for `"$@"` all arguments where they are known."""
    texts = [part for part in word if part != Part("text", "")]
    count = literal_text(context.variables.get("#", ())) or ""
    if texts in ([Part("variable", "@")], [Part("variable", "*")]) and re.fullmatch("[0-9]{1,2}", count):
        arguments = [context.variables.get(str(number)) for number in range(1, int(count) + 1)]
        if None not in arguments:
            return [argument for argument in arguments if argument is not None]
    return split_fields(word, substitute_variables(word, context))


def split_fields(written: Word, expanded: Word) -> list[Word]:
    """The words that a word becomes once its variables are known: none or several for a variable without quotes.

    >>> [len(split_fields((Part("variable", "X"),), (Part("text", text),))) for text in ("docker exec c", "x", "")]
    [3, 1, 0]
    """
    bare = len(written) == 1 and written[0].kind == "variable"
    if not bare or any(part.kind != "text" for part in expanded):
        return [expanded]
    fields = re.split("[ \t\n]+", "".join(part.text for part in expanded))
    return [(Part("text", field),) for field in fields if field]


def turns_of(command: For, context: Context) -> tuple[list[Word], Truth]:
    """The words of a `for`, one empty one where there are none, and whether it has any.

    Not to be told where all of them are variables that nothing is seen to set. A lookup counts as one word.
    """
    unexpanded = [(Part("variable", "@"),)] if command.words is None else command.words
    words = [substitute_variables(word, context) for word in unexpanded][:MOST_TURNS]
    if not words:
        return [()], replace(NO, why="its `for` has no words")
    if context.around.elsewhere or context.around.presumed or any(map(may_be_turn, words)):
        return words, YES
    return words, Truth(None, "whether its `for` has any words cannot be told")


def may_be_turn(word: Word) -> bool:
    """Whether a word of a `for` gives it a turn: one that is more than variables of which nothing is known."""
    parts = [part for part in word if part != Part("text", "")] if Part("variable", "@") in word else word
    return not parts or any(part.kind != "variable" for part in parts)
