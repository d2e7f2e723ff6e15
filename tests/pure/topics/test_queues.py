"""Queues: what RabbitMQ 3.10.8 and Celery 5.7 say of themselves, and each way in which a job goes nowhere."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.inventory.schema import Node
from fleetkeeper.inventory.survey_results import Findings, FoundService
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.queues import TOPIC
from fleetkeeper.topics.queues.facts import Broker, Consumer, Endpoint, Facts, Job, LocalWorker, Queue, Reply
from fleetkeeper.topics.queues.init_lines import init_lines
from fleetkeeper.topics.queues.observe import ask_broker, ask_workers
from fleetkeeper.topics.queues.parse import parse_broker, parse_endpoints, parse_workers
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService, Task
from fleetkeeper.transport.commands import Command, Output, Unobservable

NOW = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
RULES = {rule.name: rule for rule in TOPIC.rules}
OLDER = """
nodes: {manager: {connection: local, sudo: true}, vgpu: {address: 192.0.2.2, sudo: true}}
services:
  rabbitmq: {name: rodan_rabbitmq}
  celery: {name: rodan_celery}
  gpu-celery: {name: rodan_gpu-celery}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = OLDER + "queues: {broker: rabbitmq, each: {celery: celery, GPU: gpu-celery}, backlog: 20, waiting: 12 h}\n"
SWARM = "com.docker.swarm.service.name"
TASK = "com.docker.swarm.task.id"


def container(key: str, number: int, **changed: Any) -> Container:
    name = f"rodan_{key}"
    return Container(
        f"{number:x}" * 64, f"{name}.1.x7k", labels={SWARM: name, TASK: f"task{number}"}, pid=number, **changed
    )


RABBIT, CPU, GPU, FLOWER = (
    container(key, at) for at, key in enumerate(("rabbitmq", "celery", "gpu-celery", "flower"), 1)
)
QUEUES = (
    Queue("celery", consumers=1),
    Queue("GPU", ready=5, unacknowledged=4, consumers=1),
    Queue("celery@GPU.celery.pidbox", consumers=1, temporary=True),
)
CONSUMERS = (Consumer("celery", "10.0.1.2", "celery@celery"), Consumer("GPU", "10.0.1.3", "celery@GPU"))
IDLE = Reply("celery@GPU")
PIDBOX = Consumer("celery@GPU.celery.pidbox", "10.0.1.3", "celery@GPU")
JOB = Job("0c18a465-6eac-44d4-a4d9-e2e9cf1f8d57", "tasks.sleep", "GPU", NOW.timestamp() - 3600)
REPLIES = (Reply("celery@celery", ("celery",)), Reply("celery@GPU", ("GPU",), (JOB,)))
BROKER = Broker(RABBIT.id, ("n1",), QUEUES, CONSUMERS)
MANAGER = Facts((BROKER,), (Endpoint(RABBIT.id, {"n1": "10.0.1.9"}), Endpoint(CPU.id, {"n1": "10.0.1.2"})))
MANAGER = replace(MANAGER, workers=(LocalWorker(CPU.id, True),), replies=REPLIES)
VGPU = Facts(
    (),
    (
        Endpoint(GPU.id, {"n1": "10.0.1.3"}),
        Endpoint(FLOWER.id, {"n1": "10.0.1.4", "n2": "10.0.1.3"}, {"n1": "fd00::4"}),
    ),
    (LocalWorker(GPU.id, True, app="rodan", queues=("GPU",)),),
    REPLIES,
)


def fleet_of(
    manager: Facts | Unobservable = MANAGER,
    vgpu: Facts | Unobservable = VGPU,
    *,
    here: tuple[Container, ...] = (RABBIT, CPU),
    others: tuple[Container, ...] = (GPU, FLOWER),
    services: Services | None = None,
    written: str = ASKED,
) -> Fleet:
    facts: dict[tuple[str, str], Any] = {
        ("manager", "queues"): manager,
        ("vgpu", "queues"): vgpu,
        ("manager", "containers"): Containers("present", here, NOW.timestamp()),
        ("vgpu", "containers"): Containers("present", others, NOW.timestamp()),
        ("manager", "services"): services or Services("manager", "n1"),
        ("vgpu", "services"): Services("worker", "n2"),
    }
    return Fleet(load_inventory(Path("mine.yml"), written), NOW, facts)


def with_broker(**changed: Any) -> Fleet:
    return fleet_of(replace(MANAGER, brokers=(replace(BROKER, **changed),)))


def with_queue(changed: Queue, *consumers: Consumer) -> Fleet:
    queues = tuple(changed if queue.name == changed.name else queue for queue in QUEUES)
    return with_broker(queues=queues, consumers=(CONSUMERS[0], *consumers))


def with_replies(*replies: Reply, queue: Queue = QUEUES[1]) -> Fleet:
    """The example's fleet, whose workers answer so, and whose queue GPU is so."""
    broker = replace(BROKER, queues=(QUEUES[0], queue))
    return fleet_of(replace(MANAGER, brokers=(broker,), replies=replies), replace(VGPU, replies=replies))


def cancelled(
    worker: LocalWorker = VGPU.workers[0], reply: Reply = IDLE, others: tuple[Consumer, ...] = (PIDBOX,)
) -> Fleet:
    """The example's fleet, whose worker of the queue GPU has been told to take no jobs from it."""
    broker = replace(BROKER, queues=(QUEUES[0], Queue("GPU", ready=3)), consumers=(CONSUMERS[0], *others))
    replies = (REPLIES[0], reply)
    return fleet_of(
        replace(MANAGER, brokers=(broker,), replies=replies), replace(VGPU, workers=(worker,), replies=replies)
    )


SWARMED = Services(
    "manager",
    "n1",
    (Member("n1", "manager", "manager"), Member("n2", "vgpu")),
    (SwarmService("s1", "rodan_gpu-celery"),),
)


def frozen(services: Services = SWARMED, *, worker: LocalWorker = VGPU.workers[0]) -> Fleet:
    """The example's fleet, whose worker of the queue GPU consumes and does not answer."""
    manager, vgpu = replace(MANAGER, replies=REPLIES[:1]), replace(VGPU, replies=REPLIES[:1], workers=(worker,))
    return fleet_of(manager, vgpu, services=services)


def verdict_on(rule: str, fleet: Fleet, queue: str = "GPU") -> Verdict:
    return judge_subject(RULES[rule], fleet, Subject("queue", queue))


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    typo = Queue("gpu\n<b>", ready=3)
    no_answer = replace(MANAGER, brokers=(replace(BROKER, queues=(*QUEUES, typo)),), replies=REPLIES[:1])
    stranger = Consumer("GPU", "10.0.1.4", "celery@flower")
    pile = Queue("GPU", ready=500, consumers=1)
    return {
        "clean": fleet_of(),
        "frozen": fleet_of(no_answer, replace(VGPU, replies=REPLIES[:1])),
        "frozen in a swarm": frozen(),
        "stranger": with_queue(Queue("GPU", ready=3, consumers=1), stranger),
        "nobody": with_queue(Queue("GPU", ready=3)),
        "pile": with_queue(pile, CONSUMERS[1]),
        "cancelled": cancelled(),
        "still": with_replies(replace(REPLIES[1], jobs=())),
        "failed": fleet_of(vgpu=replace(VGPU, replies=Unobservable("no worker here could be asked"))),
    }


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("queue", ["celery", "GPU"])
def test_case_96_queues_whose_services_consume_them_hold(rule: str, queue: str) -> None:
    assert verdict_on(rule, fleet_of(), queue).outcome is Outcome.HOLDS


# Whether they exist


def test_a_declared_queue_that_is_not_there_is_a_finding_that_names_one_spelled_nearly_so() -> None:
    fleet = with_broker(queues=(*QUEUES[:1], Queue("gpu", ready=3)))
    [match] = verdict_on("exist_as_declared", fleet).findings
    assert match.saw == "there is no queue GPU in the virtual host /; there is gpu"
    assert verdict_on("are_consumed", fleet).outcome is Outcome.NOT_APPLICABLE


def test_a_broker_that_runs_nowhere_is_a_finding_with_its_constraint() -> None:
    waits = Task("rodan_rabbitmq", "", "running", "pending", "no suitable node")
    service = SwarmService("s1", "rodan_rabbitmq", constraints=("node.labels.queue == mail",))
    manager = Services("manager", "n1", (Member("n1", "manager", "manager"),), (service,), (waits,))
    fleet = fleet_of(Facts(), here=(CPU,), services=manager)
    [match] = verdict_on("exist_as_declared", fleet).findings
    assert "no member meets `node.labels.queue == mail`" in match.saw
    assert all(verdict_on(rule, fleet).outcome is Outcome.UNKNOWN for rule in ("are_consumed", "move", "answer"))


# Who consumes them


def test_a_queue_that_nobody_consumes_names_who_runs_and_how_many_wait() -> None:
    [match] = verdict_on("are_consumed", with_queue(Queue("GPU", ready=3))).findings
    assert match.saw == "nobody consumes GPU: 3 jobs wait; rodan_gpu-celery.1.x7k on vgpu runs and does not consume it"
    assert "add_consumer GPU" in match.hint
    assert verdict_on("answer", with_queue(Queue("GPU"))).outcome is Outcome.NOT_APPLICABLE
    assert verdict_on("move", with_queue(Queue("GPU"))).outcome is Outcome.NOT_APPLICABLE


def test_a_service_that_does_not_run_is_named_with_why() -> None:
    waits = Task("rodan_gpu-celery", "", "running", "pending", "no suitable node")
    service = SwarmService("s1", "rodan_gpu-celery", constraints=("node.labels.queue == GPU",))
    manager = Services("manager", "n1", (Member("n2", "vgpu"),), (service,), (waits,))
    queues = (QUEUES[0], Queue("GPU", ready=1))
    broken = replace(MANAGER, brokers=(replace(BROKER, queues=queues, consumers=CONSUMERS[:1]),))
    [match] = verdict_on("are_consumed", fleet_of(broken, Facts(), others=(), services=manager)).findings
    assert match.saw.startswith("nobody consumes GPU: a job waits; gpu-celery runs nowhere: no member meets `node.lab")


def test_a_stranger_s_consumer_does_not_make_it_green() -> None:
    [match] = verdict_on("are_consumed", with_queue(QUEUES[1], Consumer("GPU", "10.0.1.4"))).findings
    assert match.saw == (
        "rodan_gpu-celery.1.x7k runs and does not consume GPU; it is consumed by rodan_flower.1.x7k on vgpu"
    )


def test_a_stranger_beside_the_declared_service_is_a_warning() -> None:
    queue = replace(QUEUES[1], consumers=2)
    verdict = verdict_on("are_consumed", with_queue(queue, CONSUMERS[1], Consumer("GPU", "10.0.1.4")))
    assert (verdict.findings, len(verdict.warnings)) == ((), 1)
    assert "rodan_flower.1.x7k on vgpu" in verdict.warnings[0].saw


@pytest.mark.parametrize("address", ["10.0.0.2", ""])
def test_a_consumer_from_an_address_of_no_container_may_be_the_declared_one(address: str) -> None:
    assert verdict_on("are_consumed", with_queue(QUEUES[1], Consumer("GPU", address))).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("counted", "listed"),
    [(1, ()), (2, (Consumer("GPU", "10.0.1.4"),)), (0, (Consumer("GPU", "10.0.1.4"),)), (0, (CONSUMERS[1],) * 2)],
)
def test_a_consumer_that_comes_or_goes_between_two_lists_is_unknown(counted: int, listed: tuple[Consumer, ...]) -> None:
    verdict = verdict_on("are_consumed", with_queue(Queue("GPU", consumers=counted), *listed))
    assert verdict.outcome is not Outcome.FINDING
    if CONSUMERS[1] not in listed:
        assert verdict.unknown[0].why == "a consumer of GPU came or went during the look"


def test_a_consumer_whose_channel_was_gone_is_unknown_beside_the_declared_one() -> None:
    queue = replace(QUEUES[1], consumers=2)
    verdict = verdict_on("are_consumed", with_queue(queue, CONSUMERS[1], Consumer("GPU")))
    assert (verdict.outcome, verdict.warnings) == (Outcome.UNKNOWN, ())


def test_a_container_is_found_by_its_address_of_ipv6() -> None:
    network = {"NetworkID": "n1", "IPAddress": "10.0.1.3", "GlobalIPv6Address": "fd00:0:1::3"}
    printed = json.dumps([{"Id": GPU.id, "State": {"Running": True}, "NetworkSettings": {"Networks": {"x": network}}}])
    rows = LISTED.replace(b"10.0.1.3:46740 -> 10.0.1.9", b"[fd00:0:1:0:0:0:0:3]:46740 -> [fd00::9]")
    broker = parse_broker(RABBIT.id, Output(0, rows), ("n1",))
    manager = replace(MANAGER, brokers=(replace(BROKER, queues=QUEUES, consumers=broker.consumers),))
    fleet = fleet_of(manager, replace(VGPU, endpoints=parse_endpoints(printed)))
    assert verdict_on("are_consumed", fleet).outcome is Outcome.HOLDS


TWO_BROKERS = (RABBIT, replace(RABBIT, id="e" * 64, name="rodan_rabbitmq.2.y"), CPU)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ({}, Outcome.HOLDS),
        ({"queues": QUEUES[:2]}, Outcome.HOLDS),
        ({"queues": (*QUEUES, Queue("gpu"))}, Outcome.UNKNOWN),
        ({"consumers": CONSUMERS[:1]}, Outcome.UNKNOWN),
        ({"queues": (), "consumers": ()}, Outcome.UNKNOWN),
        ({"queues": Unobservable("it is down")}, Outcome.UNKNOWN),
    ],
)
def test_two_brokers_that_do_not_list_the_same_are_no_cluster_and_unknown(
    rule: str, second: dict[str, Any], outcome: Outcome
) -> None:
    other = replace(BROKER, container=TWO_BROKERS[1].id, **second)
    fleet = fleet_of(replace(MANAGER, brokers=(BROKER, other)), here=TWO_BROKERS)
    assert verdict_on(rule, fleet).outcome is outcome


def test_an_address_that_two_containers_have_is_nobody_s() -> None:
    double = replace(VGPU, endpoints=(*VGPU.endpoints, Endpoint("f" * 64, {"n1": "10.0.1.3"})))
    assert verdict_on("are_consumed", fleet_of(vgpu=double)).outcome is Outcome.UNKNOWN


def test_each_container_of_the_service_must_consume_it_however_many_there_are() -> None:
    many = tuple(replace(GPU, id=f"{at:064x}", name=f"rodan_gpu-celery.{at}.x") for at in range(100, 140))
    addresses = tuple(Endpoint(each.id, {"n1": f"10.0.2.{at}"}) for at, each in enumerate(many))
    consumers = [Consumer("GPU", f"10.0.2.{at}", f"celery@{at}") for at in range(39)]
    manager = replace(
        MANAGER,
        brokers=(replace(BROKER, consumers=tuple(consumers), queues=(Queue("celery"), Queue("GPU", consumers=39))),),
    )
    fleet = fleet_of(manager, replace(VGPU, endpoints=addresses), others=many)
    [match] = verdict_on("are_consumed", fleet).findings
    assert match.saw == "rodan_gpu-celery.139.x runs and does not consume GPU"


def test_case_97_messages_in_a_queue_that_nobody_declared_or_consumes_are_named() -> None:
    typos = (Queue("gpu", ready=3), Queue('ev"il\n<b>', ready=9), *(Queue(f"q{at}", ready=1) for at in range(9)))
    reply = Queue("d602b77c-d990-3ed5-b5b4-d0f5c563090a", ready=2, temporary=True)
    fleet = with_broker(queues=(*QUEUES, *typos, reply))
    [match] = judge_subject(RULES["are_consumed"], fleet, Subject("service", "rabbitmq")).findings
    assert "gpu (3)" in match.saw
    assert "and 6 more" in match.saw
    assert "\n" not in match.saw + match.about
    assert "d602b77c" not in match.saw
    assert judge_subject(RULES["are_consumed"], fleet_of(), Subject("service", "rabbitmq")).outcome is Outcome.HOLDS


# Whether jobs are taken


def test_more_waiting_than_may_names_the_job_that_runs() -> None:
    [match] = verdict_on("move", with_queue(Queue("GPU", ready=21, consumers=1), CONSUMERS[1])).findings
    assert match.saw == f"21 jobs wait in GPU; tasks.sleep {JOB.id} has run for 1 h"
    assert verdict_on("move", with_queue(Queue("GPU", ready=20, consumers=1), CONSUMERS[1])).outcome is Outcome.HOLDS


def test_a_job_that_holds_up_others_for_too_long_is_named() -> None:
    old = (Reply("celery@GPU", ("GPU",), (replace(JOB, since=NOW.timestamp() - 13 * 3600), JOB)),)
    fleet = fleet_of(replace(MANAGER, replies=old), replace(VGPU, replies=old))
    [match] = verdict_on("move", fleet).findings
    assert match.saw == f"tasks.sleep {JOB.id} has run for 13 h, and 5 jobs wait in GPU behind it"
    idle = replace(MANAGER, brokers=(replace(BROKER, queues=(QUEUES[0], Queue("GPU", consumers=1))),), replies=old)
    assert verdict_on("move", fleet_of(idle, replace(VGPU, replies=old))).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        ((), "no job of it runs"),
        ((replace(JOB, queue="celery"),), "no job of it runs"),
        ((replace(JOB, since=None),), "one runs, and since when was not said"),
    ],
)
@pytest.mark.parametrize(
    ("later", "counted"),
    [(None, "not counted again"), (5, "5 at the end of the look"), (6, "6 at the end of the look")],
)
def test_jobs_that_wait_are_unknown_where_none_was_seen_to_be_taken(
    jobs: tuple[Job, ...], why: str, later: int | None, counted: str
) -> None:
    fleet = with_replies(Reply("celery@GPU", ("GPU",), jobs), queue=replace(QUEUES[1], ready_later=later))
    verdict = verdict_on("move", fleet)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.unknown[0].why == f"5 jobs wait in GPU ({counted}), none was seen to be taken, and {why}"


@pytest.mark.parametrize("later", [4, 0])
def test_fewer_that_wait_at_the_end_of_the_look_were_taken(later: int) -> None:
    fleet = with_replies(Reply("celery@GPU", ("GPU",)), queue=replace(QUEUES[1], ready_later=later))
    assert verdict_on("move", fleet).outcome is Outcome.HOLDS
    old = Reply("celery@GPU", ("GPU",), (replace(JOB, since=NOW.timestamp() - 13 * 3600),))
    held = with_replies(old, queue=replace(QUEUES[1], ready_later=later))
    assert verdict_on("move", held).outcome is Outcome.FINDING


OLD = replace(JOB, since=NOW.timestamp() - 13 * 3600)


@pytest.mark.parametrize(
    ("taken", "jobs", "outcome"),
    [
        (3, (replace(OLD, acknowledged=True),), Outcome.UNKNOWN),
        (3, (replace(OLD, acknowledged=False),), Outcome.UNKNOWN),
        (1, (OLD,), Outcome.UNKNOWN),
        (1, (replace(OLD, acknowledged=False),), Outcome.HOLDS),
        (0, (replace(OLD, acknowledged=True),), Outcome.HOLDS),
        (3, (JOB,), Outcome.HOLDS),
        (3, (), Outcome.UNKNOWN),
        (3, (replace(JOB, since=None),), Outcome.UNKNOWN),
    ],
)
def test_jobs_that_a_worker_has_taken_may_wait_behind_one_that_does_not_end(
    taken: int, jobs: tuple[Job, ...], outcome: Outcome
) -> None:
    queue = Queue("GPU", unacknowledged=taken, consumers=1, ready_later=0, unacknowledged_later=taken)
    verdict = verdict_on("move", with_replies(Reply("celery@GPU", ("GPU",), jobs), queue=queue))
    assert verdict.outcome is outcome


@pytest.mark.parametrize(
    ("ready", "taken", "outcome"), [(0, 2, Outcome.HOLDS), (0, 3, Outcome.UNKNOWN), (1, 2, Outcome.UNKNOWN)]
)
def test_a_job_that_ended_during_the_look_was_taken_and_one_that_was_given_back_was_not(
    ready: int, taken: int, outcome: Outcome
) -> None:
    queue = Queue("GPU", unacknowledged=3, consumers=1, ready_later=ready, unacknowledged_later=taken)
    assert verdict_on("move", with_replies(Reply("celery@GPU", ("GPU",)), queue=queue)).outcome is outcome


def test_what_waits_while_no_worker_could_be_asked_is_unknown() -> None:
    dark = Unobservable("no worker here could be asked")
    fleet = fleet_of(replace(MANAGER, replies=dark), replace(VGPU, replies=dark))
    assert verdict_on("move", fleet).outcome is Outcome.UNKNOWN
    assert verdict_on("answer", fleet).outcome is Outcome.UNKNOWN
    assert verdict_on("move", fleet, "celery").outcome is Outcome.HOLDS


# Whether workers answer


def test_a_worker_that_consumes_and_does_not_answer_is_frozen() -> None:
    fleet = fleet_of(replace(MANAGER, replies=REPLIES[:1]), replace(VGPU, replies=REPLIES[:1]))
    [match] = verdict_on("answer", fleet).findings
    assert match.saw == "celery@GPU (rodan_gpu-celery.1.x7k on vgpu) consumes GPU and does not answer"
    assert match.node == "vgpu"
    assert verdict_on("are_consumed", fleet).outcome is Outcome.HOLDS


def test_one_node_that_was_answered_is_enough() -> None:
    fleet = fleet_of(vgpu=replace(VGPU, replies=Unobservable("no worker here could be asked")))
    assert verdict_on("answer", fleet).outcome is Outcome.HOLDS


def test_a_worker_that_its_own_node_could_not_ask_may_only_have_been_too_slow_for_the_others() -> None:
    dark = replace(VGPU, replies=Unobservable("no worker here could be asked"))
    assert verdict_on("answer", fleet_of(replace(MANAGER, replies=REPLIES[:1]), dark)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("worker", "outcome"),
    [
        (LocalWorker(GPU.id, celery=True, solo=True), Outcome.UNKNOWN),
        (LocalWorker(GPU.id, celery=False), Outcome.FINDING),
        (LocalWorker(GPU.id, celery=Unobservable("not seen")), Outcome.FINDING),
    ],
)
def test_who_is_no_worker_of_celery_is_not_asked_and_a_solo_pool_may_be_at_work(
    worker: LocalWorker, outcome: Outcome
) -> None:
    silent = replace(VGPU, workers=(worker,), replies=REPLIES[:1])
    assert verdict_on("answer", fleet_of(replace(MANAGER, replies=REPLIES[:1]), silent)).outcome is outcome


def test_what_is_no_worker_of_celery_by_its_processes_and_has_no_name_of_one_is_not_asked() -> None:
    nameless = replace(BROKER, consumers=(CONSUMERS[0], Consumer("GPU", "10.0.1.3")))
    other = replace(VGPU, workers=(LocalWorker(GPU.id, celery=False),))
    assert verdict_on("answer", fleet_of(replace(MANAGER, brokers=(nameless,)), other)).outcome is Outcome.HOLDS


def test_two_workers_of_one_name_are_unknown_since_either_may_have_answered() -> None:
    twin = Consumer("celery", "10.0.1.2", "celery@GPU")
    verdict = verdict_on("answer", with_broker(consumers=(twin, CONSUMERS[1])))
    assert verdict.outcome is Outcome.UNKNOWN


def test_a_worker_without_remote_control_is_unknown() -> None:
    assert verdict_on("answer", with_queue(QUEUES[1], Consumer("GPU", "10.0.1.3"))).outcome is Outcome.UNKNOWN


# What was not seen


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("node", ["manager", "vgpu"])
def test_a_node_that_was_not_seen_is_unknown(rule: str, node: str) -> None:
    fleet = fleet_of()
    dark = replace(fleet, facts={**fleet.facts, (node, "queues"): Unobservable("no route to host")})
    assert verdict_on(rule, dark).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rule", RULES)
def test_a_broker_that_does_not_answer_is_unknown(rule: str) -> None:
    dark = Unobservable("`rabbitmqctl` exited 72: Error: unable to perform an operation on node")
    assert verdict_on(rule, with_broker(queues=dark, consumers=dark)).outcome is Outcome.UNKNOWN


def test_consumers_that_were_not_listed_are_unknown() -> None:
    assert verdict_on("are_consumed", with_broker(consumers=())).outcome is Outcome.UNKNOWN
    assert verdict_on("are_consumed", with_broker(consumers=Unobservable("cut"))).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("written", "reason"), [(OLDER, "not asked for"), (OLDER + "queues: {none: no jobs here}\n", "no jobs here")]
)
def test_an_inventory_without_queues_is_neither_red_nor_unknown(rule: str, written: str, reason: str) -> None:
    verdict = verdict_on(rule, fleet_of(written=written))
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert verdict.not_applicable.startswith(reason)


def test_nothing_is_asked_where_the_inventory_declares_no_queues() -> None:
    inventory = load_inventory(Path("mine.yml"), OLDER)
    [observer] = TOPIC.observers
    look = observer.observe(inventory.nodes["manager"], inventory)
    assert drive_in_lockstep({"queues": look}, AnsweringLink({})) == {"queues": None}


# What is printed

LISTED = b"""[
{"name":"GPU","auto_delete":false,"exclusive":false,"consumers":1,"messages_ready":5,"messages_unacknowledged":4}
,{"name":"ev\\"il<b>\xc3\xa9","auto_delete":false,"exclusive":false,"consumers":0,"messages_ready":1,"messages_unacknowledged":0}
,{"name":"d602b77c","auto_delete":true,"exclusive":false,"consumers":0,"messages_ready":0,"messages_unacknowledged":0}
]
[
{"queue_name":"GPU","channel_pid":"#PID<12575.692.0>"}
,{"queue_name":"celery@GPU.celery.pidbox","channel_pid":"#PID<12575.764.0>"}
]
[
{"pid":"#PID<12581.692.0>","name":"10.0.1.3:46740 -> 10.0.1.9:5672 (1)"}
,{"pid":"#PID<12581.764.0>","name":"10.0.1.3:46740 -> 10.0.1.9:5672 (2)"}
]
"""
WORKERS = b"""container %s
look {"celery": true, "solo": false, "app": "rodan", "queues": "GPU,high"}
look {"replies": [{"worker": "celery@GPU", "queues": ["GPU"], "jobs": [{"id": "0c18a465", "task": "tasks.sleep", \
"since": 1796077684.761691, "acknowledged": true, "queue": "GPU"}]}]}
end
"""


def test_what_rabbitmq_printed_is_read() -> None:
    broker = parse_broker("4f", Output(0, LISTED), ("n1",))
    assert broker.queues == (
        Queue("GPU", 5, 4, 1),
        Queue('ev"il<b>é', ready=1),
        Queue("d602b77c", temporary=True),
    )
    assert isinstance(broker.consumers, tuple)
    assert broker.consumers[0] == Consumer("GPU", "10.0.1.3", "celery@GPU")


def test_the_queues_once_more_say_how_many_wait_at_the_end() -> None:
    later = b'[{"name":"GPU","consumers":1,"messages_ready":3,"messages_unacknowledged":4}]'
    queues = parse_broker("4f", Output(0, LISTED + later), ()).queues
    assert isinstance(queues, tuple)
    assert [queue.ready_later for queue in queues] == [3, None, None]


@pytest.mark.parametrize(
    "printed",
    [
        LISTED + b'[{"name":"GPU","consu',
        LISTED + b'[{"name":"GPU"}]',
        LISTED + b"[][]",
        LISTED[:200],
        LISTED[: LISTED.index(b'[\n{"pid')],
        b"",
        b"Listing queues for vhost / ...\n" + LISTED,
        LISTED.replace(b'"consumers":1', b'"consumers":""'),
        LISTED.replace(b'"messages_ready":5,', b""),
        LISTED.replace(b',"messages_unacknowledged":4', b""),
        LISTED.replace(b'"name":"GPU"', b'"name":7'),
        b"{}[][]",
        b"[1][][]",
    ],
)
def test_half_an_answer_is_unknown(printed: bytes) -> None:
    assert isinstance(parse_broker("4f", Output(0, printed), ()).queues, Unobservable)


@pytest.mark.parametrize(
    "answer", [Output(72, b"", b"Error: unable to connect"), Output(None, lost="time limit of 90 s")]
)
def test_a_broker_that_is_down_in_a_container_that_runs_is_unknown(answer: Output) -> None:
    broker = parse_broker("4f", answer, ())
    assert isinstance(broker.queues, Unobservable)
    assert isinstance(broker.consumers, Unobservable)


def test_ten_thousand_queues_are_read_and_judged() -> None:
    rows = [
        {"name": f"q{at}", "consumers": 0, "messages_ready": 1, "messages_unacknowledged": 0} for at in range(10_000)
    ]
    printed = json.dumps(rows).encode() + b"[][]"
    broker = parse_broker(RABBIT.id, Output(0, printed), ("n1",))
    fleet = fleet_of(replace(MANAGER, brokers=(broker,)))
    [match] = judge_subject(RULES["are_consumed"], fleet, Subject("service", "rabbitmq")).findings
    assert "and 9995 more" in match.saw
    assert len(match.saw) < 1000


def test_what_workers_answered_is_read() -> None:
    local, replies = parse_workers(Output(0, WORKERS.replace(b"%s", GPU.id.encode())), [GPU.id])
    assert local == (LocalWorker(GPU.id, True, app="rodan", queues=("GPU", "high")),)
    assert replies == (
        Reply("celery@GPU", ("GPU",), (Job("0c18a465", "tasks.sleep", "GPU", 1796077684.761691, True),)),
    )


Change = Callable[[str], str]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-4],
        lambda text: text.replace('look {"replies"', 'look {"failed": "OperationalError"}\nlook {"x"'),
        lambda text: text.replace('"worker": "celery@GPU"', '"worker": 7'),
        lambda text: text.replace('"celery": true', '"celery": 1'),
        lambda text: text.replace("look {", "look x{"),
    ],
)
def test_half_an_answer_of_workers_is_unknown(change: Change) -> None:
    printed = change(WORKERS.decode().replace("%s", GPU.id))
    local, replies = parse_workers(Output(0, printed.encode()), [GPU.id])
    assert isinstance(replies, Unobservable) or isinstance(local[0].celery, Unobservable)


def test_a_container_without_a_worker_asks_nobody() -> None:
    printed = f'container {GPU.id}\nlook {{"celery": false}}\n\nend\n'.encode()
    assert parse_workers(Output(0, printed), [GPU.id]) == ((LocalWorker(GPU.id, False),), None)


INSPECTED = [
    {
        "Id": each.id,
        "Name": f"/{each.name}",
        "State": {"Status": "running", "Running": True, "Pid": 7},
        "Config": {"Labels": {SWARM: each.labels[SWARM] if each.labels else ""}},
        "NetworkSettings": {"Networks": {"rodan_default": {"NetworkID": "n1", "IPAddress": f"10.0.1.{at}"}}},
    }
    for at, each in enumerate((RABBIT, GPU, FLOWER))
]


class AnsweringLink:
    """A link that answers by the names of commands."""

    def __init__(self, answers: dict[str, Output]) -> None:
        self.answers, self.asked = answers, list[Command]()

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        self.asked += commands
        return [self.answers[str(command)] for command in commands]


def test_a_node_is_asked_in_two_rounds_about_its_broker_and_its_workers() -> None:
    inventory = load_inventory(Path("mine.yml"), ASKED)
    link = AnsweringLink(
        {
            "docker inspect": Output(0, b"1764000000\n" + json.dumps(INSPECTED).encode()),
            "rabbitmqctl": Output(0, LISTED),
            "celery inspect": Output(0, WORKERS.replace(b"%s", GPU.id.encode())),
        }
    )
    [observer] = TOPIC.observers
    facts = drive_in_lockstep({"queues": observer.observe(inventory.nodes["manager"], inventory)}, link)["queues"]
    assert isinstance(facts, Facts)
    assert (facts.brokers[0].container, facts.brokers[0].networks) == (RABBIT.id, ("n1",))
    assert [endpoint.container for endpoint in facts.endpoints] == [RABBIT.id, GPU.id, FLOWER.id]
    assert facts.workers == (LocalWorker(GPU.id, True, app="rodan", queues=("GPU", "high")),)
    assert [str(command) for command in link.asked] == ["docker inspect", "rabbitmqctl", "celery inspect"]
    assert link.asked[1].words[-2:] == ("/", RABBIT.id)
    assert link.asked[2].words[-3:] == ("", "", GPU.id)


def test_a_node_without_broker_and_worker_is_asked_nothing_more() -> None:
    inventory = load_inventory(Path("mine.yml"), ASKED)
    [observer] = TOPIC.observers
    for answer in (Output(69), Output(0, b"1764000000\n[]")):
        look = observer.observe(Node(name="data", address="192.0.2.3"), inventory)
        assert drive_in_lockstep({"queues": look}, AnsweringLink({"docker inspect": answer}))["queues"] == Facts()


def test_the_questions_as_root_are_constant_but_for_containers() -> None:
    inventory = load_inventory(Path("mine.yml"), ASKED)
    policy = inventory.section(Policy)
    broker, workers = TOPIC.root_questions_about(inventory)
    assert broker[:-1] == ask_broker(policy, "").words[:-1]
    assert workers[:-1] == ask_workers(policy, ()).words


def test_endpoints_of_containers_that_do_not_run_are_left_out() -> None:
    stopped = [{**INSPECTED[0], "State": {"Running": False}}]
    assert parse_endpoints(json.dumps(stopped)) == ()
    with pytest.raises(Unobservable):
        parse_endpoints("{}")


@pytest.mark.parametrize("name", ["-rf", "$(x)", "a b", "", "x\ny", "ü"])
def test_a_name_that_a_shell_or_an_option_parser_could_read_is_refused(name: str) -> None:
    from fleetkeeper.inventory.problems import InventoryError

    written = OLDER + f"queues: {{broker: rabbitmq, each: {{{json.dumps(name)}: celery}}}}\n"
    with pytest.raises(InventoryError):
        load_inventory(Path("mine.yml"), written)


def test_init_proposes_the_section_as_undecided_where_a_broker_was_seen() -> None:
    services = (
        FoundService("rabbitmq", "rodan_rabbitmq", broker=True),
        FoundService("gpu-celery", "rodan_gpu-celery", workers=True),
    )
    lines = "\n".join(init_lines(Findings("mine", (), services)))
    assert 'queues: {undecided: "rabbitmq is RabbitMQ; gpu-celery runs workers of Celery"}' in lines
    assert "{broker: rabbitmq, each: {QUEUE: gpu-celery}}" in lines
    assert 'queues: {none: "nothing here is RabbitMQ"}' in list(init_lines(Findings("mine", ())))
