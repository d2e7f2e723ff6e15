"""docker-bench-security on a node of the lab, beside `fleetkeeper cis`: each difference is explained, ours is quick.

`DOCKER_BENCH=PATH` names a folder with docker-bench-security; docs/docker-bench.md has the table.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from docs.docker_bench import differences, results_of_fleetkeeper, unexplained
from lab.nodes import run_on
from tests.lab.conftest import Lab

FOLDER = os.environ.get("DOCKER_BENCH", "")
NODE = "manager"
SHARE = 0.1
"""The part of docker-bench's time for one node in which all nodes are judged."""
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not FOLDER, reason="DOCKER_BENCH does not name a folder with docker-bench-security"),
]


def archive_of(folder: Path) -> bytes:
    """The scripts of docker-bench as an archive for a node."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("docker-bench-security.sh", "functions", "tests"):
            archive.add(folder / name, arcname=name)
    return content.getvalue()


def run_docker_bench(lab: Lab) -> tuple[dict[str, Any], float]:
    """The JSON log of docker-bench on a node, and the seconds that it took. It leaves nothing behind there."""
    node = lab.node(NODE)
    run_on(lab.engine, node, "sh", "-c", "mkdir -p /tmp/bench && tar -x -C /tmp/bench", given=archive_of(Path(FOLDER)))
    try:
        begun = time.monotonic()
        run = "cd /tmp/bench && bash docker-bench-security.sh -b -l /tmp/bench/log >/dev/null"
        run_on(lab.engine, node, "sh", "-c", run, limit=900)
        seconds = time.monotonic() - begun
        return json.loads(lab.on(NODE, "cat", "/tmp/bench/log.json")), seconds
    finally:
        lab.on(NODE, "rm", "-rf", "/tmp/bench")


def table_of_lab(lab: Lab) -> dict[str, Any]:
    ran = lab.run("fleetkeeper", "cis", "--hosts=lab", "--edition=1.6", "--level=2", "--json")
    assert ran.status in (0, 1, 4), ran.said
    return dict(json.loads(ran.out))


def test_every_difference_from_docker_bench_is_explained_and_it_takes_ten_times_as_long_for_one_node(lab: Lab) -> None:
    log, seconds = run_docker_bench(lab)
    document = table_of_lab(lab)
    for each in differences(log, document, NODE):
        why = results_of_fleetkeeper(document, NODE)[each.number][1]
        sys.stdout.write(f"{each.number}: {each.theirs}, {each.ours} ({why[:100]}): {each.why or 'NOT EXPLAINED'}\n")
    times = [seconds_of_ours(lab) for _ in range(3)]
    sys.stdout.write(f"docker-bench, one node: {seconds:.1f} s; all three here: {min(times):.1f} s\n")
    assert unexplained(log, document, NODE) == []
    assert min(times) < SHARE * seconds


def seconds_of_ours(lab: Lab) -> float:
    begun = time.monotonic()
    ran = lab.run("fleetkeeper", "cis", "--hosts=lab", "--json")
    assert ran.status in (0, 1, 4), ran.said
    return time.monotonic() - begun
