"""The stack of the lab runs as its file says: what is changed by hand, and what of its secrets is written down."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest

from lab import swarm
from lab.faults import services
from lab.names import DEPLOY_FILE, DEPLOYED_FROM, SERVICE_FILES, STACK
from lab.shell import load_script
from tests.lab.conftest import Lab, rules_ending_so

RULE = "services.are_deployed_as_declared"
WRITTEN = {"record": "look.json", "page": "page.html", "summary": "summary.md", "metrics": "fleet.prom",
           "sarif": "open.sarif"}  # fmt: skip
"""What a whole audit writes besides its results, by option."""
FIX = ("--fix", "--yes", "--allow", "restart")


def secrets_of_the_lab() -> set[str]:
    """The values in the lab's files of variables that are secret, and the one that is set by hand."""
    lines = [line for path in (DEPLOY_FILE, *SERVICE_FILES.values()) for line in path.read_text().splitlines()]
    values = {line.partition("=")[2] for line in lines if "lab-only-" in line}
    assert len(values) == 3
    return values | {services.OTHER_BROKER}


def written_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file and its content; of a database every row of every table too, whatever page it was packed into."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".sqlite":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                yield path, "\n".join(database.iterdump())


def assert_no_secret(lab: Lab, *ran: str) -> None:
    """No secret is in what was printed, nor in results, recordings, state and journal; nor as a browser shows it."""
    texts = [*((Path("printed"), text) for text in ran), *written_below(lab.place)]
    parts = {value.split("lab-only-")[1][:14] for value in secrets_of_the_lab()}
    assert [(path, part) for path, text in texts for part in parts if part in text + unescape(text)] == []


@pytest.mark.long
def test_what_is_changed_by_hand_is_named_and_none_of_its_values_is_written_down(broken: Callable[..., Lab]) -> None:
    lab = broken("changed-by-hand")
    results = lab.audit("-v", *(f"--{kind}={lab.place / name}" for kind, name in WRITTEN.items()))
    assert rules_ending_so(results, "finding", "unknown") == {RULE}, results["said"]
    [item] = [item for item in results["items"] if item["rule"] == RULE]
    assert {finding["about"] for finding in item["findings"]} == {
        "rodan_celery replicas",
        "rodan_celery image",
        "rodan_celery variables",
    }
    [variables] = [finding["saw"] for finding in item["findings"] if finding["about"].endswith("variables")]
    assert variables == "rodan_celery: CELERY_BROKER_URL has another value, LAB_CHANGED_BY_HAND is not in the file"
    assert not [name for name in WRITTEN.values() if not (lab.place / name).exists()]
    planned = lab.remediate(*FIX)
    assert "with what deploy.env sets exported" in planned.said
    assert_no_secret(lab, results["said"], planned.said)


@pytest.mark.long
def test_the_command_of_the_hint_deploys_it_as_declared(broken: Callable[..., Lab]) -> None:
    lab = broken("changed-by-hand")
    lab.on("manager", "sh", "-ec", load_script("deploy_stack.sh"), "sh", DEPLOYED_FROM, STACK)
    swarm.wait_for_update(lab.engine, services.QUEUE)
    swarm.wait_for_services(lab.engine)
    results = lab.audit()
    assert rules_ending_so(results, "finding", "unknown") == set(), results["said"]


@pytest.mark.long
def test_a_repair_and_its_undoing_write_no_value_down(broken: Callable[..., Lab]) -> None:
    lab = broken("root-container", "changed-by-hand")
    recording = lab.place / "look.json"
    before = lab.audit("-v", f"--record={recording}")
    fixed = lab.remediate(*FIX, "--json")
    runs = [lab.run("remediate", "log", "-v"), lab.run("remediate", "undo", "last", "--fix", "--yes", *FIX[2:])]
    facts = [lab.run("fleetkeeper", "facts", name, "--hosts=lab") for name in ("manager", "vgpu")]
    replayed = lab.audit("-v", f"--replay={recording}")
    assert RULE in rules_ending_so(replayed, "finding"), replayed["said"]
    assert_no_secret(lab, before["said"], fixed.said, *(ran.said for ran in (*runs, *facts)), json.dumps(replayed))
