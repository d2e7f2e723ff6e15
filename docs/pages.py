"""Which pages of this folder are generated, and from what. A test holds each against its source."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from docs import bench_differences, benchmark_faults, command_pages, rules
from fleetkeeper.inventory import model_reference
from fleetkeeper.reports import results_schema
from fleetkeeper.topics.registry import TOPICS

PAGES: dict[str, Callable[[], str]] = {
    "inventory.md": partial(model_reference.reference_page, TOPICS.values()),
    "inventory.schema.json": partial(model_reference.schema_text, TOPICS.values()),
    "fleetkeeper.md": command_pages.fleetkeeper_page,
    "remediate.md": command_pages.remediate_page,
    "docker-bench.md": bench_differences.docker_bench_page,
    "lab-faults.md": benchmark_faults.benchmark_faults_page,
    "rules.md": rules.rules_page,
    "results.schema.json": results_schema.schema_text,
}
