"""One run against the history: what an older fleetkeeper remembered is taken over once, by a whole audit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.reports.audit_comparison import JudgedRun, compare_audits
from fleetkeeper.reports.history import Changes, Extent, Memory, compare_findings, file_of
from fleetkeeper.topics.registry import load_inventory
from tests.pure.reports.test_history import FIRST, PART, SECOND, make_finding, make_item

SECTIONS = "".join(f"{name}: {{none: a test}}\n" for name in ("services", "backups", "certificates"))


def run_night(state: Path, inventory: Inventory, extent: Extent, day: int) -> Changes:
    now = datetime(2026, 11, day, 3, 0, 0, 123456, tzinfo=UTC)
    run = JudgedRun([make_item(make_finding())], now, now, extent)
    [changes] = compare_audits(state, {"lab": inventory}, run, [])
    return changes


def test_the_file_of_an_older_fleetkeeper_is_compared_with_until_a_whole_audit_takes_it_over(tmp_path: Path) -> None:
    path = tmp_path / "lab.yml"
    path.write_text("nodes: {data: {address: 127.0.0.1}}\n" + SECTIONS)
    inventory = load_inventory(path)
    old = file_of(tmp_path, "lab", inventory.path)
    [finding] = compare_findings("lab", [make_item(make_finding())], Memory(), FIRST).new
    old.parent.mkdir(parents=True)
    old.write_text(json.dumps({"schema": 1, "finished": SECOND, "open": [vars(finding)], "rules": [finding.rule]}))
    assert run_night(tmp_path, inventory, PART, 22).old[0].since == FIRST
    assert old.exists()
    assert run_night(tmp_path, inventory, Extent(), 23).old[0].since == FIRST
    assert not old.exists()
    assert run_night(tmp_path, inventory, Extent(), 24).old[0].since == FIRST


def test_a_finding_is_open_since_the_same_moment_in_the_night_that_finds_it_and_in_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lab.yml"
    path.write_text("nodes: {data: {address: 127.0.0.1}}\n" + SECTIONS)
    inventory = load_inventory(path)
    [new] = run_night(tmp_path, inventory, Extent(), 22).new
    [old] = run_night(tmp_path, inventory, Extent(), 23).old
    assert new.since == old.since == "2026-11-22T03:00:00+00:00"
