"""The remedy that starts one worker's task, or container, anew: of a worker that is frozen, or has lost its GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, SWARM_TASK
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.queues.broker_view import (
    brokers_of,
    consumers_of,
    is_own,
    local_workers,
    replies_of,
    worker_names,
)
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.topics.queues.rules.moving import job_in_words, judged_answer
from fleetkeeper.topics.services.constraints import fits, takes_tasks, why_idle
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import installed_word, one_line
from remediate.plan import Disturbs, ForAPerson, Plan
from remediate.remedies.services.swarm_spec import manager_and_service
from remediate.steps import AnyStep, Require, Run

AWAIT_TASKS = "remediate/remedies/queues/scripts/await_tasks.sh"
AWAIT_CONSUMERS = "remediate/remedies/queues/scripts/await_consumers.sh"
RUNNING = ("docker", "inspect", "--type", "container", "--format", "{{.State.Running}}")
GRACE = "20"
"""Seconds that a worker has to end by itself: one that is frozen does not, and is killed then."""
UPDATING = ("updating", "paused", "rollback_started", "rollback_paused")
UNSEEN_JOB = "the job that it may run is lost"


class NotRestarted(Exception):
    """Why a container is not started anew by this remedy; a person must act."""


def restart_frozen_worker(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Start the task of the worker that does not answer anew, and wait until its queue is consumed again.

    Disturbs: the worker is down until its new task is up (`restart`), and the job that it may run is lost: a worker
    that does not answer does not say which (`interrupt`). The jobs that it has reserved go back to the queue. Way back:
    none, a restart cannot be taken back. A person must act where the swarm would not start it there again: its restart
    policy, an update of it, constraints, or the state of the node.

    Raises Unobservable where the swarm or the broker was not seen.
    """
    frozen = {
        consuming.placement.container.id: consuming.placement
        for consuming in consumers_of(fleet, finding.about)
        if consuming.placement is not None and consuming.placement.node == finding.node
        and is_own(fleet, consuming.placement, fleet.inventory.section(Policy).each[finding.about])
        and any(isinstance(each, Finding) for each in judged_answer(fleet, finding.about, consuming))
    }  # fmt: skip
    return restart_plan(fleet, list(frozen.values()), finding)


def restart_plan(fleet: Fleet, places: Sequence[Placement], finding: Finding) -> Plan | ForAPerson:
    """The plan that starts these containers anew, one after the other; what a person must do where that is not clear.

    Raises Unobservable, Untrusted.
    """
    try:
        steps = [step for each in places for step in restart_steps(fleet, each)]
    except NotRestarted as why:
        return ForAPerson(str(why), finding.hint)
    if not steps:
        return ForAPerson("the container that is meant does not run any more", finding.hint)
    lost = [text for each in places if (text := lost_work(fleet, each.container))]
    names = ", ".join(one_line(each.container.name) for each in places)
    disturbs: tuple[Disturbs, ...] = ("restart", "interrupt") if lost else ("restart",)
    return Plan(
        steps=tuple(steps),
        disturbs=disturbs,
        disturbance="; ".join([f"{names}: down until started anew, some 10 to 60 s", *(lost or [IDLE])]),
        undo="there is none: a restart cannot be taken back; jobs that were only reserved are in their queue again",
        success="the same rule, on a fresh look, once what was started is up",
        requires=tuple(still_runs(each) for each in places),
    )


IDLE = f"it runs no job; one that begins until then has {GRACE} s to end, and is lost else"


def lost_work(fleet: Fleet, container: Container) -> str:
    """What a restart of a container would lose, in words; "" for a worker that answered and runs no job."""
    try:
        names = worker_names(fleet, container.id)
        replies = replies_of(fleet)
    except (Unobservable, NotApplicable):
        return UNSEEN_JOB
    if len(names) != 1 or not names <= set(replies) or not has_one_worker(fleet, container):
        return UNSEEN_JOB
    jobs = replies[min(names)].jobs
    named = "; ".join(job_in_words(job, fleet) for job in jobs[:3])
    return f"{count_of(len(jobs), 'running job')} lost: {named}" if jobs else ""


def has_one_worker(fleet: Fleet, container: Container) -> bool:
    """Whether a container is known to be a worker's, and its worker's name to be no other container's."""
    worker = local_workers(fleet).get(container.id)
    names = worker_names(fleet, container.id)
    others = [worker_names(fleet, each) for each in local_workers(fleet) if each != container.id]
    return worker is not None and worker.celery is True and not any(names & each for each in others)


def still_runs(placement: Placement) -> Require:
    """The condition that this very container still runs."""
    name = one_line(placement.container.name)
    return Require(placement.node, (*RUNNING, placement.container.id), f"{name} is the container that runs", "true")


def restart_steps(fleet: Fleet, placement: Placement) -> Iterator[AnyStep]:
    """The steps for one container: it is ended and started anew, by the swarm or the engine, and consumes again.

    Raises NotRestarted, Unobservable, Untrusted.
    """
    container, node = placement.container, placement.node
    name = one_line(container.name)
    if container.swarm_service:
        manager, service = swarm_service_of(fleet, container)
        task = installed_word(container.label(SWARM_TASK), "the id of the task")
        same = [each for each in running_containers(fleet) if each.container.swarm_service == service.name]
        words = ("sh", "-c", load_script(AWAIT_TASKS), "sh", installed_word(service.name), task, str(len(same)))
        stop = ("docker", "stop", "-t", GRACE, container.id)
        yield Run(node, stop, says=f"end the task {name}; the swarm starts another", limit=120)
        yield Run(manager, words, says=f"wait until another task of {service.name} runs", changes=False, limit=150)
    elif container.label(COMPOSE_PROJECT) or container.restart:
        yield Run(node, ("docker", "restart", "-t", GRACE, container.id), says=f"restart {name}", limit=120)
    else:
        raise NotRestarted(f"whether {name} would come up again is not known")
    yield from waits_for_consumers(fleet, container)


def running_containers(fleet: Fleet) -> list[Placement]:
    """The containers of the inventory's services that run. Raises Unobservable for a node that was not seen."""
    services = require_policy(fleet.inventory.services)
    places = [each for key in services for each in running_placements(fleet, key)]
    return list({each.container.id: each for each in places}.values())


def swarm_service_of(fleet: Fleet, container: Container) -> tuple[str, SwarmService]:
    """The manager and the service of a task that the swarm would start there again after it has ended.

    Raises NotRestarted where it would not, or may not; Unobservable where no manager knows the service.
    """
    manager, service = manager_and_service(fleet, container.swarm_service)
    if service is None:
        raise Unobservable(f"no manager that was seen knows {one_line(container.swarm_service)}")
    name = one_line(service.name)
    if service.restart != "any" or service.attempts:
        raise NotRestarted(f"the restart policy of {name} may leave it ended (`restart_policy`)")
    if service.update_state in UPDATING or service.lent_updates:
        raise NotRestarted(f"an update of {name} is not over")
    if service.replicas is None:
        return manager, service
    members = fleet.of(manager, Services).members
    able = [member for member in members if takes_tasks(member) and fits(member, service.constraints)]
    if not able:
        raise NotRestarted(f"the swarm would start no task of {name} again: {states_of(members, service)}")
    return manager, service


def states_of(members: Sequence[Member], service: SwarmService) -> str:
    """Why no member takes a task of a service, in words."""
    fitting = [each for each in members if fits(each, service.constraints)]
    if not fitting:
        return "no member meets its constraints"
    return ", ".join(f"{one_line(each.hostname)} is {one_line(why_idle(each))}" for each in fitting)


def waits_for_consumers(fleet: Fleet, container: Container) -> Iterator[Run]:
    """A step for each declared queue that the container consumes: it waits until as many consume it as before.

    None where the inventory declares no queues, or the broker was not seen.
    """
    try:
        policy = fleet.inventory.section(Policy)
        node, broker = brokers_of(fleet)[0]
        consumers = {queue: consumers_of(fleet, queue) for queue in policy.each}
    except (NotApplicable, Unobservable):
        return
    for queue, consuming in consumers.items():
        if any(each.placement is not None and each.placement.container.id == container.id for each in consuming):
            words = ("sh", "-c", load_script(AWAIT_CONSUMERS), "sh", policy.host, broker.container, queue)
            says = f"wait until {queue} is consumed as before"
            yield Run(node, (*words, str(len(consuming))), says=says, changes=False, limit=150)
