r"""Parsing of a command line as /bin/sh would split it, without running any of it.

Enough of POSIX sh for crontabs: quotes, `$(…)`, backquotes, variables, lists, pipes, redirections. Syntax that it
does not know (here-documents, `case`) raises Unreadable, so that no command is guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
PLAIN, QUOTED = re.compile(r"""[^\s;&|()<>'"$`\\]+"""), re.compile(r"""[^"$`\\]+""")
SEPARATORS = ("&&", "||", ";;", ";", "|&", "|", "&", "\n", "(", ")")
OPENERS = frozenset({"if", "then", "else", "elif", "while", "until", "do", "{", "!"})
CLOSERS = frozenset({"fi", "done", "}"})
LONGEST = 65536
DEEPEST = 16
"""Limit of quotes and substitutions inside each other, so that reading them ends."""
REDIRECTION = re.compile(r"(?=&>|[0-9]*[<>])[0-9]*(&>>?|<<-?|<&|>&|>>|>\||<>|<|>)")
DESCRIPTORS = "0123456789"


class Unreadable(ValueError):
    """A command that is no correct shell, or uses syntax that is not supported here."""


@dataclass(frozen=True)
class Part:
    """A piece of a word: text, the command of a substitution, or the name of a variable."""

    kind: Literal["text", "command", "variable"]
    text: str


Word = tuple[Part, ...]


@dataclass(frozen=True)
class Simple:
    """One simple command: its assignments (name, value), its words and, where they were read, its redirections.

    `piped`: it reads the output of the command before it. Operators are as written, with the number of a file.
    """

    assigned: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    piped: bool = False
    redirected: tuple[tuple[str, Word], ...] = ()


def literal_text(word: Word) -> str | None:
    """The text of a word without substitutions and variables; None for any other word."""
    if len(word) == 1:  # most words are one piece, and every command of every script is asked
        return word[0].text if word[0].kind == "text" else None
    return "".join(part.text for part in word) if all(part.kind == "text" for part in word) else None


def simple_commands(text: str) -> tuple[Simple, ...]:
    """The simple commands of a script, in the order in which they are written. Raises Unreadable.

    Commands inside substitutions are not among them: they are parts of words.

    >>> [literal_text(command.words[0]) for command in simple_commands("cd / && sudo docker ps -q | head -1")]
    ['cd', 'sudo', 'head']
    """
    if len(text) > LONGEST or "\0" in text:
        raise Unreadable("too long, or not text")
    simples: list[Simple] = []
    words: list[Word] = []
    piped = False
    for token in Reader(text).tokens():
        if isinstance(token, tuple):
            words.append(token)
            continue
        simples += without_reserved_words(words, piped)
        words, piped = [], token in ("|", "|&")
    return (*simples, *without_reserved_words(words, piped))


def redirections(text: str) -> tuple[tuple[str, Word], ...]:
    """The redirections of a script, as operator and target. Raises Unreadable.

    Without the number of a descriptor before the operator.

    >>> [(operator, literal_text(target)) for operator, target in redirections("a > x 2>&1; b < y")]
    [('>', 'x'), ('>&', '1'), ('<', 'y')]
    """
    reader = Reader(text)
    for _ in reader.tokens():
        pass
    return tuple((operator.lstrip(DESCRIPTORS), target) for operator, target in reader.redirected)


def without_reserved_words(words: list[Word], piped: bool) -> list[Simple]:
    """The simple command with these words, without reserved words before it; [] when nothing is left.

    `piped`: it reads the output of the command before it. Raises Unreadable for a compound command that is not
    supported.
    """
    rest = list(words)
    while rest and literal_text(rest[0]) in OPENERS | CLOSERS:
        rest.pop(0)
    if rest and literal_text(rest[0]) in ("case", "esac", "function", "select"):
        raise Unreadable(f"`{literal_text(rest[0])}` is more than is understood here")
    assigned: list[tuple[str, Word]] = []
    while rest and (pair := assignment(rest[0])):
        assigned.append(pair)
        rest.pop(0)
    return [Simple(tuple(assigned), tuple(rest), piped)] if assigned or rest else []


def assignment(word: Word) -> tuple[str, Word] | None:
    """Name and value of an assignment; None for any other word. The value may be empty."""
    first = word[0] if word else None
    if first is None or first.kind != "text" or not (match := ASSIGNMENT.match(first.text)):
        return None
    rest = first.text[match.end() :]
    return match.group()[:-1], ((Part("text", rest), *word[1:]) if rest else word[1:])


class Reader:
    """A tokenizer of shell text; redirections go to `redirected` (operator, target). Its methods raise Unreadable.

    `documents`: here-documents are skipped, and not refused.
    """

    def __init__(self, text: str, *, documents: bool = False) -> None:
        """A parser of the shell text, from its first character."""
        self.text = text
        self.at = self.depth = 0
        self.documents = documents
        self.redirected: list[tuple[str, Word]] = []
        self.ends: list[tuple[str, bool]] = []

    def tokens(self) -> Iterator[Word | str]:
        """The words, and the separators as they are written. Raises Unreadable.

        Comments are left out, redirections go into `redirected`.
        """
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif char == "#":
                self.at = end if (end := self.text.find("\n", self.at)) >= 0 else len(self.text)
            elif redirection := REDIRECTION.match(self.text, self.at):
                self.redirect(redirection)
            elif separator := next((item for item in SEPARATORS if self.text.startswith(item, self.at)), ""):
                self.at += len(separator)
                if separator == "\n" and self.ends:
                    self.skip_documents()
                yield separator
            else:
                yield self.word()

    def redirect(self, match: re.Match[str]) -> None:
        """Store a redirection and the word after it. Raises Unreadable when there is no word.

        Here-documents only with `documents`: Unreadable without. The end of one is kept in `ends`.
        """
        if match[1].startswith("<<") and not self.documents:
            raise Unreadable("a here-document is more than is understood here")
        self.at = match.end()
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        target = self.word()
        if not target:
            raise Unreadable("a redirection leads nowhere")
        self.redirected.append((match[0], target))
        if match[1].startswith("<<"):
            self.ends.append((literal_text(target) or "", match[1] == "<<-"))

    def skip_documents(self) -> None:
        """Skip the lines of here-documents up to the words that end them.

        Without such a word, to the end of the text.
        """
        for end, stripped in self.ends:
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                line = self.text[self.at : stop if stop >= 0 else len(self.text)]
                self.at += len(line) + 1
                if (line.lstrip("\t") if stripped else line) == end:
                    break
        self.ends = []

    def word(self) -> Word:
        """One word, up to an unquoted blank or operator. Raises Unreadable."""
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] not in " \t\n;&|()<>":
            parts += self.piece()
        return joined(parts)

    def piece(self) -> list[Part]:
        """The next parts of a word: a quoted string, an expansion, or plain characters. Raises Unreadable."""
        char = self.text[self.at]
        if char == "'":
            return [Part("text", self.until("'"))]
        if char == '"':
            self.at += 1
            return self.quoted()
        if char in "$`":
            return [self.expansion()]
        return self.plain()

    def plain(self) -> list[Part]:
        """Characters without a special meaning, or the one after a backslash."""
        if run := PLAIN.match(self.text, self.at):
            self.at = run.end()
            return [Part("text", run.group())]
        char = self.text[self.at]
        self.at += 1
        if char != "\\":
            return [Part("text", char)]
        escaped = self.text[self.at : self.at + 1] or char
        self.at += 1
        return [Part("text", "" if escaped == "\n" else escaped)]

    def quoted(self) -> list[Part]:
        """The parts up to the closing double quote; an empty text keeps an empty word. Raises Unreadable."""
        self.enter()
        parts = [Part("text", "")]
        while (char := self.peek()) != '"':
            if char in "$`":
                parts.append(self.expansion())
            elif char == "\\" and self.text[self.at + 1 : self.at + 2] in tuple('$`"\\\n'):
                parts += self.plain()
            elif run := QUOTED.match(self.text, self.at):
                parts.append(Part("text", run.group()))
                self.at = run.end()
            else:
                parts.append(Part("text", char))
                self.at += 1
        self.at += 1
        self.depth -= 1
        return parts

    def enter(self) -> None:
        """Count one more level of nesting. Raises Unreadable when there are too many."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable("its quotes and brackets are nested too deep")

    def peek(self) -> str:
        """The current character. Raises Unreadable at the end of the text. It is not consumed."""
        if self.at >= len(self.text):
            raise Unreadable("a quote or a bracket is not closed")
        return self.text[self.at]

    def expansion(self) -> Part:
        """The expansion that a dollar sign or a backquote begins; a lone `$` is text. Raises Unreadable.

        A calculation `$((…))` counts as a variable that is not known.
        """
        if self.peek() == "`":
            return Part("command", self.until("`").replace("\\`", "`"))
        if self.text.startswith("$((", self.at):
            return Part("variable", self.substitution())
        if self.text.startswith("$(", self.at):
            return Part("command", self.substitution())
        if self.text.startswith("${", self.at):
            self.at += 1
            inside = self.until("}")
            return Part("variable", inside)
        name = NAME.match(self.text, self.at + 1)
        self.at = name.end() if name else self.at + 1
        return Part("variable", name.group()) if name else Part("text", "$")

    def substitution(self) -> str:
        """The text inside `$(…)`, with nested brackets and quotes. Raises Unreadable."""
        self.enter()
        self.at += 2
        start, depth = self.at, 1
        while depth:
            char = self.peek()
            if char in "'":
                self.until("'")
                continue
            if char == '"':
                self.at += 1
                self.quoted()
                continue
            depth += {"(": 1, ")": -1}.get(char, 0)
            self.at += 2 if char == "\\" else 1
        self.depth -= 1
        return self.text[start : self.at - 1]

    def until(self, end: str) -> str:
        """The text up to the closing character `end`; reading goes on behind that. Raises Unreadable without one."""
        close = self.text.find(end, self.at + 1)
        if close < 0:
            raise Unreadable("a quote or a bracket is not closed")
        inside = self.text[self.at + 1 : close]
        self.at = close + 1
        return inside


def joined(parts: list[Part]) -> Word:
    """The pieces of a word with adjacent text in one part."""
    word: list[Part] = []
    for kind, alike in groupby(parts, key=lambda part: part.kind):
        same = list(alike)
        word += [Part("text", "".join(part.text for part in same))] if kind == "text" else same
    return tuple(word)
