"""The rules that jobs are taken from the declared queues, and that who consumes one answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.units import count_of, show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.queues.broker_view import (
    ConsumingContainer,
    addresses_of_worker,
    consumers_of,
    declared_queue,
    is_own,
    local_workers,
    replies_of,
)
from fleetkeeper.topics.queues.facts import Facts, Job, Queue
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

NOT_CONSUMED = "nobody consumes it: see queues.are_consumed"
RESERVED = "`celery inspect reserved` lists those that wait for the worker, `scheduled` those for a time of their own"


def move(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """In every declared queue few jobs wait, and none holds the others up for too long.

    With one worker a job that does not end stops all behind it, and nothing looks broken. At most `backlog` jobs may
    wait, and while any waits, no job that was taken from the queue may have run for longer than `waiting`. By the
    broker's count of ready messages, and the begin of each job that its workers run (`celery inspect active`). How long
    a message itself has waited is not known: it carries no time. Where jobs wait, one that was taken must be seen: a
    job that runs, or fewer that wait when they are counted again at the end of the look, about a second later. Without
    either it is unknown whether they move, and so it is where they wait and the workers could not be asked. A worker
    takes some jobs before it can run them, so that none waits in the queue: these are what the broker has as
    unacknowledged beyond those that run. They may wait for a time of their own (`eta`), so it is unknown whether they
    move behind a job that has run for too long, or while none runs. Does not apply where nobody consumes the queue.

    Source: docs/runbook.md, "Queues"; rabbitmqctl(8), list_queues;
    https://docs.celeryq.dev/en/stable/userguide/workers.html.
    """
    policy = fleet.inventory.section(Policy)
    _, queue = declared_queue(fleet, subject)
    if not queue.consumers:
        raise NotApplicable(NOT_CONSUMED)
    if queue.ready > policy.backlog:
        yield too_many(fleet, queue, policy.backlog)
    elif queue.ready or queue.unacknowledged:
        jobs = jobs_of(fleet, queue.name)
        yield from held_up(queue, jobs, policy.waiting, fleet)
        if not queue.was_taken_from and all(job.since is None for job in jobs):
            yield not_seen_to_move(queue, jobs)


def not_seen_to_move(queue: Queue, jobs: list[Job]) -> Unobservable:
    """Why it is unknown whether the jobs that wait are taken; `jobs` run, and nobody said since when."""
    running = "one runs, and since when was not said" if jobs else "no job of it runs"
    if not queue.ready:
        taken = f"workers have taken {count_of(queue.unacknowledged, 'job')} from {queue.name}"
        return Unobservable(f"{taken}, none was seen to end, and {running}", hint=RESERVED)
    waiting = f"{count_of(queue.ready, 'job')} {'waits' if queue.ready == 1 else 'wait'} in {queue.name}"
    later = f"{queue.ready_later} at the end of the look" if queue.ready_later is not None else "not counted again"
    return Unobservable(
        f"{waiting} ({later}), none was seen to be taken, and {running}",
        hint="look again; where it stays so, look at what its workers do (`celery inspect active`, `reserved`)",
    )


def jobs_of(fleet: Fleet, queue: str) -> list[Job]:
    """The jobs of a queue that are run, the oldest first. Raises Unobservable where no worker was asked."""
    jobs = [job for reply in replies_of(fleet).values() for job in reply.jobs if job.queue == queue]
    return sorted(jobs, key=lambda job: (job.since is None, job.since or 0.0, job.id))


def too_many(fleet: Fleet, queue: Queue, backlog: int) -> Finding:
    """The finding that more wait than may, with the oldest job that runs, if that was seen."""
    try:
        jobs = jobs_of(fleet, queue.name)
    except Unobservable:
        jobs = []
    running = f"; {job_in_words(jobs[0], fleet)}" if jobs else ""
    return Finding(
        saw=f"{count_of(queue.ready, 'job')} wait in {queue.name}{running}",
        want=f"{backlog} at most",
        why="more come in than are done",
        about=queue.name,
        hint="look at what its workers do; `queues: {backlog: …}` is what may wait",
    )


def held_up(queue: Queue, jobs: list[Job], waiting: timedelta, fleet: Fleet) -> Iterator[Finding | Unobservable]:
    """A finding where jobs wait behind one that has run for too long, an Unobservable where they may."""
    for job in jobs[:1]:
        if job.since is None or age_of(job.since, fleet) <= waiting:
            return
        if not queue.ready and (reserved := most_reserved(queue, jobs)):
            behind = f"workers have taken up to {reserved} more from {queue.name}: whether these wait behind it"
            yield Unobservable(f"{job_in_words(job, fleet)}, and {behind} cannot be seen", hint=RESERVED)
        elif queue.ready:
            yield Finding(
                saw=f"{job_in_words(job, fleet)}, and {count_of(queue.ready, 'job')} wait in {queue.name} behind it",
                want=f"no longer than {show_duration(waiting)} while others wait",
                why="with few workers one job that does not end stops the others",
                about=queue.name,
                hint="find out whether it still works; nothing ends it by itself without a time limit",
            )


def most_reserved(queue: Queue, jobs: list[Job]) -> int:
    """How many jobs of a queue may be with workers that do not run them yet.

    A job that runs is among the unacknowledged only until the worker acknowledges it: most do so before they run it.
    """
    return max(0, queue.unacknowledged - sum(job.acknowledged is False for job in jobs))


def age_of(since: float, fleet: Fleet) -> timedelta:
    """For how long a job has run at the time of the look, by the controller's clock; never less than nothing."""
    return timedelta(seconds=max(0.0, fleet.looked_at.timestamp() - since))


def job_in_words(job: Job, fleet: Fleet) -> str:
    """What runs, and since when."""
    name = one_line(f"{job.task} {job.id}")[:120]
    return f"{name} has run for {show_duration(age_of(job.since, fleet))}" if job.since is not None else f"{name} runs"


def answer(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every worker of a declared service that consumes its queue answers when it is asked.

    A frozen worker stays a consumer, keeps the jobs that it has reserved, and takes no other. By the names of the
    workers that are connected to the broker, and who of them answers `celery inspect` within three seconds, asked
    by its own node twice. What is no worker of Celery is not asked. One with a `solo` pool, which answers nobody while
    it works, is unknown until it answers, and so are two of one name. Does not apply where nobody consumes the queue.
    Unknown where its own node could ask none.

    Source: docs/runbook.md, "Queues"; https://docs.celeryq.dev/en/stable/userguide/workers.html.
    """
    service, queue = declared_queue(fleet, subject)
    if not queue.consumers:
        raise NotApplicable(NOT_CONSUMED)
    own = [each for each in consumers_of(fleet, queue.name) if is_own(fleet, each.placement, service)]
    if not own:
        raise NotApplicable(f"no container of {service} consumes it: see queues.are_consumed")
    for consuming in own:
        yield from judged_answer(fleet, queue.name, consuming)


def judged_answer(fleet: Fleet, queue: str, consuming: ConsumingContainer) -> Iterator[Finding | Unobservable]:
    """A finding where the worker in a container of the service does not answer; what was not seen as Unobservable."""
    placement, worker = consuming.placement, consuming.consumer.worker
    if placement is None:
        return
    local = local_workers(fleet).get(placement.container.id)
    celery = local.celery if local else Unobservable("whether a worker of Celery runs in it was not seen")
    if celery is False and not worker:
        return
    if worker and len(addresses_of_worker(fleet, worker)) > 1:
        twins = f"more than one container has a worker called {one_line(worker)[:120]}: either may have answered"
        yield Unobservable(twins, "give each a name of its own (`celery worker -n NAME@%h`)", placement.node)
    elif not worker:
        why = celery if isinstance(celery, Unobservable) else Unobservable(f"{placement.container.name}: {NO_CONTROL}")
        yield Unobservable(why.why, why.hint, placement.node)
    elif worker not in replies_of(fleet):
        replies = fleet.of(placement.node, Facts).replies
        if isinstance(replies, Unobservable):
            yield replace(replies, node=replies.node or placement.node)
        else:
            yield silent_worker(queue, consuming, solo=local is not None and local.solo)


NO_CONTROL = "its worker cannot be asked, since its remote control is off or its name was not seen"


def silent_worker(queue: str, consuming: ConsumingContainer, *, solo: bool) -> Finding | Unobservable:
    """The finding that a worker does not answer; an Unobservable for one that answers nobody while it works."""
    placement, worker = consuming.placement, one_line(consuming.consumer.worker)[:120]
    where = f"{placement.container.name} on {placement.node}" if placement else "its container"
    node = placement.node if placement else ""
    if solo:
        return Unobservable(f"{worker} did not answer: it has a `solo` pool, and may be at work", "look again", node)
    return Finding(
        saw=f"{worker} ({where}) consumes {queue} and does not answer",
        want="an answer within 3 s",
        why="the jobs that it has reserved wait for it, and no other worker gets them",
        node=node,
        about=queue,
        hint=f"`docker exec` into it and look at its processes; a restart of it loses the job that it runs, "
        f"and gives the others back to {queue}",
    )
