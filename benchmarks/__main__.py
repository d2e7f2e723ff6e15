"""`python -m benchmarks`: starts the servers, measures every tool in turns, prints the table."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from benchmarks import servers, tools
from benchmarks.goals import goals_text
from benchmarks.measuring import LIMIT, Failed, Sample, TooLong, median_sample, run
from benchmarks.scripts import case_folder
from benchmarks.servers import INSIDE, BenchmarkServers, run_servers
from benchmarks.table import Case, Results, results_table
from benchmarks.tools import FLOOR, LOOK, OPENSSH, OURS, TOOLS, WHOLE, Tool

FAR = (10, 100)
"""Numbers of nodes that are also measured 50 ms away."""
FEW, MANY, TWICE = 10, 100, 2
"""Above MANY, TWICE at most, and of the slow tools above FEW far away, only the floor and ours are measured."""
EVERYTHING = [1, 10, 50, 100, 500, 1000]
PATIENCE = 90
"""Seconds after which a slow tool is ended: how much longer it would have taken decides nothing."""
PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--nodes", type=parse_numbers, default=EVERYTHING, metavar="N,N", help="default: 1,10,50,100,500,1000"
    )
    parser.add_argument(
        "--rounds", type=positive_number, default=3, help="how often each is run; medians are shown (default: 3)"
    )
    parser.add_argument("--tools", type=lambda text: text.split(","), default=list(TOOLS), help=", ".join(TOOLS))
    parser.add_argument("--quick", action="store_true", help="1 and 10 nodes, the floor and ours, one round")
    parser.add_argument(
        "--patience", type=positive_number, default=PATIENCE, help="seconds for a run of a slow tool (default: 90)"
    )
    parser.add_argument("--no-delay", action="store_true", help="leave out the cases 50 ms away")
    parser.add_argument("--save", action="store_true", help="put the tables into docs/speed.md")
    return parse_checked(parser, words)


def parse_checked(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    args = parser.parse_args(words)
    if unknown := [name for name in args.tools if name not in TOOLS]:
        parser.error(f"no such tool: {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    narrowed = args.quick or args.no_delay or args.nodes != EVERYTHING or args.tools != list(TOOLS)
    if args.save and narrowed:
        parser.error("--save takes everything: the page shows no half of a measurement")
    if args.quick:
        args.nodes, args.rounds, args.tools = [1, 10], 1, [name for name in args.tools if name in OURS]
    return args


def parse_numbers(text: str) -> list[int]:
    """Numbers of nodes, separated by commas; there are addresses for 1000, and memory for no more."""
    match = sorted({positive_number(part) for part in text.split(",")})
    if match[-1] > 1000:
        raise argparse.ArgumentTypeError("between 1 and 1000 nodes")
    return match


def positive_number(text: str) -> int:
    if not text.strip().isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above zero")
    return int(text)


def benchmark_cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """Near ones first, then 50 ms away: there the wire is what costs, so 10 and 100 nodes say enough."""
    yield from (Case(number) for number in arguments.nodes)
    if not arguments.no_delay:
        yield from (Case(number, delayed=True) for number in arguments.nodes if number in FAR)


def has_turn(case: Case, tool: Tool, number: int) -> bool:
    """Whether a tool has a turn in a round of a case: the slow once, many nodes twice, where it says something."""
    if case.nodes > MANY:
        return number < TWICE and tool.name in (FLOOR, LOOK, WHOLE)
    if case.nodes > (FEW if tool.slow and case.delayed else tool.most):
        return False
    return number == 0 or not tool.slow


def measure_once(built: BenchmarkServers, case: Case, tool: Tool, patience: float) -> Sample:
    """One run. What our look prints is its own time, without the start of its process."""
    folder = case_folder(built, case.nodes, delayed=case.delayed)
    servers.count_trips()
    try:
        sample, printed = run(tool.words(built, folder), tools.tool_environment(built, folder), patience)
    except TooLong:
        if not tool.slow:
            raise
        return Sample(patience, 0.0, 0.0, ended=True)
    if case.delayed:
        sample = replace(sample, trips=servers.count_trips()[1] / case.nodes)
    return replace(sample, wall=float(printed.split()[-1])) if tool.name in (LOOK, OPENSSH) else sample


def measure_all(arguments: argparse.Namespace, missing: dict[str, str]) -> Iterator[tuple[str, Case, Sample]]:
    """The medians of every case. Within a case the tools take turns, so that all meet the same noise."""
    with tempfile.TemporaryDirectory(prefix="fleetkeeper-bench-") as folder, run_servers(Path(folder), 1000) as built:
        for case in benchmark_cases(arguments):
            samples: dict[str, list[Sample]] = {}
            for number, name in product(range(arguments.rounds), arguments.tools):
                if name in missing or not has_turn(case, TOOLS[name], number):
                    continue
                try:
                    patience = arguments.patience if TOOLS[name].slow else LIMIT
                    samples.setdefault(name, []).append(measure_once(built, case, TOOLS[name], patience))
                except Failed as why:
                    missing[name] = f"failed with {case} nodes"
                    say(f"{name}, {case}: {why}")
                else:
                    say(f"{case}, {name}: {samples[name][-1].wall:.2f} s")
            yield from ((name, case, median_sample(runs)) for name, runs in samples.items())


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def main(words: Sequence[str]) -> int:
    arguments = parse_arguments(words)
    if INSIDE not in os.environ:
        servers.install_missing()
        if why := servers.why_impossible():
            say(f"the servers cannot be started: {why}")
            return 2
        if not set(arguments.tools) <= set(OURS):
            tools.install_tools()
        servers.enter_namespaces(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missing = {name: "not installed" for name in tools.PACKAGES if not tools.program_path(name).exists()}
    missing = {name: why for name, why in missing.items() if name in arguments.tools}
    load = os.getloadavg()[0]
    results = {(name, case): sample for name, case, sample in measure_all(arguments, missing)}
    text = results_page(results, missing, arguments.rounds, load)
    print(text)  # noqa: T201
    if arguments.save:
        PAGE.write_text(replace_measured(PAGE.read_text("utf-8"), text), "utf-8")
    return 0


def results_page(results: Results, missing: dict[str, str], rounds: int, load: float) -> str:
    """Markdown: everything that was measured, how, and whether the goals were reached."""
    load_after, python = os.getloadavg()[0], platform.python_version()
    how = (
        f"Medians of {rounds}, above {MANY} nodes of {min(rounds, TWICE)}; what takes long once (both testinfras, "
        f"Ansible). Load {load:.1f} before and {load_after:.1f} after; {os.cpu_count()} cores, Python {python}."
    )
    return "\n\n".join((results_table(results, missing), how, goals_text(results)))


def replace_measured(text: str, measured: str) -> str:
    r"""A page with what was measured between its two marks.

    >>> replace_measured(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb\n"
    True
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
