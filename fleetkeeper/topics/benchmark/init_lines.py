"""The lines of the section `benchmark` that `fleetkeeper init` proposes: what is asked for, and what may be."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.survey_results import Findings


def init_lines(survey: Findings) -> Iterator[str]:
    """The section, as comments: level 1 of the newest edition, and what a person may add.

    With it every audit judges the benchmark, and a node that cannot show what it asks for, such as one without
    `auditctl`, is unknown until somebody attests it. So a person switches it on, after `fleetkeeper cis`.
    """
    yield "# What is asked of the CIS Docker Benchmark, about engines, images, containers, swarm (docs/benchmark.md)."
    yield "# `fleetkeeper cis` shows how each number stands. With these lines every audit judges it: ways to root are"
    yield "# errors, the rest are warnings until `enforce` names them."
    yield "# benchmark:"
    yield "#   edition: 1.8"
    yield "#   level: 1"
    yield '#   enforce: ["2.2", "5.11"]'
    yield "#   engine_users: [deploy]            # who may use the engine's socket, besides root (1.1.2)"
    yield '#   registries: ["ours/*", postgres]  # images that may run (4.2)'
    yield '#   attested: {"1.2.1": {by: Ada, until: 2027-06-30, because: "where that is written down"}}'
