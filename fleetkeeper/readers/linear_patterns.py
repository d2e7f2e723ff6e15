"""Regular expressions that a node wrote, matched in linear time: a part of their syntax; the rest is Unobservable.

A crontab line of any user holds one (`docker ps -f name=…`), and so does a web server's configuration. Python's own
matcher may take exponential time for some of them, while Docker's never does. Here every expression is a set of
states that is walked through once: literals, `.`, `^`, `$`, `[…]`, escapes, groups, `|`, and `*`, `+`, `?`. Syntax
that programs read differently, or that repeats a repetition, raises Unobservable.

Patterns of our own over text of a node must not be slow either: `occur_in_order` replaces one with a gap in its middle.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from fleetkeeper.transport.commands import Unobservable

LONGEST, LONGEST_TEXT = 512, 4096
DEEPEST = 8
REMEMBERED = 10_000
CLASSES = {"d": string.digits, "w": string.ascii_letters + string.digits + "_", "s": " \t\n\r\f"}
Test = Callable[[str], bool]


@dataclass(frozen=True)
class State:
    """One state of an expression.

    `test` lets a character pass to the states `ways`; without one they need no character.

    `anchor` is `^`, `$` or "".
    """

    test: Test | None = None
    ways: tuple[int, ...] = ()
    anchor: str = ""


@dataclass
class Pattern:
    """A parsed expression. `first` and `last` are indexes of `states`; it has matched once `last` is reached.

    `steps` caches the states after a character.
    """

    states: Sequence[State]
    first: int
    last: int
    steps: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)

    def found_in(self, text: str) -> bool:
        """Whether the expression matches anywhere in a text; adds to `steps`.

        Raises Unobservable for more than LONGEST_TEXT characters.
        """
        if len(text) > LONGEST_TEXT:
            refuse_pattern("it is held against a text that is too long")
        here = self.reached([self.first], start=True, end=not text)
        for at, char in enumerate(text):
            if self.last in here:
                return True
            here = self.step(here, char) if at + 1 < len(text) else self.reached(self.after(here, char), end=True)
        return self.last in here

    def step(self, here: frozenset[int], char: str) -> frozenset[int]:
        """The states that `here` leads to with one more character, not the last of the text; cached."""
        step = self.steps.get((here, char))
        if step is None:
            if len(self.steps) > REMEMBERED:
                self.steps.clear()
            step = self.steps[here, char] = self.reached(self.after(here, char))
        return step

    def after(self, here: frozenset[int], char: str) -> list[int]:
        """The states that `here` leads to with this character, and the first one: a match may begin anywhere."""
        tests = [(state.test, state.ways) for state in map(self.states.__getitem__, here) if state.test]
        return [self.first, *(path for test, ways in tests if test(char) for path in ways)]

    def reached(self, first: Sequence[int], *, start: bool = False, end: bool = False) -> frozenset[int]:
        """The states `first`, and all that are reached from them without a character.

        `start`, `end`: `^` and `$` match here.
        """
        matches: set[int] = set()
        left = list(first)
        while left:
            index = left.pop()
            state = self.states[index]
            if index in matches or (state.anchor == "^" and not start) or (state.anchor == "$" and not end):
                continue
            matches.add(index)
            if state.test is None:
                left.extend(state.ways)
        return frozenset(matches)


def refuse_pattern(why: str) -> NoReturn:
    """Raise Unobservable with the reason why an expression is not matched here."""
    raise Unobservable(f"a regular expression is not followed here: {why}")


@lru_cache(maxsize=1024)
def pattern_of(written: str, *, ignore_case: bool = False) -> Pattern:
    """The parsed expression, cached; `ignore_case`: capitals make no difference.

    Raises Unobservable for syntax outside the supported part, and more than LONGEST characters.

    >>> pattern_of(r"^rodan_(db|web)\\.[0-9]+").found_in("rodan_db.1.x0h3"), pattern_of("b$").found_in("abc")
    (True, False)
    >>> pattern_of("(.+)+")
    Traceback (most recent call last):
    fleetkeeper.transport.commands.Unobservable: a regular expression is not followed here: it repeats what is repeated
    """
    if len(written) > LONGEST:
        refuse_pattern(f"it is longer than {LONGEST} characters")
    return Reader(written, ignore_case).pattern()


def path_pattern(written: str) -> Pattern:
    """The expression for a glob(7) pattern of paths: `*` and `?` match no slash.

    Raises Unobservable as `pattern_of` does. It matches whole paths; a backslash takes the meaning of the character
    behind it.

    >>> [path_pattern("/etc/*.d/[!x]?.conf").found_in(path) for path in ("/etc/a.d/ok.conf", "/etc/a/b.d/ok.conf")]
    [True, False]
    """
    parts = {"*": "[^/]*", "?": "[^/]", "[!": "[^", "[": "[", "]": "]"}
    matches = re.findall(r"\\.|\[!|.", written, re.DOTALL)
    inside = False
    expression = ""
    for match in matches:
        plain = match[-1] if match[-1].isalnum() or not match[-1].isascii() else f"\\{match[-1]}"
        expression += parts.get(match, plain) if not inside or match == "]" else match
        inside = match in ("[", "[!") or (inside and match != "]")
    return pattern_of(f"^{expression}$")


def occur_in_order(text: str, first: re.Pattern[str], then: re.Pattern[str], apart: re.Pattern[str]) -> bool:
    """Whether `then` matches somewhere after `first` with no match of `apart` between them, in linear time.

    >>> occur_in_order("certbot -q renew", re.compile("certbot"), re.compile("renew"), re.compile("[;&|]"))
    True
    """
    for part in apart.split(text):
        match = first.search(part)
        if match and then.search(part, match.end()):
            return True
    return False


@dataclass(frozen=True)
class Piece:
    """A part of an expression: the index of its first state, and of the state that all its paths lead to.

    `repeats` and `anchors`: it contains a repetition, an anchor.
    """

    first: int
    last: int
    repeats: bool = False
    anchors: bool = False


class Reader:
    """A parser from the text of an expression to its states. Its methods raise Unobservable for unsupported syntax."""

    def __init__(self, text: str, ignore_case: bool) -> None:
        """A parser of the expression `text`, from its first character."""
        self.text, self.ignore_case = text, ignore_case
        self.at = self.depth = 0
        self.states: list[State] = []

    def pattern(self) -> Pattern:
        """The whole expression. Raises Unobservable for a bracket too many and for what is not followed."""
        whole = self.alternatives()
        if self.at < len(self.text):
            refuse_pattern("a bracket closes that was never opened")
        return Pattern(tuple(self.states), whole.first, whole.last)

    def add(self, test: Test | None = None, ways: tuple[int, ...] = (), anchor: str = "") -> int:
        """Add a state with a test, paths to other states, or an anchor (`^`, `$`); return its index."""
        self.states.append(State(test, ways, anchor))
        return len(self.states) - 1

    def lead(self, index: int, *ways: int) -> None:
        """Add paths from the state `index` to other states."""
        state = self.states[index]
        self.states[index] = State(state.test, (*state.ways, *ways), state.anchor)

    def peek(self) -> str:
        """The next character; "" at the end. It is not consumed."""
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        """The next character, which is consumed; "" at the end."""
        char = self.peek()
        self.at += 1
        return char

    def alternatives(self) -> Piece:
        """Sequences separated by `|`. Raises Unobservable."""
        pieces = [self.sequence()]
        while self.peek() == "|":
            self.take()
            pieces.append(self.sequence())
        first, last = self.add(ways=tuple(piece.first for piece in pieces)), self.add()
        for piece in pieces:
            self.lead(piece.last, last)
        return Piece(first, last, any(piece.repeats for piece in pieces), any(piece.anchors for piece in pieces))

    def sequence(self) -> Piece:
        """Atoms up to a `|`, a closing bracket or the end. Raises Unobservable."""
        first = last = self.add()
        repeats = anchors = False
        while self.peek() not in ("", "|", ")"):
            piece = self.repeated(self.atom())
            self.lead(last, piece.first)
            last = piece.last
            repeats, anchors = repeats or piece.repeats, anchors or piece.anchors
        return Piece(first, last, repeats, anchors)

    def repeated(self, piece: Piece) -> Piece:
        """A piece with the `*`, `+` or `?` behind it, which is consumed; the piece itself where there is none.

        Raises Unobservable for `{…}`, and for what repeats an anchor or what is repeated already.
        """
        times = self.peek()
        if times == "{":
            refuse_pattern("it counts with {…}")
        if times not in ("*", "+", "?") or not times:
            return piece
        self.take()
        if self.peek() == "?":
            self.take()  # as few as will do: that makes no difference to whether it matches
        if self.peek() in ("*", "+", "?", "{") and self.peek():
            refuse_pattern("it repeats what is repeated")
        if (piece.repeats and times != "?") or piece.anchors:
            refuse_pattern("it repeats what is repeated" if piece.repeats else "it repeats an anchor")
        first, last = self.add(ways=(piece.first,)), self.add()
        self.lead(piece.last, last)
        if times in "*+":
            self.lead(piece.last, first)
        if times in "*?":
            self.lead(first, last)
        return Piece(first, last, repeats=True)

    def atom(self) -> Piece:
        """A character, a set, an anchor or a group. Raises Unobservable."""
        char = self.take()
        if char == "(":
            return self.group()
        if char in "^$":
            index = self.add(anchor=char)
            return Piece(index, index, anchors=True)
        if char in "*+?{":
            refuse_pattern("nothing stands before what repeats it")
        return self.one(self.test(char))

    def one(self, test: Test) -> Piece:
        """A piece for one character that passes the test."""
        last = self.add()
        return Piece(self.add(test, (last,)), last)

    def group(self) -> Piece:
        """The inside of a group, plain, `(?:`, `(?<name>` or `(?P<name>`; its `(` is read. Raises Unobservable."""
        self.depth += 1
        if self.depth > DEEPEST:
            refuse_pattern("its brackets are nested too deep")
        if self.peek() == "?":
            self.named()
        inside = self.alternatives()
        if self.take() != ")":
            refuse_pattern("a bracket is not closed")
        self.depth -= 1
        return inside

    def named(self) -> None:
        """Skip the `?:`, `?<name>` or `?P<name>` of a group. Raises Unobservable."""
        rest = self.text[self.at :]
        opening = next((item for item in ("?:", "?P<", "?<") if rest.startswith(item)), "")
        name, ended, _ = rest[len(opening) :].partition(">")
        if not opening or (opening != "?:" and not (ended and name.isidentifier() and name.isascii())):
            refuse_pattern("it has a group of a kind that is not read alike everywhere")
        self.at += len(opening) if opening == "?:" else len(opening) + len(name) + 1

    def test(self, char: str) -> Test:
        """The test for one character; `char` is the first of its notation. Raises Unobservable."""
        if char == ".":
            return lambda match: match != "\n"
        if char == "[":
            return self.bracketed()
        if char == "\\":
            return self.escaped()[0]
        return self.among(char)

    def among(self, chars: str, *, none_of: bool = False) -> Test:
        """The test for one of these characters, or for none of them; both cases with `ignore_case`."""
        members = frozenset(chars + chars.lower() + chars.upper()) if self.ignore_case else frozenset(chars)
        return lambda match: (match in members) != none_of

    def escaped(self) -> tuple[Test, str]:
        """The test for an escape, and what it stands for; "" for a negated class. Raises Unobservable."""
        char = self.take()
        if char.lower() in CLASSES and char:
            return self.among(CLASSES[char.lower()], none_of=char.isupper()), CLASSES[char] if char.islower() else ""
        if not char or not char.isascii() or char.isalnum():
            refuse_pattern("it has an escape that is not read alike everywhere")
        return self.among(char), char

    def bracketed(self) -> Test:
        """The test for one character of a set `[…]`, whose `[` is read; with `^` first, for any other character.

        A closing bracket that comes first is a member. Raises Unobservable for one that is not closed or makes no
        sense.
        """
        none_of = self.peek() == "^"
        self.at += none_of
        chars = ""
        first = True
        while first or self.peek() != "]":
            first = False
            low = self.member()
            if len(low) == 1 and self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.take()
                high = self.member()
                if len(high) != 1 or not low <= high or not high.isascii():
                    refuse_pattern("it has a range that makes no sense")
                low = "".join(map(chr, range(ord(low), ord(high) + 1)))
            chars += low
        self.take()
        return self.among(chars, none_of=none_of)

    def member(self) -> str:
        """The characters of one member of a set: one, or those of a class such as `\\d`. Raises Unobservable."""
        char = self.take()
        if not char:
            refuse_pattern("a set of characters is not closed")
        if char == "[" and self.peek() in (":", ".", "=") and self.peek():
            refuse_pattern("it names a class of characters")
        if char != "\\":
            return char
        chars = self.escaped()[1]
        if not chars:
            refuse_pattern("it has an escape that is not read alike everywhere")
        return chars
