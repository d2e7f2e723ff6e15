"""What was measured, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.measuring import Sample
from benchmarks.tools import FLOOR


@dataclass(frozen=True)
class Case:
    """So many nodes, near or 50 ms away."""

    nodes: int
    delayed: bool = False

    def __str__(self) -> str:
        return f"{self.nodes}{' at 50 ms' if self.delayed else ''}"


Results = Mapping[tuple[str, Case], Sample]
HEAD = ("tool", "nodes", "wall s", "x floor", "CPU s", "CPU ms/node", "MiB", "trips/node")


def results_table(results: Results, missing: Mapping[str, str]) -> str:
    """Markdown: case by case, with every tool's ratio to the floor of the same case.

    >>> print(results_table({(FLOOR, Case(10)): Sample(0.5, 0.3, 8), ("slow", Case(10)): Sample(5, 4, 60, 40)}, {}))
    | tool          | nodes | wall s | x floor | CPU s | CPU ms/node | MiB | trips/node |
    |---------------|------:|-------:|--------:|------:|------------:|----:|-----------:|
    | ssh host true |    10 |   0.50 |    1.00 |  0.30 |          30 |   8 |            |
    | slow          |    10 |   5.00 |   10.00 |  4.00 |         400 |  60 |         40 |
    """
    rows = [table_row(name, case, sample, results.get((FLOOR, case))) for (name, case), sample in results.items()]
    return "\n".join([*align_columns([HEAD, *rows]), *(f"{name}: {why}" for name, why in missing.items())])


def table_row(name: str, case: Case, sample: Sample, floor: Sample | None) -> tuple[str, ...]:
    return (
        name,
        str(case),
        f"{'> ' if sample.ended else ''}{sample.wall:.2f}",
        f"{'> ' if sample.ended else ''}{sample.wall / floor.wall:.2f}" if floor else "",
        "" if sample.ended else f"{sample.cpu:.2f}",
        "" if sample.ended else f"{1000 * sample.cpu / case.nodes:.0f}",
        "" if sample.ended else f"{sample.memory:.0f}",
        "" if sample.trips is None else f"{sample.trips:.1f}".removesuffix(".0"),
    )


def align_columns(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(cell.rjust(width) if at else cell.ljust(width) for at, cell, width in numbered_cells(each, widths))
        for each in rows
    ]
    rule = "|".join("-" * (width + 2) if not at else "-" * (width + 1) + ":" for at, width in enumerate(widths))
    yield from (f"{line} |" for line in lines[:1])
    yield f"|{rule}|"
    yield from (f"{line} |" for line in lines[1:])


def numbered_cells(cells: tuple[str, ...], widths: list[int]) -> Iterable[tuple[int, str, int]]:
    return ((at, cell, width) for at, (cell, width) in enumerate(zip(cells, widths, strict=True)))
