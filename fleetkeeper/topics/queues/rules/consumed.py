"""The rules that declared queues exist, and that the declared services consume them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.queues.broker_view import (
    QUEUE,
    ConsumingContainer,
    came_or_went,
    consumers_of,
    declared_queue,
    is_own,
    queues_of,
    unwatched_queues,
)
from fleetkeeper.topics.queues.facts import Queue
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.topics.services.idle_reasons import idle_reason
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

NAMED = 5
JOBS_WAIT = "a job that is sent there waits for ever, and nobody is told"


def exist_as_declared(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
    """Every declared queue exists in the broker.

    A worker makes its queue when it starts, and so does whoever sends the first job: a queue that is not there was
    never consumed since the broker was made anew. By `rabbitmqctl list_queues` in the broker's own container, which
    needs no password, for the virtual host that the inventory names. A broker that does not run is a finding; one that
    does not answer, or only in part, is unknown.

    Source: docs/runbook.md, "Queues"; rabbitmqctl(8), list_queues.
    """
    policy = fleet.inventory.section(Policy)
    if not running_placements(fleet, policy.broker):
        yield Finding(
            saw=f"{policy.broker} runs nowhere{idle_reason(fleet, policy.broker)}",
            want="a broker that runs",
            why="no job can be sent, and none is taken",
            about=policy.broker,
            hint="see services.are_running",
        )
        return
    queues = queues_of(fleet)
    if subject.name not in queues:
        near = sorted(name for name in queues if name.lower() == subject.name.lower())
        others = f"; there is {', '.join(one_line(name) for name in near)}" if near else ""
        yield Finding(
            saw=f"there is no queue {subject.name} in the virtual host {policy.host}{others}",
            want=f"the queue {subject.name}",
            why="no worker has consumed it since the broker was made",
            about=subject.name,
            hint=f"look at the queues that {policy.each[subject.name]} is started with (`celery worker -Q …`), or "
            "correct `queues: {each: …, host: …}`",
        )


def are_consumed(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every declared queue is consumed by each container of its service, and no other queue has jobs nobody takes.

    A worker may live, answer its health check, and consume nothing. By the consumers that the broker lists, with the
    address that each is connected from: it must be that of a container of the declared service, so that a stranger's
    does not count; a stranger is a warning beside it. A queue that is not declared, has messages and no consumer, such
    as one whose name was mistyped where the job was sent, is a finding; queues that go with their connection are not.
    Unknown where the broker did not answer, where a consumer came or went during the look, and where consumers come
    from an address that is no container's, so that they may be the declared ones.

    Source: docs/runbook.md, "Queues"; rabbitmqctl(8), list_consumers.
    """
    if subject.kind != QUEUE:
        yield from unwatched_findings(list(unwatched_queues(fleet)))
        return
    service, queue = declared_queue(fleet, subject)
    own = running_placements(fleet, service)
    changed = came_or_went(fleet, queue.name)
    if not queue.consumers and not changed:
        yield not_consumed(fleet, queue, service, own)
        return
    judged = list(missing_consumers(fleet, queue, service, own, consumers_of(fleet, queue.name)))
    if changed and judged:
        yield Unobservable(f"a consumer of {queue.name} came or went during the look", hint="look again")
        return
    yield from judged


def unwatched_findings(queues: Sequence[Queue]) -> Iterator[Finding]:
    """One finding about the queues that nobody declared and nobody consumes; the fullest are named. None without."""
    if not queues:
        return
    fullest = sorted(queues, key=lambda queue: (-queue.ready, queue.name))
    named = ", ".join(f"{one_line(queue.name)[:80]} ({queue.ready})" for queue in fullest[:NAMED])
    more = f" and {len(queues) - NAMED} more" if len(queues) > NAMED else ""
    yield Finding(
        saw=f"messages wait where nobody takes them, in queues that are not declared: {named}{more}",
        want="no such queue",
        why="RabbitMQ makes a queue of any name that a job is sent to, and keeps the job for ever",
        about=one_line(fullest[0].name)[:80],
        hint="correct the name where the job is sent, send it again, delete the queue (`rabbitmqctl delete_queue`); or "
        "declare it under `queues: {each: …}`",
    )


def not_consumed(fleet: Fleet, queue: Queue, service: str, own: Sequence[Placement]) -> Finding:
    """The finding about a queue without any consumer."""
    waiting = f": {count_of(queue.ready, 'job')} wait" if queue.ready > 1 else ": a job waits" if queue.ready else ""
    runs = ", ".join(f"{each.container.name} on {each.node}" for each in own)
    why = f"{runs} runs and does not consume it" if own else f"{service} runs nowhere{idle_reason(fleet, service)}"
    return Finding(
        saw=f"nobody consumes {queue.name}{waiting}; {why}",
        want=f"consumed by {service}",
        why=JOBS_WAIT,
        node=own[0].node if own else "",
        about=queue.name,
        hint=consume_hint(queue.name) if own else "see services.are_running",
    )


def consume_hint(queue: str) -> str:
    """What a person can do where a worker runs and does not consume a declared queue."""
    return (
        f"`celery -A APP control add_consumer {queue} -d WORKER` in its container, unless it was cancelled on purpose; "
        "else a restart of the worker"
    )


def idle_containers(own: Sequence[Placement], consumers: Sequence[ConsumingContainer]) -> list[Placement]:
    """Those of a service's containers that are not among the consumers of a queue."""
    consuming = {each.placement.container.id for each in consumers if each.placement}
    return [each for each in own if each.container.id not in consuming]


def missing_consumers(
    fleet: Fleet, queue: Queue, service: str, own: Sequence[Placement], consumers: Sequence[ConsumingContainer]
) -> Iterator[Finding | Unobservable]:
    """What is wrong with who consumes a queue: containers of its service that do not, and strangers that do."""
    idle = idle_containers(own, consumers)
    nameless = sorted({each.consumer.address or "an unknown address" for each in consumers if each.placement is None})
    strangers = sorted(
        {
            f"{each.placement.container.name} on {each.placement.node}"
            for each in consumers
            if each.placement and not is_own(fleet, each.placement, service)
        }
    )
    if nameless and (idle or not own):
        why = f"{queue.name} is consumed from {', '.join(nameless)}, which is no container that was seen"
        yield Unobservable(why, hint="where that is a published port or a host's network, nobody can say who it is")
        return
    taken = f"; it is consumed by {', '.join(strangers)}" if strangers else ""
    if not own:
        saw = f"{service} runs nowhere{idle_reason(fleet, service)}{taken}"
        yield consumed_finding(saw, queue.name, service, "", "see services.are_running")
    for placement in idle:
        saw = f"{placement.container.name} runs and does not consume {queue.name}{taken}"
        yield consumed_finding(saw, queue.name, service, placement.node, consume_hint(queue.name))
    if any(not each.consumer.address for each in consumers):
        yield Unobservable(f"from where a consumer of {queue.name} is connected was not seen", hint="look again")
    elif own and not idle and (strangers or nameless):
        others = ", ".join([*strangers, *nameless])
        yield Finding(
            saw=f"{queue.name} is consumed by {others} too",
            want=f"consumed by {service} alone",
            why="each job goes to one of them, and may go to the wrong one",
            about=queue.name,
            severity="warning",
        )


def consumed_finding(saw: str, queue: str, service: str, node: str, hint: str) -> Finding:
    """The finding that the declared service does not consume its queue."""
    return Finding(saw, f"consumed by {service}", JOBS_WAIT, node, queue, hint=hint)
