"""Certificates on the lab: a real authority, a real certbot, a real nginx, each broken in its own way."""

from __future__ import annotations

import pytest

from lab import swarm
from tests.lab.conftest import Lab, outcomes

FIX = ("--fix", "--yes", "--only", "certificates")

REPAIRED = {
    "certificate-expired": {"certificates.are_valid", "certificates.are_far_from_expiry"},
    "certificate-old-served": {"certificates.are_served_as_on_disk"},
    "acme-account-lost": {"certificates.will_renew"},
    "renewal-not-scheduled": {"certificates.will_renew"},
}
TOLD = {
    "certificate-wrong-name": ("certificates.are_valid", "it is for other.lab.example"),
    "certificate-self-signed": ("certificates.are_valid", "it is self-signed"),
    "certificate-incomplete": ("certificates.are_valid", "does not send the intermediate certificate"),
    "certificate-other-key": ("certificates.are_valid", "does not belong to the certificate"),
    "nginx-misconfigured": ("certificates.will_renew", 'unknown directive "sevrer"'),
    "acme-challenge-blocked": ("certificates.will_renew", "port 80 answers 403"),
}


def found(lab: Lab) -> set[str]:
    return outcomes(lab.audit("-k", "certificates"), "finding", "unknown")


@pytest.mark.parametrize("fault", REPAIRED)
def test_what_certbot_and_a_reload_can_mend_is_mended_and_proven(broken, fault: str) -> None:
    lab = broken(fault)
    assert found(lab) == REPAIRED[fault]
    fixed = lab.remediate(*FIX)
    assert fixed.status == 0, fixed.said
    assert found(lab) == set()


@pytest.mark.long
@pytest.mark.parametrize("fault", TOLD)
def test_what_a_person_must_mend_is_told_in_its_own_words(broken, fault: str) -> None:
    lab = broken(fault)
    results = lab.audit("-k", "certificates")
    rule, words = TOLD[fault]
    said = [one["saw"] for item in results["items"] if item["rule"] == rule for one in item["findings"]]
    assert any(words in one for one in said), results["said"]


def test_case_54_nothing_is_reloaded_while_the_configuration_is_broken(broken) -> None:
    lab = broken("certificate-old-served", "nginx-misconfigured")
    fixed = lab.remediate(*FIX)
    assert fixed.status == 1, fixed.said
    assert "unknown directive" in fixed.said
    assert "certificates.are_served_as_on_disk" in found(lab)


@pytest.mark.long
def test_case_55_a_challenge_that_fails_is_tried_once_and_its_reason_is_shown(broken) -> None:
    lab = broken("acme-challenge-blocked")
    before = attempts(lab)
    fixed = lab.remediate(*FIX)
    assert fixed.status == 3, fixed.said
    assert "returned 403" in fixed.out
    assert attempts(lab) == before + 1


def attempts(lab: Lab) -> int:
    """How often certbot has begun, by its own logs."""
    said = swarm.within(lab.engine, "nginx", "sh", "-c", "cat /var/log/letsencrypt/*.log* | grep -c 'certbot version'")
    return int(said)


@pytest.mark.long
def test_case_56_another_certbot_that_runs_is_no_failure(broken) -> None:
    lab = broken("certificate-expiring")
    words = ("certbot", "renew", "--dry-run", "--no-random-sleep-on-renew", "--pre-hook", "sleep 20")
    node, container = swarm.home(lab.engine, "nginx")
    lab.on(node.name, "docker", "exec", "--detach", container, *words)
    fixed = lab.remediate(*FIX)
    assert fixed.status != 3, fixed.said
    assert "no other certbot is running" in fixed.said or "fixed" in fixed.out


@pytest.mark.long
def test_case_57_a_lineage_of_six_days_and_one_of_an_hour_are_far_from_their_end(broken) -> None:
    """Their own lifetimes count: 30 days would never be left."""
    lab = broken()
    for begin, end, rules in ((-1, 5, set()), (-5, 1, {"certificates.are_far_from_expiry"})):
        from lab.faults import certificates

        certificates.replace(lab.engine, begin, end)
        assert found(lab) == rules
    certificates.anew(lab.engine)


@pytest.mark.long
def test_case_72_looking_changes_nothing_in_the_container(lab: Lab) -> None:
    digest = "find /etc /var/lib /var/www /root /run -type f -newer /tmp/look ! -path '*/nginx.pid'; rm /tmp/look"
    swarm.within(lab.engine, "nginx", "touch", "/tmp/look")
    found(lab)
    assert swarm.within(lab.engine, "nginx", "sh", "-c", digest) == ""


@pytest.mark.long
def test_undo_of_the_installed_entry_brings_the_crontab_back(broken) -> None:
    lab = broken("renewal-not-scheduled")
    before = lab.on("manager", "crontab", "-u", "root", "-l")
    assert lab.remediate(*FIX).status == 0
    assert "certbot" in lab.on("manager", "crontab", "-u", "root", "-l")
    undone = lab.run("remediate", "undo", "last", "--yes")
    assert undone.status == 0, undone.said
    assert lab.on("manager", "crontab", "-u", "root", "-l") == before


@pytest.mark.long
def test_a_renewal_is_rehearsed_on_request_and_says_why_it_would_fail(broken) -> None:
    lab = broken()
    could = lab.run("remediate", "certificates", "rehearse", "--hosts=lab", "--yes")
    assert could.status == 0, could.said
    broken("acme-challenge-blocked")
    could_not = lab.run("remediate", "certificates", "rehearse", "--hosts=lab", "--yes")
    assert could_not.status == 3, could_not.said
    assert "returned 403" in could_not.said
