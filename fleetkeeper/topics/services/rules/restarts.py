"""Tasks of the swarm that end by themselves and come back, over and over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from fleetkeeper.inventory.units import show_duration
from fleetkeeper.topics.services.facts import SwarmService, Task

OFTEN = 3
YOUNG = 300.0
"""Seconds after which a task that has not ended again has come up."""
HOUR, DAY = 3600.0, 86400.0
ENDED_BADLY = frozenset({"failed", "rejected"})
PATIENT = 60.0
"""Seconds of delay before a restart from which on a service is meant to end and to be started again."""


def crash_loops(service: SwarmService | None, tasks: Iterable[Task]) -> Iterator[tuple[Task, str]]:
    """The slots of a service whose tasks end over and over: the task that ended last, and what happens, in words.

    Each restart is a new task, and the swarm keeps the last few that ended. Three that ended by themselves count,
    within a day, while the present one has not yet lasted as long as the one before it or five minutes. What an update,
    a scale or a drain has stopped is in state `shutdown`, and does not count; nor does a good end (`complete`) of a
    service that is started again a minute later or more, or over more than an hour: it is meant to end. Without
    `service` (None) its delay is taken to be short.
    """
    slots: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        slots[task.slot].append(task)
    for slot in slots.values():
        ended = sorted((task for task in slot if counts(task, service)), key=age_of)
        if comes_back(slot) and goes_on([age_of(task) for task in ended]):
            yield ended[0], loop_in_words(ended)


def counts(task: Task, service: SwarmService | None) -> bool:
    """Whether a task has ended by itself, lately enough, and was not meant to.

    Lately is within a day after a failure, within an hour after a good end. Without `service` its delay is taken to be
    short. A task of unknown age does not count.
    """
    if task.desired not in ("shutdown", "remove") or task.age is None:
        return False
    if task.state in ENDED_BADLY:
        return task.age <= DAY
    return task.state == "complete" and task.age <= HOUR and (service is None or service.restart_delay < PATIENT)


def age_of(task: Task) -> float:
    """For how many seconds a task has been in its state; 0 where that is not known."""
    return task.age or 0.0


def comes_back(slot: Iterable[Task]) -> bool:
    """Whether the swarm wants a task of this slot to run, so that the next one is started."""
    return any(task.desired in ("running", "ready") for task in slot)


def goes_on(ages: Sequence[float]) -> bool:
    """Whether ends at these ages (seconds, ascending) are a loop that goes on: three at least.

    The last was less than five minutes ago, or than the longest time between two of them.

    >>> goes_on([20, 60, 110]), goes_on([20, 60]), goes_on([7200, 7210, 7220]), goes_on([600, 2100, 3600])
    (True, False, False, True)
    """
    if len(ages) < OFTEN:
        return False
    longest = max(later - earlier for earlier, later in pairwise(ages))
    return ages[0] < YOUNG or ages[0] <= longest


def loop_in_words(ended: Sequence[Task]) -> str:
    """What happens in a slot, from the tasks that ended, the last one first, in words."""
    last = ended[0]
    how = f"the last with: {last.error}" if last.error else f"the last is {last.state}"
    span = show_duration(timedelta(seconds=max(age_of(ended[-1]), 1)))
    return f"{last.service}.{last.slot} ended by itself {len(ended)} times in the last {span}, {how}"
