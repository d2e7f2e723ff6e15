"""The watch over a changed swarm service: its new tasks must come up, and stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fleetkeeper.redact import masked
from fleetkeeper.untrusted import one_line
from remediate.steps.step import StepFailed

ENDED = frozenset({"failed", "rejected", "complete", "orphaned"})
GIVEN_UP = frozenset({"paused", "rollback_started", "rollback_paused", "rollback_completed"})
POLL = 1.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """The watch's clock, and how it waits, both in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Watch:
    """The condition for new tasks: `wanted` of them run, none ends, for `settle` seconds, and no old one is left.

    `before` are the ids of the old tasks. `limit` is how long (seconds) each further one may take to come up. A task
    counts as running only once its health check, if it has one, says so: swarm itself waits for that.
    """

    before: frozenset[str]
    wanted: int
    settle: float
    limit: float
    pace: Pace

    def wait(self, ask: Callable[[], tuple[Json, list[Json]]]) -> None:
        """Call `ask` until the new tasks have run long enough. Raises StepFailed with the engine's reason.

        `ask` returns the service and its tasks, as the Engine API has them; what it raises passes. A new task that
        ends, even with success, is a failure. Once enough have run, there is no limit any more but that they settle. It
        raises that too when too few come up within `limit` seconds of the last one.
        """
        most, progress, settled = 0, self.pace.clock(), None
        while True:
            service, matches = ask()
            new = [task for task in matches if task["ID"] not in self.before]
            raise_for_ends(service, new)
            running, now = sum(task["Status"]["State"] == "running" for task in new), self.pace.clock()
            if running > most:
                most, progress = running, now
            settled = (settled or now) if running >= self.wanted and not self.has_old_task(matches) else None
            if settled is not None and now - settled >= self.settle:
                return
            if settled is None and now - progress > self.limit:
                raise StepFailed(f"not healthy within {self.limit:.0f} s: {describe_task_states(new)}")
            self.pace.sleep(POLL)

    def has_old_task(self, tasks: Iterable[Json]) -> bool:
        """Whether one of these tasks is an old one that should still run: the swarm has not replaced it yet."""
        return any(task["ID"] in self.before and task["DesiredState"] == "running" for task in tasks)


def raise_for_ends(service: Mapping[str, Any], new: Iterable[Json]) -> None:
    """Raise StepFailed when a new task has ended, or swarm itself gave up; the message has the engine's reason."""
    for task in new:
        if task["Status"]["State"] in ENDED:
            raise StepFailed(f"a task with the new user {task['Status']['State']}: {engine_message(task)}")
    update = service.get("UpdateStatus") or {}
    if update.get("State") in GIVEN_UP:
        raise StepFailed(f"swarm stopped the update: {one_line(update.get('Message', ''))[:200]}")


def describe_task_states(new: Iterable[Json]) -> str:
    """The states of these tasks with the engine's messages, each once, as one line; it says so when there are none."""
    return (
        "; ".join(sorted({f"{task['Status']['State']}: {engine_message(task)}" for task in new}))
        or "no new task appeared"
    )


def engine_message(task: Mapping[str, Any]) -> str:
    """The engine's error or message about a task, at most 200 characters. Never what the program itself printed."""
    status = task["Status"]
    return one_line(masked(str(status.get("Err") or status.get("Message") or "no reason given")))[:200]


def worst_task_id(new: Iterable[Json]) -> str:
    """The id of the task whose log explains most: one that ended, else the youngest; empty without tasks."""
    ordered = sorted(new, key=lambda task: (task["Status"]["State"] in ENDED, str(task.get("CreatedAt", ""))))
    return str(ordered[-1]["ID"]) if ordered else ""
