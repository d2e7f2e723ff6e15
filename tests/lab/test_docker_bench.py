"""docker-bench-security on a node of the lab, beside `fleetkeeper cis`: each difference is explained.

`DOCKER_BENCH=PATH` names a folder with docker-bench-security; docs/docker-bench.md has the table.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.docker_bench import run_docker_bench
from docs.bench_differences import differences, results_of_fleetkeeper, unexplained
from tests.lab.conftest import Lab

FOLDER = os.environ.get("DOCKER_BENCH", "")
NODE = "manager"


def table_of_lab(lab: Lab) -> dict[str, Any]:
    ran = lab.run("fleetkeeper", "cis", "--hosts=lab", "--edition=1.6", "--level=2", "--json")
    assert ran.status in (0, 1, 4), ran.said
    return dict(json.loads(ran.out))


@pytest.mark.long
@pytest.mark.skipif(not FOLDER, reason="DOCKER_BENCH does not name a folder with docker-bench-security")
def test_every_difference_from_docker_bench_is_explained(lab: Lab) -> None:
    log, _ = run_docker_bench(lab.engine, Path(FOLDER))
    document = table_of_lab(lab)
    for each in differences(log, document, NODE):
        why = results_of_fleetkeeper(document, NODE)[each.number][1]
        sys.stdout.write(f"{each.number}: {each.theirs}, {each.ours} ({why[:100]}): {each.why or 'NOT EXPLAINED'}\n")
    assert unexplained(log, document, NODE) == []
