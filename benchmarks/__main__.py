"""`python -m benchmarks`: builds the stage, measures everybody in turns, prints the table."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import stage as stages
from benchmarks import tools
from benchmarks.measuring import Failed, Sample, middle, run
from benchmarks.scripts import case
from benchmarks.stage import INSIDE, Stage, stage
from benchmarks.table import Case, table
from benchmarks.tools import LOOK, OURS, TOOLS, Tool

FEW = 10
"""Nodes at which the slow tools are measured by default: Ansible takes two seconds for each."""
MANY = 100
"""Above this, only the floor and ours are measured."""


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--nodes", type=numbers, default=[1, 10, 50, 100], metavar="N,N", help="default: 1,10,50,100")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run; medians are shown (default: 3)")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=list(TOOLS), help=", ".join(TOOLS))
    parser.add_argument("--quick", action="store_true", help="1 and 10 nodes, the floor and ours, one round")
    parser.add_argument("--all", action="store_true", help="all tools at all of 1 to 100, ours at 500 and 1000 too")
    parser.add_argument("--no-delay", action="store_true", help="leave out the cases 50 ms away")
    return parsed(parser, words)


def parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    asked = parser.parse_args(words)
    if unknown := [name for name in asked.tools if name not in TOOLS]:
        parser.error(f"no such tool: {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    if asked.quick:
        asked.nodes, asked.rounds, asked.tools = [1, 10], 1, [name for name in asked.tools if name in OURS]
    if asked.all:
        asked.nodes = [1, 10, 50, 100, 500, 1000]
    return asked


def numbers(text: str) -> list[int]:
    """Numbers of nodes, separated by commas; there are addresses for 1000, and memory for no more."""
    found = [int(part) for part in text.split(",")]
    if not all(1 <= number <= 1000 for number in found):
        raise argparse.ArgumentTypeError("between 1 and 1000 nodes")
    return found


def cases(asked: argparse.Namespace) -> Iterator[Case]:
    """Near ones first, then 50 ms away: there the wire is what costs, so 10 and 100 nodes say enough."""
    yield from (Case(number) for number in asked.nodes)
    if not asked.no_delay:
        yield from (Case(number, delayed=True) for number in asked.nodes if number in (FEW, MANY))


def measured(asked: argparse.Namespace, of: Case, tool: Tool, number: int) -> bool:
    """Whether a tool has a turn in a round of a case."""
    most = MANY if asked.all or not tool.slow else FEW
    return (tool.name in OURS or of.nodes <= most) and (not tool.slow or number == 0)


def once(built: Stage, of: Case, tool: Tool) -> Sample:
    """One run. What our look prints is its own time, without the start of its process."""
    folder = case(built, of.nodes, delayed=of.delayed)
    stages.flights()
    sample, printed = run(tool.words(built, folder), tools.environment(built, folder))
    if of.delayed:
        sample = replace(sample, flights=stages.flights()[1] / of.nodes)
    return replace(sample, wall=float(printed.split()[-1])) if tool.name == LOOK else sample


def measure(asked: argparse.Namespace, missing: dict[str, str]) -> Iterator[tuple[str, Case, Sample]]:
    """The medians of every case. Within a case the tools take turns, so that all meet the same noise."""
    with tempfile.TemporaryDirectory(prefix="fleetkeeper-bench-") as folder, stage(Path(folder), 1000) as built:
        for of in cases(asked):
            samples: dict[str, list[Sample]] = {}
            for number in range(asked.rounds):
                for name in asked.tools:
                    if name in missing or not measured(asked, of, TOOLS[name], number):
                        continue
                    try:
                        samples.setdefault(name, []).append(once(built, of, TOOLS[name]))
                    except Failed as why:
                        missing[name] = f"failed with {of} nodes"
                        say(f"{name}, {of}: {why}")
                    else:
                        say(f"{of}, {name}: {samples[name][-1].wall:.2f} s")
            for name, found in samples.items():
                yield name, of, middle(found)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def main(words: Sequence[str]) -> int:
    asked = arguments(words)
    if INSIDE not in os.environ:
        stages.install()
        if why := stages.hindrance():
            say(f"no stage can be built: {why}")
            return 2
        if not set(asked.tools) <= set(OURS):
            tools.install()
        stages.enter(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missing = {name: "not installed" for name in tools.PACKAGES if not tools.program(name).exists()}
    missing = {name: why for name, why in missing.items() if name in asked.tools}
    load = os.getloadavg()[0]
    results = {(name, of): sample for name, of, sample in measure(asked, missing)}
    print(table(results, missing))  # noqa: T201
    print(  # noqa: T201
        f"\nmedians of {asked.rounds}, the slow tools once; load {load:.1f} before, {os.getloadavg()[0]:.1f} after, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}"
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
