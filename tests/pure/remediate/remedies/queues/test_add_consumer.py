"""The remedy for a worker that takes no jobs from its queue: what it does, and what is left to a person."""

from dataclasses import replace

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.queues.facts import Consumer, LocalWorker, Queue, Reply
from fleetkeeper.topics.registry import RULES
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import Untrusted
from remediate.consent import UNATTENDED, lacking_consent
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import RunInContainer
from tests.pure.topics.test_queues import (
    ASKED,
    GPU,
    NOW,
    PIDBOX,
    QUEUES,
    VGPU,
    cancelled,
    fleet_of,
    with_broker,
    with_queue,
)

QUEUE = Subject("queue", "GPU")
RULE = "queues.are_consumed"
WORKER = VGPU.workers[0]
SILENT = Reply("celery@another")
NOTHING = Containers("present", (), NOW.timestamp())


def remedy_for(fleet: Fleet, subject: Subject = QUEUE) -> Plan | ForAPerson:
    """The remedy's answer to the first finding, or warning, of the rule."""
    verdict = judge_subject(RULES[RULE], fleet, subject)
    return REMEDIES[RULE]([*verdict.findings, *verdict.warnings][0], fleet)


def step_of(fleet: Fleet) -> RunInContainer:
    plan = remedy_for(fleet)
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert isinstance(step, RunInContainer)
    return step


def test_the_worker_is_told_in_its_own_container_and_the_way_back_tells_it_the_opposite() -> None:
    step = step_of(cancelled())
    assert (step.node, step.container) == ("vgpu", GPU.id)
    assert " ".join(step.words) == "celery -A rodan control add_consumer GPU -t 10 -d celery@GPU"
    assert " ".join(step.undo) == "celery -A rodan control cancel_consumer GPU -t 10 -d celery@GPU"


def test_it_is_asked_for_by_its_own_word_and_never_done_at_night() -> None:
    plan = remedy_for(cancelled())
    assert isinstance(plan, Plan)
    assert lacking_consent(plan, {"nothing", "restart", "interrupt"}) == ["resume"]
    assert not set(plan.disturbs) & UNATTENDED


def test_the_inventory_s_application_and_directory_come_before_those_of_the_command_line() -> None:
    written = ASKED.replace("backlog: 20", "app: 'rodan.celery:app', directory: /rodan, backlog: 20")
    fleet = replace(cancelled(), inventory=fleet_of(written=written).inventory)
    assert step_of(fleet).words[:5] == ("celery", "-A", "rodan.celery:app", "--workdir", "/rodan")


@pytest.mark.parametrize(
    ("fleet", "why"),
    [
        (cancelled(replace(WORKER, celery=False)), "no worker of Celery was seen"),
        (cancelled(replace(WORKER, celery=Unobservable("dark"))), "no worker of Celery was seen"),
        (cancelled(LocalWorker("e" * 64, celery=True)), "no worker of Celery was seen"),
        (cancelled(others=()), "0 workers of Celery are connected"),
        (cancelled(others=(PIDBOX, replace(PIDBOX, worker="celery@second"))), "2 workers of Celery are connected"),
        (cancelled(reply=SILENT), "does not answer"),
        (cancelled(reply=Reply("celery@GPU", ("GPU",))), "says that it takes jobs from GPU"),
        (cancelled(replace(WORKER, queues=("celery",))), "does not name GPU"),
        (cancelled(replace(WORKER, queues=())), "does not name GPU"),
        (cancelled(replace(WORKER, app="")), "names no application"),
        (
            with_queue(replace(QUEUES[1], consumers=2), Consumer("GPU", "10.0.1.3"), Consumer("GPU", "10.0.1.4")),
            "who else may take",
        ),
        (
            replace(cancelled(), facts={**cancelled().facts, ("vgpu", "containers"): NOTHING}),
            "nothing of gpu-celery runs",
        ),
    ],
)
def test_what_is_not_clear_is_for_a_person(fleet: Fleet, why: str) -> None:
    left = remedy_for(fleet)
    assert isinstance(left, ForAPerson)
    assert why in left.why


def test_a_queue_of_a_mistyped_name_is_for_a_person() -> None:
    typo = with_broker(queues=(*QUEUES, Queue("gpu", ready=3)))
    left = remedy_for(typo, Subject("service", "rabbitmq"))
    assert isinstance(left, ForAPerson)
    assert "a queue that nobody declared" in left.why


def test_workers_that_could_not_be_asked_make_no_plan() -> None:
    dark = Unobservable("no worker here could be asked")
    fleet = cancelled()
    facts = {key: replace(seen, replies=dark) if key[1] == "queues" else seen for key, seen in fleet.facts.items()}
    with pytest.raises(Unobservable):
        remedy_for(replace(fleet, facts=facts))


@pytest.mark.parametrize("app", ["-rodan", "rodan;x", "rodan\nx", "rodan:"])
def test_an_application_with_an_odd_name_is_not_run(app: str) -> None:
    with pytest.raises(Untrusted):
        remedy_for(cancelled(replace(WORKER, app=app)))


@pytest.mark.parametrize("name", ["celery@a,celery@b", "--all@x", "celery@x y"])
def test_a_worker_with_an_odd_name_is_not_told(name: str) -> None:
    with pytest.raises(Untrusted):
        remedy_for(cancelled(reply=Reply(name), others=(replace(PIDBOX, worker=name),)))
