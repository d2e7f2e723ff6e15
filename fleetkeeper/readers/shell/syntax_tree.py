"""The parts of a script: lists, pipelines, and simple and compound commands."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Literal

from fleetkeeper.readers.shell.words import Simple, Word, assignment, literal_text


@dataclass(frozen=True)
class Pipeline:
    """Commands of which each reads what the one before it prints. `negated`: it begins with `!`."""

    commands: tuple[Command, ...]
    negated: bool = False


@dataclass(frozen=True)
class AndOr:
    """Pipelines joined by `&&` and `||`. `background`: it ends with `&`."""

    first: Pipeline
    others: tuple[tuple[Literal["&&", "||"], Pipeline], ...] = ()
    background: bool = False


Script = tuple[AndOr, ...]
Redirections = tuple[tuple[str, Word], ...]


@dataclass(frozen=True)
class If:
    """`if`: each condition with its commands, and those of `else`."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script = ()
    redirected: Redirections = ()


@dataclass(frozen=True)
class Loop:
    """`while`, or `until` (`negated`)."""

    condition: Script
    body: Script
    negated: bool = False
    redirected: Redirections = ()


@dataclass(frozen=True)
class For:
    """`for NAME in WORDS`; `words` is None where there is no `in`."""

    name: str
    words: tuple[Word, ...] | None
    body: Script
    redirected: Redirections = ()


@dataclass(frozen=True)
class Case:
    """`case WORD in`: each list of patterns with its commands."""

    word: Word
    clauses: tuple[tuple[tuple[Word, ...], Script], ...]
    redirected: Redirections = ()


@dataclass(frozen=True)
class Group:
    """`{ …; }`, or `( … )`, which is a subshell."""

    body: Script
    subshell: bool = False
    redirected: Redirections = ()


@dataclass(frozen=True)
class Function:
    """The definition of a function. `keyword`: it begins with `function`, which dash does not have."""

    name: str
    body: Command
    redirected: Redirections = ()
    keyword: bool = False


Compound = If | Loop | For | Case | Group | Function
Command = Simple | Compound


def has_keyword_function(part: object) -> bool:
    """Whether a function is defined with the word `function` anywhere in a part of a script."""
    if isinstance(part, tuple):
        return any(map(has_keyword_function, part))
    if isinstance(part, Function) and part.keyword:
        return True
    return is_dataclass(part) and any(map(has_keyword_function, vars(part).values()))


def program_name(command: Command) -> str:
    """The name of the program of a simple command; "a group" for a compound one.

    Without a directory; "" for a word that is not plain.
    """
    if not isinstance(command, Simple) or not command.words:
        return "a group"
    return (literal_text(command.words[0]) or "").rpartition("/")[2]


def does_nothing(pipeline: Pipeline) -> bool:
    """Whether a pipeline is `true`, `:` or `exit 0`: behind `||` it makes a failure a success."""
    [command, *others] = pipeline.commands
    if others or not isinstance(command, Simple):
        return False
    return [literal_text(word) for word in command.words] in (["true"], [":"], ["exit", "0"], ["/bin/true"])


def simple_command(words: list[Word], redirected: list[tuple[str, Word]]) -> Simple:
    """The simple command with these words, of which the first may be assignments."""
    rest = list(words)
    assigned: list[tuple[str, Word]] = []
    while rest and (pair := assignment(rest[0])):
        assigned.append(pair)
        rest.pop(0)
    return Simple(tuple(assigned), tuple(rest), redirected=tuple(redirected))
