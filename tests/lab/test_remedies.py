"""Each fault that has a remedy: broken, found, planned, repaired, and proven repaired by the same rule."""

from __future__ import annotations

import json

import pytest

from tests.lab.conftest import rules_ending_so
from tests.lab.test_footprint import changed_nodes, node_trees

REPAIRED = {
    "cron-missing": {"schedules.backup_runs_where_postgres_runs"},
    "cron-on-wrong-node": {"schedules.backup_runs_where_postgres_runs"},
    "cron-stopped": {"schedules.cron_is_active"},
    "backup-stale": {"backups.are_fresh"},
    "copies-lost": {"backups.exist_elsewhere"},
    "volume-over-budget": {"volumes.are_within_budget", "backups.are_thinned"},
    "certificate-expiring": {"certificates.are_far_from_expiry"},
    "root-container": {"containers.run_as_their_own_user"},
    "gpu-label-lost": {"gpus.are_where_the_service_may_run"},
}
"""What each fault breaks."""
ALWAYS = ("cron-missing", "volume-over-budget", "certificate-expiring", "root-container")
"""One of each shape of plan: together in every run, each alone with --all."""
FIX = ("--fix", "--yes", "--allow", "restart,delete")


def test_case_72_and_48_a_night_of_faults_is_looked_at_without_a_trace_repaired_and_then_there_is_nothing_to_do(
    broken,
) -> None:
    lab = broken(*ALWAYS)
    expected = set().union(*(REPAIRED[fault] for fault in ALWAYS))
    assert rules_ending_so(lab.audit(), "finding") >= expected
    before = node_trees(lab)
    assert rules_ending_so(lab.audit(), "finding") >= expected
    planned = lab.remediate()
    assert planned.status == 1, planned.said
    assert changed_nodes(before, node_trees(lab)) == {}
    fixed = lab.remediate(*FIX)
    assert fixed.status == 0, fixed.said
    assert fixed.out.count("fixed  ") >= len(ALWAYS)
    after = lab.audit()
    assert rules_ending_so(after, "finding", "unknown") == set(), after["said"]
    again = lab.remediate("--json")
    assert again.status == 0, again.said
    assert json.loads(again.out)["plans"] == []


@pytest.mark.long
@pytest.mark.parametrize("fault", REPAIRED)
def test_a_fault_is_repaired_and_proven_by_the_rule_that_found_it(broken, fault: str) -> None:
    lab = broken(fault)
    match = rules_ending_so(lab.audit(), "finding")
    assert match >= REPAIRED[fault]
    fixed = lab.remediate(*FIX)
    assert fixed.status == 0, fixed.said
    after = lab.audit()
    assert rules_ending_so(after, "finding", "unknown") == set(), after["said"]
    assert "fixed" in fixed.out


@pytest.mark.long
def test_a_plan_changes_nothing_and_exits_1(broken) -> None:
    lab = broken("cron-missing")
    before = lab.on("vgpu", "cat", "/var/spool/cron/crontabs/root")
    planned = lab.remediate()
    assert planned.status == 1, planned.said
    assert lab.on("vgpu", "cat", "/var/spool/cron/crontabs/root") == before


@pytest.mark.long
def test_case_48_a_second_fix_has_nothing_to_do(broken) -> None:
    lab = broken("cron-missing")
    assert lab.remediate(*FIX).status == 0
    again = lab.remediate("--json")
    assert again.status == 0, again.said
    assert json.loads(again.out)["plans"] == []


def test_case_10_fix_without_a_terminal_and_without_yes_changes_nothing(broken) -> None:
    lab = broken("cron-missing")
    assert lab.remediate("--fix").status == 2
    assert "fleetkeeper" not in lab.on("vgpu", "cat", "/var/spool/cron/crontabs/root")


def test_what_disturbs_needs_its_own_consent(broken) -> None:
    lab = broken("root-container")
    refused = lab.remediate("--fix", "--yes")
    assert refused.status == 1, refused.said
    assert "containers.run_as_their_own_user" in rules_ending_so(lab.audit(), "finding")


def test_undo_brings_the_crontab_back_byte_by_byte(broken) -> None:
    lab = broken("cron-missing")
    before = lab.on("vgpu", "crontab", "-l")
    assert lab.remediate(*FIX).status == 0
    assert lab.on("vgpu", "crontab", "-l") != before
    undone = lab.run("remediate", "undo", "last", "--yes")
    assert undone.status == 0, undone.said
    assert lab.on("vgpu", "crontab", "-l") == before
