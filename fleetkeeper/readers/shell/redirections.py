"""Whether the shell can open the files of redirections: else it does not start the command behind them."""

from __future__ import annotations

import re
from collections.abc import Collection

from fleetkeeper.readers.shell import conditions
from fleetkeeper.readers.shell.expansions import ALWAYS_SET, OF_BASH
from fleetkeeper.readers.shell.script_state import Context, from_home, substitute_variables
from fleetkeeper.readers.shell.shell_ends import foreign_descriptor
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.syntax_tree import Redirections
from fleetkeeper.readers.shell.truth import YES, Truth, both, opposite
from fleetkeeper.readers.shell.words import DESCRIPTORS, Part, Word, literal_text
from fleetkeeper.readers.shell.wrappers import source

ALWAYS_THERE = re.compile(r"/dev/(null|zero|full|stdin|stdout|stderr|fd/[012]|log)")


def opened(redirected: Redirections, context: Context) -> Truth:
    """Whether the shell can open the files of redirections: else it does not start the command.

    YES without any, and as `opened_one` where the name of a file is not known. Raises Unreadable for a word that grows
    too long.
    """
    result, numbers = opposite(foreign_descriptor(redirected, context)), set(context.descriptors)
    for operator, target in redirected:
        word = substitute_variables(target, context)
        is_named = has_name(operator, word, context)
        opens = both(is_open(operator, word, numbers, context), opened_one(operator, word, context))
        result = both(result, both(is_named, opens))
        numbers.add(operator.rstrip("<>|&"))
    return result


def has_name(operator: str, target: Word, context: Context) -> Truth:
    """Whether the word behind a redirection names a file: an empty one does not, and the shell starts nothing then.

    Not to be told for variables that nothing is seen to set, and YES for one that is set to what is not known.
    """
    around, names = context.around, [part for part in target if part != Part("text", "")]
    if operator.lstrip(DESCRIPTORS).startswith("<<") or around.elsewhere or around.presumed:
        return YES
    unset = [part.text for part in names if part.kind == "variable" and VARIABLE.fullmatch(part.text)]
    filename = conditions.known_value(target, around)
    if filename == "":
        return Truth(False, f"the word behind `{operator}` is empty, and names no file")
    if len(unset) < len(names) or not names or filename is not None:
        return YES
    if any(name in ALWAYS_SET | OF_BASH | SET_BY_SHELL for name in unset):
        return YES
    return Truth(None, f"whether `${unset[0][:40]}`, which names the file of `{operator}`, is set cannot be told")


VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*|[1-9]")
SET_BY_SHELL = frozenset({"OPTARG", "REPLY", "OLDPWD"})


def is_open(operator: str, target: Word, numbers: Collection[str], context: Context) -> Truth:
    """Whether the descriptor that `>&` or `<&` copies is open: cron opens 0, 1 and 2, a script's caller perhaps more.

    `numbers` are those that the script opened itself.
    """
    number = (literal_text(target) or "").rstrip("-")
    if operator.lstrip(DESCRIPTORS) not in (">&", "<&") or not re.fullmatch("[3-9]|[1-9][0-9]+", number):
        return YES
    if number in numbers or context.around.elsewhere or context.around.presumed:
        return YES
    why = f"`{operator}{number}` copies a file that nothing opened"
    return Truth(None if context.around.script else False, why)


def leaves_behind(redirected: Redirections, context: Context) -> bool:
    """Whether `&>` puts the command into the background, as dash has it, instead of leading its output away."""
    return context.around.shell == "dash" and any(operator.startswith("&>") for operator, _ in redirected)


def opened_one(operator: str, target: Word, context: Context) -> Truth:
    """Whether the shell can open the file of one redirection.

    YES also where neither its name nor its directory is known, where conditions are presumed, for here-documents, and
    for copies of descriptors. Not to be told where the node was not asked yet; else a Truth of False with the reason.
    `operator` is as written.
    """
    around, operator = context.around, operator.lstrip(DESCRIPTORS)
    if operator in (">&", "<&"):
        copied = copies(operator, literal_text(target) or "", around)
        if copied is not None:
            return copied
        operator = ">"
    if operator.startswith("<<") or around.elsewhere:
        return YES
    if operator.startswith("&>"):
        operator = operator[1:]
    return file_opens(operator, target, context)


def file_opens(operator: str, target: Word, context: Context) -> Truth:
    """Whether the shell can open the file of a redirection on the node: YES where its name is not known at all."""
    around = context.around
    path = conditions.known_value(target, around)
    path = from_home(path, context) if path is not None else None
    prefix = path if path is not None else directory_of(target, around)
    if prefix is None:
        return YES
    place = around.absolute(prefix, context.directory)
    if place and ALWAYS_THERE.fullmatch(place):
        return YES
    if place.startswith("/dev/fd/"):
        return Truth(None, f"whether `{place[:30]}` is open cannot be told")
    if place == "/dev/tty":
        return Truth(False, "it opens /dev/tty, and a job has no terminal")
    shown = f"`{operator} {source(target)[:100]}`"
    if path is None:
        result = both(around.passes(place, "d"), around.passes(place, "w")) if place else Truth(None)
    else:
        result = around.can_open(operator, place) if place else Truth(None)
    if path is not None and operator == ">" and context.noclobber and place:
        kept = opposite(around.passes(place, "f"))
        result = both(result, kept if kept.value is not False else Truth(False))
    if result.value is None:
        return YES if around.presumed else Truth(None, f"whether {shown} can be opened cannot be told")
    return result if result.value else Truth(False, f"{shown} cannot be opened by {around.account}")


def copies(operator: str, number: str, around: Surroundings) -> Truth | None:
    """Whether `>&` and `<&` copy a descriptor; None where the word after them is a file, which dash does not take."""
    if around.shell in ("dash", "busybox") and re.fullmatch(r"[0-9]+\r", number):
        return Truth(False, f"`{operator}{number[:-1]}` is followed by a carriage return")
    if around.shell == "dash" and not re.fullmatch("[0-9]?|-", number):
        return Truth(False, f"dash, which is /bin/sh here, takes only a number after `{operator}`")
    return YES if re.fullmatch("[0-9]*-?", number) else None


def directory_of(target: Word, around: Surroundings) -> str | None:
    """The directory of a file whose name is only known in part; None where that is not known either.

    "/" for the root itself; None too for a file that is named without a directory.
    """
    texts: list[str] = []
    for part in target:
        text = part.text if part.kind == "text" else conditions.value_of(part, around)
        if text is None:
            break
        texts.append(text)
    directory, slash, _ = "".join(texts).rpartition("/")
    return (directory or "/") if slash else None
