"""The rule that the swarm starts a service that needs a GPU where there is one, and only there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fleetkeeper.judging.finding import Finding, Severity
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.gpus.gpu_members import members_with_gpus, seen_managers
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.gpus.resources import Amounts
from fleetkeeper.topics.gpus.resources import Facts as Resources
from fleetkeeper.topics.services.constraints import fits, hosts, is_ready, quoted, takes_tasks, why_idle
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService
from fleetkeeper.topics.services.idle_reasons import idle_reason, unseen
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line, shown_command, shown_word

WHY_LABEL = "the constraints of its services fit no node: their tasks wait, without a word"
NO_GPU_THERE = "there it computes without a GPU, many times slower, or not at all"


@dataclass(frozen=True)
class GpuSwarm:
    """A swarm as one of its managers sees it: `members` are the nodes that have GPUs, by their names here."""

    manager: Services
    members: Mapping[str, Member]
    resources: Resources

    def may_run(self, service: SwarmService, member: Member) -> bool:
        """Whether the constraints and reservations of a service let it run on a member, once that takes tasks."""
        offered = self.resources.offered.get(member.id, {})
        reserved = self.resources.reserved.get(service.name, {})
        enough = all(offered.get(kind, 0) >= amount for kind, amount in reserved.items())
        return enough and fits(member, service.constraints)


def are_where_the_service_may_run(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The swarm may start a service that needs a GPU on a node with one, which is up and has room, and nowhere else.

    The label that a constraint asks for belongs to the member, and is lost when the node leaves the swarm: the member
    that it becomes when it joins again has none, while the one that it was stands there, down, with the label. Then the
    service waits and nothing says so. Judged are the labels of the inventory, the constraints and reservations of the
    service, and the state of each member. A service that may run on a node without a GPU is a finding too, and so is
    one whose tasks reserve more of a resource than there is. Without a manager, such as for a service of Compose, only
    where its containers run is judged. Unknown while a node was not seen that may be a manager, or have one of its
    containers. Source: docs/runbook.md, "GPUs"; https://docs.docker.com/engine/swarm/services/#placement-constraints.
    """
    name = placement.service_of(fleet, subject.name).name
    yield from running_elsewhere(fleet, name)
    for node, manager in seen_managers(fleet):
        service = next((each for each in manager.services if each.name == name), None)
        if service is None:
            continue
        with_gpus = members_with_gpus(fleet, manager)
        yield from (why for why in with_gpus.values() if isinstance(why, Unobservable))
        members = {key: member for key, member in with_gpus.items() if isinstance(member, Member)}
        swarm = GpuSwarm(manager, members, fleet.of(node, Resources))
        yield from (outside_swarm(key) for key, member in with_gpus.items() if member is None)
        labels = list(missing_labels(fleet, swarm, idle_reason(fleet, subject.name)))
        yield from labels
        if not any(isinstance(why, Unobservable) for why in with_gpus.values()):
            yield from judged_members(service, swarm, bool(labels))
            yield from judged_room(service, swarm)
        break
    yield from dict.fromkeys((*unseen(fleet), *placement.unseen_nodes(fleet)))


def running_elsewhere(fleet: Fleet, name: str) -> Iterator[Finding]:
    """A finding for each container of the service that runs on a node which has no GPU by the inventory."""
    nodes = fleet.inventory.section(Policy).nodes
    for location in placement.seen_containers(fleet):
        container = location.container
        if container.running and container.belongs_to(name) and location.node not in nodes:
            yield Finding(
                saw=f"{one_line(container.name)} runs there, and `gpus` names no GPU there",
                want=f"on {' or '.join(nodes)}",
                why=NO_GPU_THERE,
                node=location.node,
                about=container.name,
                hint="constrain the service to the nodes that have one, or name the node in `gpus`",
            )


def outside_swarm(node: str) -> Finding:
    """The finding that a node with a GPU is no member of the swarm in which the service is defined."""
    hint = "join it (`docker swarm join-token worker` on a manager shows how), then give it its labels"
    return Finding(
        "it is no member of the swarm",
        "a member, which takes tasks",
        "nothing of the swarm runs there",
        node,
        hint=hint,
    )


def missing_labels(fleet: Fleet, swarm: GpuSwarm, idle: str) -> Iterator[Finding]:
    """A finding for each member with a GPU that lacks a label of the inventory, or has it with another value.

    `idle` is why the service does not run, in words after `: `; empty while it does. Values are compared without case,
    as the swarm compares them. Raises Untrusted for a name that no shell can take.
    """
    for node, member in swarm.members.items():
        lacking = lacking_labels(fleet, member)
        if not lacking:
            continue
        words = [word for key, value in lacking.items() for word in ("--label-add", f"{key}={value}")]
        yield Finding(
            saw=f"{node} lacks the label {labels_in_words(lacking)}{present_values(member, lacking)}"
            f"{ghost_in_words(member, lacking, swarm.manager.members)}{one_line(idle)}",
            want=f"the label {labels_in_words(lacking)}",
            why=WHY_LABEL,
            node=node,
            about=node,
            hint=f"`{shown_command(('docker', 'node', 'update', *words, member.id))}` on a manager",
        )


def lacking_labels(fleet: Fleet, member: Member) -> dict[str, str]:
    """The labels of the inventory that a member lacks, or has with another value."""
    label = fleet.inventory.section(Policy).label
    return {key: value for key, value in label.items() if not has_label(member, key, value)}


def has_label(member: Member, key: str, value: str) -> bool:
    """Whether a member has the label with this value, for the swarm: without regard to case."""
    return member.labels.get(key, "").lower() == value.lower()


def labels_in_words(labels: Mapping[str, str]) -> str:
    """Labels as the client writes them: `queue=GPU, disk=ssd`."""
    return ", ".join(f"{key}={value}" for key, value in labels.items())


def present_values(member: Member, labels: Mapping[str, str]) -> str:
    """What a member has in place of those values, in words; empty where it has none of these labels."""
    others = [f"{key}={one_line(member.labels[key])[:60]}" for key in labels if member.labels.get(key)]
    return f" (it has {', '.join(others)})" if others else ""


def ghost_in_words(member: Member, labels: Mapping[str, str], members: Iterable[Member]) -> str:
    """The member that the same node was before it left, which is down and has the label, in words; empty without."""
    for other in members:
        labelled = all(has_label(other, key, value) for key, value in labels.items())
        if other.id != member.id and other.hostname == member.hostname and labelled and not is_ready(other):
            return f"; {one_line(other.id)[:12]}, which it was before it joined again, has it and is {other.state}"
    return ""


def judged_members(service: SwarmService, swarm: GpuSwarm, unlabelled: bool) -> Iterator[Finding]:
    """Findings about the members on which the swarm may start the service.

    `unlabelled`: labels are missing, and have been told: that no member with a GPU fits is not told again. Raises
    Untrusted for a name that no shell can take.
    """
    with_gpu = {member.id for member in swarm.members.values()}
    fitting = [member for member in swarm.members.values() if swarm.may_run(service, member)]
    others = [
        member
        for member in swarm.manager.members
        if member.id not in with_gpu and takes_tasks(member) and swarm.may_run(service, member)
    ]
    if not fitting and not unlabelled:
        yield no_member_fits(service, swarm)
    elif fitting and not any(map(takes_tasks, fitting)):
        yield none_takes_tasks(fitting)
    if others:
        yield Finding(
            saw=f"the swarm may start it on {hosts(others)}, where `gpus` names no GPU",
            want="a constraint that only nodes with a GPU meet",
            why=NO_GPU_THERE,
            about=service.name,
            hint="`deploy: {placement: {constraints: [node.labels.NAME == VALUE]}}` in its stack file",
        )


def no_member_fits(service: SwarmService, swarm: GpuSwarm) -> Finding:
    """The finding that no member with a GPU meets the constraints and reservations of a service."""
    reserved = swarm.resources.reserved.get(service.name, {})
    asks = [quoted(service.constraints)] if service.constraints else []
    asks += [f"reserves {amounts_in_words(reserved)}"] if reserved else []
    return Finding(
        saw=f"no node with a GPU fits: it asks for {one_line(', '.join(asks) or 'a node that is none of these')}",
        want=f"one of {', '.join(swarm.members) or 'the nodes with a GPU'}",
        why="its tasks wait, without a word",
        about=service.name,
        hint="compare it with what `docker node inspect NODE` says of labels and resources: spelling counts",
    )


def none_takes_tasks(fitting: Sequence[Member]) -> Finding:
    """The finding that every member that fits is down, paused or drained. Raises Untrusted for a name of no shell."""
    states = ", ".join(f"{one_line(member.hostname)} ({why_idle(member)})" for member in fitting)
    idle = [shown_word(member.hostname) for member in fitting if is_ready(member)]
    activate = (
        f"`docker node update --availability active {idle[0]}` on a manager, when its work is over" if idle else ""
    )
    return Finding(
        saw=f"only {states} may run it",
        want="a node with a GPU that is ready and active",
        why="its tasks wait, without a word",
        about=hosts(fitting),
        hint=activate or "see the log of its engine: it and the managers do not meet",
    )


def amounts_in_words(amounts: Amounts) -> str:
    """Amounts by kind, as in `2 gpu`."""
    return ", ".join(f"{amount} {one_line(kind)}" for kind, amount in amounts.items())


def judged_room(service: SwarmService, swarm: GpuSwarm) -> Iterator[Finding]:
    """Findings where the tasks of a service reserve more of a resource than the members with a GPU have.

    A warning where there is enough for them and none to spare, and an update starts a task before it ends another.
    """
    reserved = swarm.resources.reserved.get(service.name, {})
    able = [member for member in swarm.members.values() if takes_tasks(member) and swarm.may_run(service, member)]
    if not able or service.replicas is None:
        return
    for kind, amount in reserved.items():
        offered = sum(swarm.resources.offered.get(member.id, {}).get(kind, 0) // max(1, amount) for member in able)
        if service.replicas > offered:
            yield no_room(service, f"{service.replicas} tasks reserve {amount} {one_line(kind)} each", offered, "error")
        elif service.order == "start-first" and service.replicas == offered:
            saw = "an update starts a new task before it ends an old one"
            yield no_room(service, f"{saw}, and each reserves {amount} {one_line(kind)}", offered, "warning")


def no_room(service: SwarmService, saw: str, offered: int, severity: Severity) -> Finding:
    """The finding that there is room for `offered` tasks only."""
    return Finding(
        saw=f"{saw}; there is room for {offered}",
        want="room for each task, and for one more where updates start first",
        why="a task without room waits: insufficient resources",
        about=service.name,
        severity=severity,
        hint="fewer replicas, or `update_config: {order: stop-first}` in its stack file",
    )
