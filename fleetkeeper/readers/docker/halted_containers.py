"""Which containers a script itself stopped, paused or removed before it enters them: then there is nothing to enter.

Source: https://docs.docker.com/reference/cli/docker/container/exec/: the container must run, and must not be paused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.docker.client_options import COMPOSE_VALUES, GLOBAL_VALUES, OTHER_ENGINE
from fleetkeeper.readers.docker.exec_targets import Target, container_target, docker_match, of_project
from fleetkeeper.readers.shell.options import after_options, leading_options, option_value
from fleetkeeper.readers.shell.truth import YES, Truth, both, opposite
from fleetkeeper.readers.shell.words import Word, literal_text
from fleetkeeper.transport.commands import Unobservable

VERB_VALUES = frozenset({"-t", "--time", "--timeout", "-s", "--signal"})
HALTING = frozenset({"stop", "pause", "kill", "rm", "down"})
STARTING = frozenset({"start", "restart", "unpause", "up"})
ENDING = frozenset({"", "KILL", "9", "TERM", "15", "INT", "2", "QUIT", "3", "STOP", "19"})
"""Signals of `docker kill`, without SIG, behind which a container may not run; "" is the one without an option."""
MOST_KEPT = 32
"""Halted containers that are remembered in one script; any user may write more."""


@dataclass(frozen=True)
class Halt:
    """A container that a script halts, whether the script gets there, and the verb with which it does."""

    target: Target
    reach: Truth
    verb: str


@dataclass
class HaltedContainers:
    """The containers that a script halted so far, and did not start again."""

    halts: list[Halt] = field(default_factory=list)

    def follow(self, words: Sequence[Word], directory: str, reach: Truth) -> None:
        """Note what a command of Docker's client with these words halts or starts again.

        `directory` is where it runs, `reach` whether the script gets to it.
        """
        verb, targets = halting_or_starting(words)
        if reach.value is False or not verb:
            return
        for target in targets:
            found = replace(target, directory=target.directory or directory) if target.kind == "compose" else target
            if verb in HALTING:
                self.halts = [*self.halts, Halt(found, reach, verb)][-MOST_KEPT:]
            else:
                self.halts = [
                    replace(halt, reach=both(halt.reach, opposite(reach))) if overlap(halt.target, found) else halt
                    for halt in self.halts
                ]

    def leave(self, target: Target) -> Truth:
        """Whether a container runs after all that was followed; YES for one that was not halted."""
        result = YES
        for halt in self.halts:
            common = overlap(halt.target, target)
            if not common or halt.reach.value is False:
                continue
            surely = common.value and halt.reach.value and halt.verb in ("stop", "pause", "rm", "down")
            what = f"`docker … {halt.verb}` before it"
            why = f"{what} leaves no running container to enter" if surely else f"{what} may have halted its container"
            result = both(result, Truth(False if surely else None, why))
        return result


def halting_or_starting(words: Sequence[Word]) -> tuple[str, list[Target]]:
    """The verb with which a command of Docker's client halts or starts containers, and those; ("", []) for any other.

    Nothing, too, for another engine than the node's own. A project of compose without services is one target
    whose name is empty.
    """
    client = (literal_text(words[0]) or "").rpartition("/")[2]
    rest = list(words[1:]) if client == "docker-compose" else after_options(words[1:], GLOBAL_VALUES)
    before = [(literal_text(word) or "").partition("=")[0] for word in words[1 : len(words) - len(rest)]]
    group = literal_text(rest[0]) if rest else ""
    if OTHER_ENGINE & set(before) or not rest:
        return "", []
    compose = client == "docker-compose" or group == "compose"
    rest = rest[1:] if group in ("compose", "container") and client != "docker-compose" else rest
    options: Sequence[Word] = ()
    if compose:
        behind = after_options(rest, COMPOSE_VALUES)
        options, rest = rest[: len(rest) - len(behind)], behind
    verb = literal_text(rest[0]) or "" if rest else ""
    flags, operands = leading_options(rest[1:], VERB_VALUES)
    removes = verb != "rm" or bool(flags & {"f", "force", "s", "stop"})
    if verb not in HALTING | STARTING or not removes or (verb == "kill" and not ends(rest[1:])):
        return "", []
    return verb, list(halted_targets(operands, options) if compose else map(container_target, operands))


def halted_targets(operands: Sequence[Word], options: Sequence[Word]) -> Iterator[Target]:
    """The services of compose that a command names; one without a name, for all, where it names none."""
    yield from (of_project(literal_text(word), options) for word in operands)
    if not operands:
        yield replace(of_project("all", options), name="")


def ends(words: Sequence[Word]) -> bool:
    """Whether `docker kill` with these words sends a signal behind which its container may not run: not HUP, USR1."""
    joined = next((text[2:] for text in map(literal_text, words) if text and re.match("-s.", text)), "")
    signal = (option_value(words, "-s", "--signal") or joined).lstrip("=").upper()
    return signal.removeprefix("SIG") in ENDING


def overlap(halted: Target, target: Target) -> Truth | None:
    """Whether what was halted is what is entered: None for surely not, unknown where only Docker could tell.

    A lookup that is made again may find another container, which swarm started in its stead.
    """
    doubt = Truth(None, "")
    if "unclear" in (halted.kind, target.kind):
        return doubt
    if halted.kind == target.kind == "name":
        return YES if halted.name == target.name else None
    if halted.kind == target.kind == "compose":
        same = (halted.project, halted.directory) == (target.project, target.directory)
        apart = bool(halted.project and target.project and halted.project != target.project)
        named = not halted.name or not target.name or halted.name == target.name
        return None if apart or not named else YES if same else doubt
    if halted.kind == target.kind == "lookup" and halted.filters == target.filters:
        return doubt
    return doubt if may_be_named(halted, names_of(target)) or may_be_named(target, names_of(halted)) else None


def names_of(target: Target) -> list[str]:
    """The names by which a target can be compared with another one: its own, or those of its filters."""
    return [target.name] if target.kind != "lookup" else [value for key, value in target.filters if key == "name"]


def may_be_named(target: Target, names: Sequence[str]) -> bool:
    """Whether a lookup, or a service of compose, may be a container of one of these names."""
    if target.kind == "compose":
        return not target.name or any(re.search(rf"(^|[-_]){re.escape(target.name)}([-_]|$)", name) for name in names)
    if target.kind == "name":
        return False
    if not target.filters:
        return True
    try:
        return any(docker_match(value, name) for value in names_of(target) for name in names)
    except Unobservable:
        return True
