"""The audit of the lab: clean when nothing is broken, and for each fault exactly the promises that it breaks."""

from __future__ import annotations

import pytest

from tests.lab.conftest import outcomes

BREAKS = {
    "cron-missing": {"schedules.backup_runs_where_postgres_runs"},
    "cron-on-wrong-node": {"schedules.backup_runs_where_postgres_runs"},
    "cron-stopped": {"schedules.cron_is_active"},
    "backup-stale": {"backups.are_fresh"},
    "backup-empty": {"backups.are_complete"},
    "volume-over-budget": {"volumes.are_within_budget", "backups.are_thinned"},
    "certificate-expiring": {"certificates.are_far_from_expiry"},
    "root-container": {"containers.run_as_their_own_user"},
}


def test_the_unbroken_lab_has_no_finding_and_nothing_unknown(lab) -> None:
    results = lab.audit()
    assert outcomes(results, "finding", "unknown") == set(), results["said"]
    assert len(outcomes(results, "holds")) >= 10


@pytest.mark.parametrize("fault", BREAKS)
def test_a_fault_breaks_its_own_promises(broken, fault: str) -> None:
    results = broken(fault).audit()
    assert outcomes(results, "finding") >= BREAKS[fault], results["said"]


def test_case_13_a_dead_node_is_unknown_for_all_that_needs_it_and_never_green(broken) -> None:
    results = broken("node-dead").audit()
    assert "nodes.can_be_looked_at" in outcomes(results, "unknown")
    assert "backups.are_fresh" in outcomes(results, "unknown")
    assert not outcomes(results, "finding"), results["said"]


def test_case_65_docker_denied_is_unknown_and_says_which_right_is_missing(broken) -> None:
    results = broken("docker-denied").audit()
    assert "containers.run_as_their_own_user" in outcomes(results, "unknown")
    assert "sudo" in results["said"]
