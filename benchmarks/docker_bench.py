"""`DOCKER_BENCH=PATH python -m benchmarks.docker_bench`: docker-bench-security on one node of the lab, and ours on all.

PATH is a folder with docker-bench-security. The lab is up (`python -m lab up`), and nothing stays behind on its node.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

from lab.bringup import require_lab
from lab.engine import Engine
from lab.names import MANAGER
from lab.nodes import run_on

ROOT = Path(__file__).resolve().parent.parent
PLACE = "/var/tmp/bench"  # noqa: S108 - on a node of the lab, as root
LONGEST, ROUNDS = 900, 5


def archive_of(folder: Path) -> bytes:
    """The scripts of docker-bench as an archive for a node."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("docker-bench-security.sh", "functions", "tests"):
            archive.add(folder / name, arcname=name)
    return content.getvalue()


def run_docker_bench(engine: Engine, folder: Path) -> tuple[dict[str, Any], float]:
    """The JSON log of docker-bench on the lab's manager, and the seconds that it took. Nothing is left there."""
    unpack = f"mkdir -p {PLACE} && tar -x -C {PLACE}"
    run_on(engine, MANAGER, "sh", "-c", unpack, given=archive_of(folder))
    try:
        begun = time.monotonic()
        run = f"cd {PLACE} && bash docker-bench-security.sh -b -l {PLACE}/log >/dev/null"
        run_on(engine, MANAGER, "sh", "-c", run, limit=LONGEST)
        seconds = time.monotonic() - begun
        return json.loads(run_on(engine, MANAGER, "cat", f"{PLACE}/log.json")), seconds
    finally:
        run_on(engine, MANAGER, "rm", "-rf", PLACE)


def seconds_of_ours() -> float:
    """The seconds that `fleetkeeper cis` takes for all nodes of the lab, from the start of its process to its end."""
    begun = time.monotonic()
    words = (str(Path(sys.executable).with_name("fleetkeeper")), "cis", "--hosts=lab", "--json")
    subprocess.run(words, cwd=ROOT, capture_output=True, check=False, timeout=LONGEST)
    return time.monotonic() - begun


def main() -> None:
    """Measure both in turn, and print the best of each and their ratio."""
    engine, folder = require_lab(), Path(os.environ["DOCKER_BENCH"])
    rounds = [(run_docker_bench(engine, folder)[1], seconds_of_ours()) for _ in range(ROUNDS)]
    theirs, ours = (min(times) for times in zip(*rounds, strict=True))
    sys.stdout.write(
        f"docker-bench, one node: {theirs:.1f} s; all three with ours: {ours:.1f} s ({ours / theirs:.2f})\n"
    )


if __name__ == "__main__":
    main()
