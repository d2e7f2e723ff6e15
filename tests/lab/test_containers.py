"""Users of containers on the lab: what works is done and can be taken back, what would not is refused with reasons."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lab import swarm
from lab.faults import containers as faults
from tests.lab.conftest import Lab, rules_ending_so

RULE = "containers.run_as_their_own_user"
ONLY = ("--only", RULE)
FIX = (*ONLY, "--fix", "--yes", "--allow", "restart,ownership")
MEDIA = "/var/lib/docker/volumes/rodan_media/_data"
UPDATES = (
    *("docker", "service", "inspect", "rodan_rodan-main", "--format"),
    "{{.Spec.UpdateConfig.Order}} {{.Spec.UpdateConfig.FailureAction}}",
)
NOTE = "rodan_rodan-main runs as django since fleetkeeper changed it"
Broken = Callable[..., Lab]


def swarm_user(lab: Lab) -> str:
    """As whom the swarm was told to run the web application."""
    question = "{{.Spec.TaskTemplate.ContainerSpec.User}}"
    return lab.on("manager", "docker", "service", "inspect", "--format", question, "rodan_rodan-main").strip()


def owners_of_files(lab: Lab) -> str:
    return lab.on("data", "find", MEDIA, "-printf", "%P %U:%G %m\n")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("root-with-runuser", "its start script calls runuser"),
        pytest.param("root-low-port", "it listens on port 81", marks=pytest.mark.long),
        pytest.param("root-unsaved", "/etc/ssl/private/lab.key", marks=pytest.mark.long),
    ],
)
def test_case_63_and_77_what_would_not_work_is_not_tried(broken: Broken, fault: str, reason: str) -> None:
    lab = broken(fault)
    text = lab.remediate(*FIX)
    assert reason in text.said
    assert text.status == 1
    assert swarm_user(lab) == "root"


@pytest.mark.long
def test_files_of_root_are_given_away_with_consent_and_come_back_with_undo(broken: Broken) -> None:
    lab = broken("root-files")
    before = owners_of_files(lab)
    assert "it needs --allow ownership" in lab.remediate(*ONLY, "--fix", "--yes", "--allow", "restart").said
    assert (owners_of_files(lab), swarm_user(lab)) == (before, "root")
    done = lab.remediate(*FIX)
    assert done.status == 0, done.said
    assert swarm_user(lab) == "django"
    assert " 0:0 " not in owners_of_files(lab)
    assert RULE not in rules_ending_so(lab.audit("checks/test_containers.py"), "finding", "unknown")
    match = re.search(r"remediate undo (\S+?)`", done.said)
    assert match
    undone = lab.run("remediate", "undo", match[1], "--yes")
    assert (owners_of_files(lab), swarm_user(lab)) == (before, "root"), undone.said


@pytest.mark.long
def test_case_63_a_service_that_dies_as_its_own_user_is_rolled_back_and_not_tried_again(broken: Broken) -> None:
    lab = broken("root-or-dead")
    text = lab.remediate(*FIX)
    assert text.status == 3, text.said
    assert "non-zero exit (3)" in text.said
    assert "| no right to /srv/media with ***" in text.said
    kept = b"".join(path.read_bytes() for path in (lab.place / "state").rglob("*") if path.is_file())
    assert b"no right to" not in kept
    assert faults.CANARY.encode() not in kept + text.said.encode()
    assert swarm_user(lab) == "root"
    audit = lab.audit("checks/test_services.py")
    assert not rules_ending_so(audit, "finding", "unknown"), audit["said"]
    assert "taken back" in lab.remediate(*ONLY).said


@pytest.mark.long
def test_a_published_service_answers_from_outside_and_nobody_is_asked_for_the_user_in_its_file(broken: Broken) -> None:
    lab = broken("root-published")
    done = lab.remediate(*FIX)
    assert done.status == 0, done.said
    assert "see that port 8000 of data reaches rodan_rodan-main again" in done.said
    assert swarm_user(lab) == "django"
    assert lab.on("manager", *UPDATES).split() == ["start-first", "rollback"]
    assert NOTE not in lab.audit("checks/test_containers.py")["said"], "the file of the inventory's stack has the user"
    swarm.deploy_stack(lab.engine)
    swarm.wait_for_services(lab.engine)


@pytest.mark.long
def test_a_compose_service_is_judged_and_its_patch_and_command_are_what_mends_it(broken: Broken) -> None:
    lab = broken("root-compose")
    assert RULE in rules_ending_so(lab.audit("checks/test_containers.py"), "finding")
    text = lab.remediate(*FIX)
    assert text.status == 1
    assert "on data, in /srv/wiki/docker-compose.yml: services.web.user: www-data" in text.said
    command = "cd /srv/wiki && docker-compose up -d --no-deps web"
    assert command in text.said
    lab.on("data", "sed", "-i", "s/user: root/user: www-data/", "/srv/wiki/docker-compose.yml")
    lab.on("data", "sh", "-c", command)
    assert RULE not in rules_ending_so(lab.audit("checks/test_containers.py"), "finding", "unknown")


def test_a_root_container_that_nobody_declared_is_a_finding_for_a_person(broken: Broken) -> None:
    lab = broken("stranger")
    assert RULE in rules_ending_so(lab.audit("checks/test_containers.py"), "finding")
    text = lab.remediate(*ONLY)
    assert text.status == 1
    assert "notes" in text.said
