"""The remedy that starts one worker's task anew: what it ends, what that loses, and when a person must act."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.queues.facts import Reply
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.topics.services.facts import Member, SwarmService
from fleetkeeper.transport.commands import Unobservable
from remediate.consent import UNATTENDED, lacking_consent
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import Run
from tests.example_fleets import gpu_swarm
from tests.pure.topics.test_queues import (
    ASKED,
    GPU,
    JOB,
    MANAGER,
    RABBIT,
    REPLIES,
    SWARMED,
    VGPU,
    cancelled,
    fleet_of,
    frozen,
)

FROZEN, REACHES = "queues.answer", "gpus.reach_the_worker"
SERVICE = SWARMED.services[0]
GPUS = "gpus: {nodes: [vgpu], services: [gpu-celery]}\n"


def answer_to(rule: str, fleet: Fleet) -> Plan | ForAPerson:
    """The remedy's answer to the first finding of the rule."""
    subject = Subject("queue", "GPU") if rule == FROZEN else Subject("service", "gpu-celery")
    return REMEDIES[rule](judge_subject(RULES[rule], fleet, subject).findings[0], fleet)


def plan_for(rule: str, fleet: Fleet) -> Plan:
    plan = answer_to(rule, fleet)
    assert isinstance(plan, Plan), plan
    return plan


def runs_of(plan: Plan) -> list[Run]:
    return [step for step in plan.steps if isinstance(step, Run)]


def served(service: SwarmService, *members: Member) -> Fleet:
    """The frozen worker's fleet, with another service, and with these members where some are named."""
    return frozen(replace(SWARMED, services=(service,), members=members or SWARMED.members))


def lost_device(*replies: Reply, error: str = "Operation not permitted", **changed: Any) -> Fleet:
    """The fleet of the queues, whose container of the queue GPU may not open its device, and whose workers say this."""
    worker = replace(gpu_swarm.device_lost(error).facts["vgpu", "gpus"].workers[0], container=GPU.id)
    fleet = fleet_of(replace(MANAGER, replies=replies), replace(VGPU, replies=replies, **changed), services=SWARMED)
    gpus = replace(gpu_swarm.SOUND, workers=(worker,))
    inventory = load_inventory(Path("mine.yml"), ASKED + GPUS)
    return replace(fleet, inventory=inventory, facts={**fleet.facts, ("vgpu", "gpus"): gpus})


def test_a_frozen_worker_s_own_task_is_ended_and_what_the_swarm_starts_must_consume_again() -> None:
    plan = plan_for(FROZEN, frozen())
    stop, tasks, consumers = runs_of(plan)
    assert (stop.node, stop.words) == ("vgpu", ("docker", "stop", "-t", "20", GPU.id))
    assert (tasks.node, tasks.words[4:]) == ("manager", ("rodan_gpu-celery", "task3", "1"))
    assert (consumers.node, consumers.words[4:]) == ("manager", ("/", RABBIT.id, "GPU", "1"))
    assert [step.changes for step in plan.steps] == [True, False, False]
    assert [require.answer for require in plan.requires] == ["true"]


def test_case_104_what_a_frozen_worker_may_run_is_lost_only_with_the_consent_to_interrupt() -> None:
    plan = plan_for(FROZEN, frozen())
    assert lacking_consent(plan, {"nothing", "restart"}) == ["interrupt"]
    assert not set(plan.disturbs) <= UNATTENDED
    assert "the job that it may run is lost" in plan.disturbance


def test_the_job_that_a_worker_without_its_gpu_runs_is_named() -> None:
    plan = plan_for(REACHES, lost_device(*REPLIES))
    assert plan.disturbs == ("restart", "interrupt")
    assert f"1 running job lost: tasks.sleep {JOB.id} has run for 1 h" in plan.disturbance


def test_a_worker_that_says_that_it_runs_nothing_needs_consent_to_a_restart_alone() -> None:
    assert plan_for(REACHES, lost_device(Reply("celery@GPU", ("GPU",)))).disturbs == ("restart",)


@pytest.mark.parametrize(
    "fleet",
    [
        lost_device(REPLIES[0]),
        lost_device(Reply("celery@GPU"), workers=()),
        gpu_swarm.device_lost(),
    ],
    ids=["silent", "not seen as a worker", "no queues declared"],
)
def test_where_nobody_says_that_nothing_runs_something_may(fleet: Fleet) -> None:
    plan = plan_for(REACHES, fleet)
    assert plan.disturbs == ("restart", "interrupt")
    assert "the job that it may run is lost" in plan.disturbance


def test_without_declared_queues_the_task_alone_is_waited_for() -> None:
    assert len(plan_for(REACHES, gpu_swarm.device_lost()).steps) == 2


@pytest.mark.parametrize(
    ("fleet", "why"),
    [
        (served(replace(SERVICE, restart="on-failure")), "may leave it ended"),
        (served(replace(SERVICE, restart="none")), "may leave it ended"),
        (served(replace(SERVICE, attempts=3)), "may leave it ended"),
        (served(replace(SERVICE, update_state="paused")), "an update of rodan_gpu-celery is not over"),
        (served(replace(SERVICE, lent_updates="lent")), "an update of rodan_gpu-celery is not over"),
        (served(replace(SERVICE, constraints=("node.labels.queue == GPU",))), "no member meets its constraints"),
        (served(SERVICE, Member("n2", "vgpu", availability="drain")), "vgpu is drain"),
    ],
)
def test_what_the_swarm_would_not_start_again_is_for_a_person(fleet: Fleet, why: str) -> None:
    left = answer_to(FROZEN, fleet)
    assert isinstance(left, ForAPerson)
    assert why in left.why
    assert left.what_to_do


@pytest.mark.parametrize("error", ["No such file or directory", "Permission denied", "No such device"])
def test_a_device_that_a_new_task_would_not_have_either_is_for_a_person(error: str) -> None:
    left = answer_to(REACHES, gpu_swarm.device_lost(error))
    assert isinstance(left, ForAPerson)
    assert "a new task would have no GPU either" in left.why


def test_a_service_that_no_manager_knows_is_unknown() -> None:
    with pytest.raises(Unobservable):
        answer_to(FROZEN, frozen(replace(SWARMED, services=())))


def test_a_container_of_compose_is_restarted_by_the_engine() -> None:
    labels = {"com.docker.compose.project": "rodan", "com.docker.compose.service": "rodan_gpu-celery"}
    fleet = frozen()
    composed = Containers("present", (replace(GPU, labels=labels),), fleet.of("vgpu", Containers).clock)
    plan = plan_for(FROZEN, replace(fleet, facts={**fleet.facts, ("vgpu", "containers"): composed}))
    restart, consumers = runs_of(plan)
    assert restart.words == ("docker", "restart", "-t", "20", GPU.id)
    assert consumers.words[-2:] == ("GPU", "1")


def test_a_container_that_nothing_starts_again_is_left_alone() -> None:
    fleet = frozen()
    bare = Containers("present", (replace(GPU, labels={}, name="rodan_gpu-celery"),))
    left = answer_to(FROZEN, replace(fleet, facts={**fleet.facts, ("vgpu", "containers"): bare}))
    assert isinstance(left, ForAPerson)
    assert "would come up again is not known" in left.why


def test_a_worker_that_answers_is_not_restarted_for_a_queue_that_it_left() -> None:
    assert judge_subject(RULES[FROZEN], cancelled(), Subject("queue", "GPU")).findings == ()
