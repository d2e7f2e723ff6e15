"""The audit of the lab: clean when nothing is broken, and unknown where it cannot look."""

from __future__ import annotations

from tests.lab.conftest import rules_ending_so
from tests.lab.test_changed_by_hand import assert_no_secret


def test_the_unbroken_lab_has_no_finding_and_nothing_unknown_and_no_secret_is_written_down(lab) -> None:
    results = lab.audit("-v", f"--record={lab.place / 'look.json'}")
    assert rules_ending_so(results, "finding", "unknown") == set(), results["said"]
    assert "services.are_deployed_as_declared" in rules_ending_so(results, "holds")
    assert_no_secret(lab, results["said"])
    assert len(rules_ending_so(results, "holds")) >= 10


def test_case_31_an_empty_gzip_as_the_newest_backup_is_a_finding(broken) -> None:
    results = broken("backup-empty").audit()
    assert rules_ending_so(results, "finding") >= {"backups.are_complete"}, results["said"]


def test_case_13_a_dead_node_is_unknown_for_all_that_needs_it_and_never_green(broken) -> None:
    results = broken("node-dead").audit()
    assert "nodes.can_be_looked_at" in rules_ending_so(results, "unknown")
    assert "backups.are_fresh" in rules_ending_so(results, "unknown")
    assert not rules_ending_so(results, "finding"), results["said"]


def test_case_65_docker_denied_is_unknown_and_says_which_right_is_missing(broken) -> None:
    results = broken("docker-denied").audit()
    assert "containers.run_as_their_own_user" in rules_ending_so(results, "unknown")
    assert "sudo" in results["said"]


def test_case_85_a_mailer_without_its_configuration_is_a_finding(broken) -> None:
    results = broken("mail-lost").audit()
    assert rules_ending_so(results, "finding") == {"mail.is_delivered"}, results["said"]
