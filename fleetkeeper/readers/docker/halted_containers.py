"""Which containers a script itself stopped, paused or removed before it enters them: then there is nothing to enter.

Source: https://docs.docker.com/reference/cli/docker/container/exec/: the container must run, and must not be paused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.docker.exec_targets import HEX, Target, docker_match
from fleetkeeper.readers.docker.halting_commands import Change, changes_of
from fleetkeeper.readers.docker.labels import STACK_NAMESPACE, SWARM_SERVICE
from fleetkeeper.readers.shell.surroundings import UNKNOWN_DIRECTORY
from fleetkeeper.readers.shell.truth import YES, Truth, both, opposite
from fleetkeeper.readers.shell.words import Word
from fleetkeeper.transport.commands import Unobservable

MOST_KEPT = 32
"""Changes that are remembered in one script; any user may write more."""


@dataclass(frozen=True)
class Halt:
    """What a script halts, and whether it gets there and does not start it again.

    `besides` are services of compose that it started again out of all that it halted.
    """

    change: Change
    reach: Truth
    besides: frozenset[str] = frozenset()


@dataclass
class HaltedContainers:
    """The containers that a script halted so far, and did not start again."""

    halts: list[Halt] = field(default_factory=list)

    def follow(self, words: Sequence[Word], directory: str, reach: Truth) -> None:
        """Note what a command with these words halts or starts again.

        `directory` is where it runs, `reach` whether the script gets to it.
        """
        if reach.value is False:
            return
        for change in (change_in(directory, made) for made in changes_of(words)):
            if change.starts:
                begins = both(reach, Truth(None)) if change.perhaps else reach
                self.halts = [left for halt in self.halts for left in halts_left(halt, change, begins)]
            else:
                self.halts.append(Halt(change, reach))
        self.halts = self.halts[-MOST_KEPT:]

    def leave(self, target: Target) -> Truth:
        """Whether a container runs after all that was followed; YES for one that was not halted."""
        result = YES
        for halt in self.halts:
            common = what_is_common(halt.change, target)
            again = any(overlap(replace(halt.change.target, name=name), target) for name in halt.besides)
            if not common or again or halt.reach.value is False:
                continue
            surely = common.value and halt.reach.value and halt.change.surely
            what = f"`{halt.change.command}` before it"
            why = f"{what} leaves no running container to enter" if surely else f"{what} may have halted its container"
            result = both(result, Truth(False if surely else None, why))
        return result


def change_in(directory: str, change: Change) -> Change:
    """A change of a command that runs in a directory, whose project compose takes."""
    if change.target.kind != "compose" or change.target.directory:
        return change
    return replace(change, target=replace(change.target, directory=directory))


def halts_left(halt: Halt, start: Change, reach: Truth) -> list[Halt]:
    """What is left of a halt behind a command that starts containers, if the script gets there (`reach`).

    What a swarm starts has another name than what it halted.
    """
    if not starts_what(start, halt.change):
        return [halt]
    kinds = {start.target.kind, halt.change.target.kind}
    if reach.value and kinds == {"compose"} and start.target.name and not halt.change.target.name:
        return [replace(halt, besides=halt.besides | {start.target.name})]
    kept = replace(halt, reach=both(halt.reach, opposite(reach)))
    if halt.change.scope in ("container", "engine"):
        return [kept]
    return [kept, Halt(replace(halt.change, renewed=True), both(halt.reach, reach))]


def starts_what(start: Change, halted: Change) -> bool:
    """Whether a command starts again, or may, what another one halted."""
    if "engine" in (start.scope, halted.scope) or "container" in (start.scope, halted.scope):
        return start.scope == halted.scope and (
            start.scope == "engine" or overlap(halted.target, start.target) is not None
        )
    name, other = start.target.name, halted.target.name
    return name == other or name.startswith(f"{other}_") or other.startswith(f"{name}_")


def what_is_common(change: Change, target: Target) -> Truth | None:
    """Whether what a command changed is what is entered: None for surely not, unknown where only Docker could tell."""
    if change.renewed and target.kind != "name":
        return None
    if change.scope == "container":
        return overlap(change.target, target)
    if change.scope == "engine":
        return YES
    return of_swarm(change, target)


def of_swarm(change: Change, target: Target) -> Truth | None:
    """Whether what is entered belongs to the service, or to the stack, that a command changed; as `what_is_common`."""
    name, doubt = change.target.name, Truth(None, "")
    own = f"{name}." if change.scope == "service" else f"{name}_"
    if target.kind == "name":
        return YES if target.name.startswith(own) else doubt if HEX.fullmatch(target.name) else None
    if target.kind != "lookup":
        return doubt if target.kind == "unclear" else None
    labels = dict(value.partition("=")[::2] for key, value in target.filters if key == "label")
    service, stack = labels.get(SWARM_SERVICE, ""), labels.get(STACK_NAMESPACE, "")
    if service:
        return YES if f"{service}.".startswith(own) else None
    if stack:
        return YES if change.scope == "stack" and stack == name else doubt if name.startswith(f"{stack}_") else None
    names = [value for key, value in target.filters if key == "name"]
    others = change.scope == "service" and names and not may_be_named(target, [f"{name}.1.x"])
    return None if others else doubt


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
        is_known = bool(halted.project) or halted.directory != UNKNOWN_DIRECTORY
        same = is_known and (halted.project, halted.directory) == (target.project, target.directory)
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
