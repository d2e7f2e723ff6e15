"""What was aimed at, and whether it was reached: read off what was measured, never written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measuring import Sample
from benchmarks.table import Case, Results
from benchmarks.tools import FLOOR, LOOK, WHOLE

ITEMS = 5
"""A node."""
START = 0.6
"""Seconds that a whole process may take besides its look and its items."""
ITEM = 0.001
MEMORY = 150.0
"""MiB at a thousand nodes."""


@dataclass(frozen=True)
class Shown:
    """One measured number, for one number of nodes, and whether it is as good as it was meant to be.

    None: it cannot be told, since what it is compared with was ended too early.
    """

    case: Case
    value: str
    reached: bool | None

    def __str__(self) -> str:
        return f"{self.value} at {self.case}{' (missed)' if self.reached is False else ''}"


@dataclass(frozen=True)
class Goal:
    """A sentence, and what was measured about it."""

    sentence: str
    shown: Sequence[Shown]

    def row(self) -> str:
        reacheds = [shown.reached for shown in self.shown if shown.reached is not None]
        some = "yes" if all(reacheds) else f"{sum(reacheds)} of {len(reacheds)}" if any(reacheds) else "no"
        text = some if reacheds else "not known" if self.shown else "not measured"
        return f"| {self.sentence} | {text} | {'; '.join(map(str, self.shown))} |"


def measured_pairs(results: Results, item: str, other: str) -> Iterator[tuple[Case, Sample, Sample]]:
    """The cases in which two tools were measured."""
    for (name, case), sample in results.items():
        if name == item and (beside := results.get((other, case))):
            yield case, sample, beside


def look_goals(results: Results, most: float, nodes: Callable[[int], bool]) -> Iterator[Shown]:
    for case, look, floor in measured_pairs(results, LOOK, FLOOR):
        if nodes(case.nodes):
            yield Shown(case, f"{look.wall / floor.wall:.2f}", look.wall <= most * floor.wall)


def start_goals(results: Results) -> Iterator[Shown]:
    """Seconds that the whole process takes longer than the look."""
    for case, whole, look in measured_pairs(results, WHOLE, LOOK):
        more, most = whole.wall - look.wall, START + ITEM * ITEMS * case.nodes
        yield Shown(case, f"{more:.2f} of {most:.2f} s", more <= most)


def cpu_goals(results: Results) -> Iterator[Shown]:
    """Milliseconds of CPU a node."""
    least_of = Case(100)
    least = results.get((WHOLE, least_of))
    for (_, case), sample in select_samples(results, WHOLE):
        if case.nodes == 1000 and least:
            here, present = sample.cpu / case.nodes, least.cpu / least_of.nodes
            yield Shown(case, f"{1000 * present:.0f} ms at {least_of}, {1000 * here:.0f}", here <= present)


def memory_goals(results: Results) -> Iterator[Shown]:
    for (_, case), sample in select_samples(results, WHOLE):
        if case.nodes == 1000:
            yield Shown(case, f"{sample.memory:.0f}", sample.memory < MEMORY)


def select_samples(results: Results, tool: str) -> Iterator[tuple[tuple[str, Case], Sample]]:
    return ((key, sample) for key, sample in results.items() if key[0] == tool)


def times_ahead(results: Results, tool: str, times: float) -> Iterator[Shown]:
    """How many times as long another tool takes as our whole process; one that was ended would take longer."""
    for case, other, whole in measured_pairs(results, tool, WHOLE):
        factor = other.wall / whole.wall
        reached = factor >= times or (None if other.ended else False)
        yield Shown(case, f"{'> ' if other.ended else ''}{factor:.1f}", reached)


def goals_text(results: Results) -> str:
    """Markdown: each goal, whether it was reached, and by what.

    >>> print(goals_text({(FLOOR, Case(10)): Sample(1, 1, 8), (LOOK, Case(10)): Sample(1.1, 1, 60)}).splitlines()[3])
    | looking ≤ 1.2 times the floor at 10 nodes | yes | 1.10 at 10 |
    """
    goals = (
        Goal(
            "looking ≤ 1.05 times the floor from 100 nodes on", [*look_goals(results, 1.05, lambda nodes: nodes >= 100)]
        ),
        Goal("looking ≤ 1.2 times the floor at 10 nodes", [*look_goals(results, 1.2, lambda nodes: nodes == 10)]),
        Goal("the whole process ≤ that + 0.6 s + 1 ms an item", [*start_goals(results)]),
        Goal("linear: no more CPU a node at 1000 nodes than at 100", [*cpu_goals(results)]),
        Goal("under 150 MiB at 1000 nodes", [*memory_goals(results)]),
        Goal("20 times ahead of plain testinfra over ssh", [*times_ahead(results, "testinfra ssh", 20)]),
        Goal("20 times ahead of Ansible", [*times_ahead(results, "Ansible", 20)]),
        Goal("3 times ahead of pyinfra", [*times_ahead(results, "pyinfra", 3)]),
    )
    return "\n".join(
        ["| goal | reached | measured |", "|------|---------|----------|", *(goal.row() for goal in goals)]
    )
