"""The two answers of a remedy: a plan that can be shown, or why a person must act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fleetkeeper.judging.finding import Finding
    from fleetkeeper.looking.fleet import Fleet
    from remediate.steps import AnyStep, Require

Disturbs = Literal[
    "nothing", "reload", "restart", "resume", "interrupt", "engine-restart", "deletion", "ownership", "modes", "deploy"
]


@dataclass(frozen=True)
class Plan:
    """One remedy for one finding, before anything happens. Pure data; it has no link by which to run.

    `steps` are done in order, each only while its own precondition still holds; `requires` are read-only questions that
    are asked again, under the lock, before the first step. `disturbs` are the kinds of disturbance that need consent,
    `disturbance` describes them for a person ("a restart of rodan_nginx, about 10 s"). `undo` describes the way back,
    or why there is none, `success` how the result will be judged. `after` are ids of rules whose plans must go first,
    and must not have failed. `memory` identifies a rolled-back plan: while it stays the same (image and spec, say), the
    plan is not made again. Empty means the shown steps themselves.
    """

    steps: tuple[AnyStep, ...]
    disturbs: tuple[Disturbs, ...] = ("nothing",)
    disturbance: str = "nothing"
    undo: str = "each step is undone in reverse order"
    success: str = "the same rule, on a fresh look at all nodes"
    requires: tuple[Require, ...] = ()
    notes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    memory: str = ""

    @property
    def nodes(self) -> frozenset[str]:
        """Names of all nodes that the plan changes or asks."""
        return frozenset(name for step in (*self.steps, *self.requires) for name in (step.node, *other_nodes(step)))


def other_nodes(step: AnyStep | Require) -> tuple[str, ...]:
    """Nodes besides its own that a step needs, such as the one that a file is copied from; empty for most."""
    matches: tuple[str, ...] = getattr(step, "also", ())
    return matches


@dataclass(frozen=True)
class ForAPerson:
    """A remedy's answer when no tool should act: the reason, and what a person can do, step by step."""

    why: str
    what_to_do: str


Remedy = Callable[["Finding", "Fleet"], Plan | ForAPerson]
"""Pure: what to do about one finding, from what was seen. May raise Unobservable when a fact was not seen."""
