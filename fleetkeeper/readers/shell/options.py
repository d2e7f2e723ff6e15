"""Parsing of options in command lines, with the knowledge which of them take the next word as their value."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.readers.shell.words import Part, Word, literal_text


def after_options(words: Sequence[Word], valued: frozenset[str]) -> list[Word]:
    """The words after the options; those in `valued` take the next word as their value.

    `--` ends them, and `-` is none. Letters may stand together: `-iu NAME`.
    """
    rest = list(words)
    while rest and (text := literal_text(rest[0]) or "").startswith("-") and text != "-":
        rest.pop(0)
        if text == "--":
            break
        takes = text in valued or (not text.startswith("--") and bundle(text[1:], valued)[1])
        if takes and rest:
            rest.pop(0)
    return rest


def option_value(words: Sequence[Word], *names: str) -> str:
    """The value of the first word that is one of these options, as `-p x`, `--name x` or `--name=x`; not `-px`.

    "" without one, and for a value with a variable or a substitution.
    """
    texts = [literal_text(word) or "" for word in words]
    for index, text in enumerate(texts):
        name, equals, value = text.partition("=")
        if name in names:
            return value if equals else "".join(texts[index + 1 : index + 2])
    return ""


def attached_option(words: Sequence[Word], *names: str) -> Word | None:
    """The value of the last word that is one of these options, as `-p x`, `-px`, `--name x` or `--name=x`.

    It may hold a variable; None without one. Short options are given first, "" for none.

    >>> from fleetkeeper.readers.shell.words import Part
    >>> line = [(Part("text", "-Hssh://"), Part("variable", "x"))]
    >>> attached_option(line, "-H", "--host"), attached_option(line, "-c", "--context")
    ((Part(kind='text', text='ssh://'), Part(kind='variable', text='x')), None)
    """
    value: Word | None = None
    for index, word in enumerate(words):
        text = word[0].text if word and word[0].kind == "text" else ""
        name, equals, _ = text.partition("=")
        length = len(name) + 1 if equals else len(names[0])
        if text in names and text and len(word) == 1:
            value = words[index + 1] if index + 1 < len(words) else value
        elif (equals and name in names) or (names[0] and text.startswith(names[0]) and not text.startswith("--")):
            value = tuple(part for part in (Part("text", text[length:]), *word[1:]) if part != Part("text", ""))
    return value


def leading_options(words: Sequence[Word], valued: frozenset[str]) -> tuple[set[str], list[Word]]:
    """The names of the options before the first operand (letters one by one), and the words from there on.

    Options in `valued` take the next word as their value.
    """
    flags: set[str] = set()
    rest = list(words)
    while rest and (text := literal_text(rest[0]) or "").startswith("-") and text != "-":
        rest.pop(0)
        if text == "--":
            break
        name, _, value = text.lstrip("-").partition("=")
        if text.startswith("--"):
            flags.add(name)
            takes = text in valued
        else:
            letters, takes = bundle(text[1:], valued)
            flags |= letters
        if takes and not value and rest:
            rest.pop(0)
    return flags, rest


def bundle(letters: str, valued: frozenset[str]) -> tuple[set[str], bool]:
    """The letters of short options written together, and whether the last one takes the next word.

    What follows a valued option in the same word is its value.
    """
    for number, letter in enumerate(letters):
        if f"-{letter}" in valued:
            return set(letters[: number + 1]), number == len(letters) - 1
    return set(letters), False


def option_state(texts: Sequence[str | None], letter: str, name: str, now: bool) -> bool:
    """Whether an option of a shell is on after `set`, or the shell itself, with these words; `now` is it before them.

    >>> option_state(["-eu"], "u", "nounset", False), option_state(["+o", "nounset"], "u", "nounset", True)
    (True, False)
    """
    before = ""
    for text in [text or "" for text in texts]:
        if re.fullmatch("[-+][a-zA-Z]+", text) and letter in text[1:]:
            now = text[0] == "-"
        elif text == name and re.fullmatch("[-+][a-zA-Z]*o", before):
            now = before[0] == "-"
        before = text
    return now
