"""Remedies for GPUs: what is put back, at which price, and what is left to a person."""

from dataclasses import replace
from typing import Any

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.gpus import resources
from fleetkeeper.topics.gpus.facts import GpuEngine
from fleetkeeper.topics.registry import RULES
from fleetkeeper.topics.services.facts import SwarmService, Task
from fleetkeeper.untrusted import Untrusted
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import ABSENT, Run, WriteFile
from tests.example_fleets.gpu_swarm import (
    DEVICES,
    MANAGER,
    SERVICE,
    VGPU,
    WAITS,
    WORLD,
    gpu_fleet,
    with_gpu,
    with_swarm,
)

PLACED, GIVEN = "gpus.are_where_the_service_may_run", "gpus.are_given_to_containers"
BARE = replace(VGPU, labels={})
UNLINKED = tuple(replace(device, linked=False) for device in DEVICES)


def answer(rule: str, fleet: Fleet) -> Plan | ForAPerson:
    """The remedy's answer to the first finding of a rule."""
    subject = Subject("service", "gpu-celery") if rule == PLACED else Subject("node", "vgpu")
    return REMEDIES[rule](judge_subject(RULES[rule], fleet, subject).findings[0], fleet)


def label_lost(**changed: Any) -> Fleet:
    return with_swarm(**{"members": (MANAGER, BARE), "tasks": (WAITS,), **changed})


def test_a_label_comes_back_and_a_task_that_starts_there_proves_it() -> None:
    plan = answer(PLACED, label_lost())
    assert isinstance(plan, Plan)
    label, wait = plan.steps
    assert isinstance(label, Run)
    assert isinstance(wait, Run)
    assert label.words == ("docker", "node", "update", "--label-add", "queue=GPU", "w1")
    assert label.undo == ("docker", "node", "update", "--label-rm", "queue", "w1")
    assert label.undo_while[4:] == ("w1", "queue", "GPU")
    assert wait.words[4:] == ("rodan_gpu-celery", "w1")
    assert not wait.changes
    assert plan.disturbs == ("restart",)
    assert plan.requires[0].answer == "active ready"


def test_a_label_with_another_value_gets_that_value_back() -> None:
    plan = answer(PLACED, label_lost(members=(MANAGER, replace(VGPU, labels={"queue": "CPU"}))))
    assert isinstance(plan, Plan)
    assert isinstance(plan.steps[0], Run)
    assert plan.steps[0].undo == ("docker", "node", "update", "--label-add", "queue=CPU", "w1")


@pytest.mark.parametrize(("version", "interrupts"), [("20.10.24", True), ("", True), ("23.0.1", False), ("odd", True)])
def test_an_older_engine_that_would_reject_tasks_with_a_gpu_needs_more_consent(version: str, interrupts: bool) -> None:
    seen = resources.Facts({"w1": {"gpu": 1}}, {}, ("w1",), {"m1": version})
    fleet = label_lost()
    plan = answer(PLACED, replace(fleet, facts={**fleet.facts, ("manager", "gpu_resources"): seen}))
    assert isinstance(plan, Plan)
    assert ("interrupt" in plan.disturbs) is interrupts


@pytest.mark.parametrize("changed", [{"availability": "drain"}, {"availability": "pause"}, {"state": "down"}])
def test_a_node_that_takes_no_tasks_is_left_to_a_person(changed: dict[str, str]) -> None:
    plan = answer(PLACED, label_lost(members=(MANAGER, replace(BARE, **changed))))
    assert isinstance(plan, ForAPerson)
    assert "takes no tasks" in plan.why


def test_a_label_that_would_end_tasks_of_another_service_is_left_to_a_person() -> None:
    other = SwarmService("s2", "rodan_celery", constraints=("node.labels.queue != GPU",))
    runs = Task("rodan_celery", "vgpu", "running", "running")
    plan = answer(PLACED, label_lost(services=(SERVICE, other), tasks=(WAITS, runs)))
    assert isinstance(plan, ForAPerson)
    assert "would end the tasks of rodan_celery" in plan.why


def test_a_member_with_an_id_that_no_swarm_gives_is_left_to_a_person() -> None:
    swarm = replace(WORLD["vgpu", "services"], node_id="w1; reboot")
    fleet = label_lost(members=(MANAGER, replace(BARE, id="w1; reboot")))
    with pytest.raises(Untrusted):
        answer(PLACED, replace(fleet, facts={**fleet.facts, ("vgpu", "services"): swarm}))


def test_what_is_wrong_beside_the_label_is_left_to_a_person() -> None:
    plan = answer(PLACED, with_swarm(services=(replace(SERVICE, constraints=()),)))
    assert isinstance(plan, ForAPerson)


def test_devices_are_linked_now_and_by_a_rule_after_each_boot() -> None:
    plan = answer(GIVEN, with_gpu(devices=UNLINKED, linking_rules=()))
    assert isinstance(plan, Plan)
    assert plan.disturbs == ("nothing",)
    rule, link = plan.steps
    assert isinstance(rule, WriteFile)
    assert isinstance(link, Run)
    assert (rule.path, rule.expect) == ("/etc/udev/rules.d/71-nvidia-dev-char.rules", ABSENT)
    assert rule.content.endswith(b'RUN+="/usr/bin/nvidia-ctk system create-dev-char-symlinks --create-all"\n')
    assert link.words == ("/usr/bin/nvidia-ctk", "system", "create-dev-char-symlinks", "--create-all")


def test_where_a_rule_makes_links_already_they_are_made_now_alone() -> None:
    plan = answer(GIVEN, with_gpu(devices=UNLINKED))
    assert isinstance(plan, Plan)
    assert len(plan.steps) == 1


@pytest.mark.parametrize("changed", [{"ctk": ""}, {"udev": False, "linking_rules": ()}])
def test_without_the_tools_links_are_left_to_a_person(changed: dict[str, Any]) -> None:
    assert isinstance(answer(GIVEN, with_gpu(devices=UNLINKED, **changed)), ForAPerson)


def test_a_tool_in_an_unusual_place_is_never_run() -> None:
    with pytest.raises(Untrusted):
        answer(GIVEN, with_gpu(devices=UNLINKED, ctk="/tmp/nvidia-ctk"))


def test_the_engine_s_runtime_is_left_to_a_person_who_is_told_what_stops() -> None:
    engine = GpuEngine("docker", ("runc",), "runc", "cgroupfs", in_swarm=True)
    plan = answer(GIVEN, with_gpu(engine=engine, workers=()))
    assert isinstance(plan, ForAPerson)
    assert "every container of the node stops" in plan.what_to_do
    assert gpu_fleet().inventory.name == "mine"
