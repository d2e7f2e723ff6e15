"""The remedy that has a worker take jobs from its declared queue again."""

from __future__ import annotations

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.queues.broker_view import consumers_of, local_workers, replies_of, worker_names
from fleetkeeper.topics.queues.facts import LocalWorker, Reply
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.topics.queues.rules.consumed import idle_containers
from fleetkeeper.untrusted import installed_word
from remediate.plan import ForAPerson, Plan
from remediate.steps import RunInContainer

NOT_OURS = "where jobs are sent is corrected by people, and so is a queue that nobody declared"
NO_WORKER = "nothing of {service} runs that could take the jobs"
OTHERS = "who else may take the jobs of a queue is decided by people"
ANSWER_LIMIT = "10"
"""Seconds for the worker's answer: one that has much to do answers late."""
NOT_STARTED = (2, 126, 127)
"""Exit statuses with which nothing was sent: an application that cannot be imported, and no program `celery`."""


def consume_again(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Have the workers of the declared service take jobs from the queue again (`celery control add_consumer`).

    Disturbs: the jobs that wait begin to run, which somebody may have stopped on purpose (`resume`). Way back:
    `cancel_consumer`. A person must act where nothing of the service runs, its container has no worker of Celery or
    several, the worker was not started for the queue (`-Q`) or does not answer, and for queues that are not declared.

    Raises Unobservable where workers were not seen, Untrusted for names that no worker has.
    """
    policy = fleet.inventory.section(Policy)
    service = policy.each.get(finding.about, "")
    if finding.subject != finding.about or not service:
        return ForAPerson(NOT_OURS, finding.hint)
    own = running_placements(fleet, service)
    idle = idle_containers(own, consumers_of(fleet, finding.about))
    if not idle:
        return ForAPerson(OTHERS if own else NO_WORKER.format(service=service), finding.hint)
    try:
        steps = tuple(step_in(fleet, placement, finding.about) for placement in idle)
    except NotClear as why:
        return ForAPerson(str(why), finding.hint)
    return Plan(
        steps=steps,
        disturbs=("resume",),
        disturbance=f"the jobs that wait in {finding.about} begin to run; somebody may have stopped that on purpose",
        undo="each worker is told to take no jobs from the queue again; those that it has taken by then are run",
        success="the broker lists each container of the service as a consumer, on a fresh look",
    )


class NotClear(Exception):
    """Why a worker is not told anything; a person must act."""


def step_in(fleet: Fleet, placement: Placement, queue: str) -> RunInContainer:
    """The step in one container. Raises NotClear where a person must act, Untrusted for an odd name."""
    policy, container = fleet.inventory.section(Policy), placement.container
    worker, name = worker_in(fleet, container)
    if queue not in worker.queues:
        raise NotClear(f"the command line of the worker in {container.name} does not name {queue} (`worker -Q …`)")
    if queue in answer_of(fleet, container, name).queues:
        raise NotClear(f"the worker in {container.name} says that it takes jobs from {queue}; the broker lists it not")
    app = policy.app or worker.app
    if not app:
        raise NotClear(f"the command line of the worker in {container.name} names no application (`celery -A …`)")
    directory = ("--workdir", policy.directory) if policy.directory else ()
    head = ("celery", "-A", checked_name(app, ":", "the application"), *directory, "control")
    end = (queue, "-t", ANSWER_LIMIT, "-d", checked_name(name, "@", "the name of the worker"))
    return RunInContainer(
        *(placement.node, container.id, (*head, "add_consumer", *end)),
        service=container.name,
        says=f"have {name} take jobs from {queue} again",
        unchanged=NOT_STARTED,
        undo=(*head, "cancel_consumer", *end),
    )


def worker_in(fleet: Fleet, container: Container) -> tuple[LocalWorker, str]:
    """The only worker of a container, and its name. Raises NotClear where it has none or several."""
    worker = local_workers(fleet).get(container.id)
    if worker is None or worker.celery is not True:
        raise NotClear(f"no worker of Celery was seen in {container.name}")
    names = worker_names(fleet, container.id)
    if len(names) != 1:
        raise NotClear(f"{len(names)} workers of Celery are connected from {container.name}, and one is needed")
    return worker, min(names)


def answer_of(fleet: Fleet, container: Container, name: str) -> Reply:
    """What a worker answered. Raises NotClear where it did not."""
    reply = replies_of(fleet).get(name)
    if reply is None:
        raise NotClear(f"the worker in {container.name} does not answer")
    return reply


def checked_name(name: str, between: str, what: str) -> str:
    """The same name, of one word or two. Raises Untrusted for other characters than `installed_word` takes."""
    first, sign, second = name.partition(between)
    return installed_word(first, what) + (sign + installed_word(second, what) if sign else "")
