"""`python -m benchmarks.stacks`: what stacks add to an audit, with 20 services of ten variables each.

An engine of our own has them (dockerd, and root, are needed). Added are one command in a round trip that is made
anyway, on a manager; and, where the audit runs and meanwhile, Docker's client against the recorder.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.private_engine import WHY_NOT, private_swarm
from fleetkeeper.topics.services.observe import inspect_swarm
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.topics.services.stacks.declared import declared_stack
from fleetkeeper.topics.services.stacks.observe import describe_stacks

SERVICES, VARIABLES, ROUNDS = 20, 10, 9
Times = tuple[float, float]
"""Seconds on the wall, and of CPU of what was started."""


def stack_file() -> str:
    """A stack file of SERVICES services, none of which ever starts a task."""
    service = {
        "image": "x:1",
        "environment": {f"VARIABLE_{number}": f"value {number}" for number in range(VARIABLES)},
        "deploy": {"placement": {"constraints": ["node.labels.none == yes"]}},
    }
    return json.dumps({"version": "3.8", "services": {f"s{number}": service for number in range(SERVICES)}})


def timed(action: Callable[[], object]) -> Times:
    """What an action takes."""
    before, begun = children_cpu(), time.monotonic()
    action()
    return time.monotonic() - begun, children_cpu() - before


def children_cpu() -> float:
    """Seconds of CPU of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure in turns, and print medians."""
    if WHY_NOT:
        sys.exit(WHY_NOT)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stack.yml")
        file.write_text(stack_file())
        with private_swarm() as environment:

            def run(*words: str) -> None:
                subprocess.run(words, env=environment, capture_output=True, check=True, timeout=120)

            run("docker", "stack", "deploy", "--resolve-image", "never", "-c", str(file), "bench")
            actions: dict[str, Callable[[], object]] = {
                "the swarm, as every audit asks": lambda: run(*inspect_swarm().words),
                "its stacks": lambda: run(*describe_stacks("1234").words),
                "Docker's client here": lambda: declared_stack(("bench", Stack(file=str(file)))),
            }
            samples = [{name: timed(action) for name, action in actions.items()} for _ in range(ROUNDS)]
    lines = [f"{SERVICES} services of {VARIABLES} variables, medians of {ROUNDS}, load {os.getloadavg()[0]:.1f}"]
    for name in actions:
        wall, cpu = (median(sample[name][index] for sample in samples) for index in (0, 1))
        lines.append(f"{name:32} {wall:.2f} s wall {cpu:.2f} s CPU")
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
