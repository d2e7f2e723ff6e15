"""The rule about the members of the swarm: known, up, open to tasks, and with a certificate that lasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import Node
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.services.constraints import ACTIVE, READY, is_ready, takes_tasks
from fleetkeeper.topics.services.facts import Facts, Member, Validity
from fleetkeeper.topics.services.idle_reasons import managers, unseen
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_word

RENEWED = 0.15
"""Of its time, what a certificate of a member has left when its renewal must have failed: it is renewed between a half
and four fifths of it (swarmkit, ca/certificates.go)."""
NAMED = 4


@dataclass(frozen=True)
class SwarmView:
    """The swarm as its managers see it, and which of its members the inventory's nodes are.

    `nodes` are their names by the member's id, as far as they are known; `dark` those whose own part was not seen.
    """

    members: tuple[Member, ...]
    running: dict[str, list[str]]
    nodes: dict[str, str]
    dark: tuple[Node, ...]


def can_run_on_every_member(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every member of the swarm is a node of the inventory, is up, takes tasks, and keeps its certificate.

    What runs on a member that the inventory does not list is looked at by nobody. On one that is down nothing runs, and
    on one that is paused nothing is started again that ends there. One whose certificate has run out falls out of the
    swarm: it is renewed by itself long before, so little time left means that this failed. Its end is judged where this
    account may read it (root). Drained is a warning, since it may be meant. A member whose own node could not be asked
    is told there. A node whose part in a swarm was not seen is unknown. Does not apply without a swarm. Source:
    https://docs.docker.com/engine/swarm/admin_guide/.
    """
    unknown = list(unseen(fleet))
    view = swarm_view(fleet)
    if not view.members:
        yield from no_manager(fleet, unknown)
    for member in view.members:
        yield from member_findings(member, view)
    for node, facts in seen_nodes(fleet):
        yield from certificate_findings(node, facts.certificate, fleet.looked_at)
    yield from unknown


def no_manager(fleet: Fleet, unknown: list[Unobservable]) -> Iterator[Unobservable]:
    """An Unobservable where only workers were seen. Raises NotApplicable where no node belongs to a swarm.

    Nothing where some nodes were not seen (`unknown`): those are told by the caller.
    """
    workers = [node for node, facts in seen_nodes(fleet) if facts.swarm == "worker"]
    if not workers and not unknown:
        raise NotApplicable("no swarm here")
    if not unknown:
        why = f"{', '.join(workers)} belong to a swarm, and none of its managers is in the inventory"
        yield Unobservable(why, hint="add a manager under `nodes`")


def seen_nodes(fleet: Fleet) -> Iterator[tuple[str, Facts]]:
    """The nodes of the inventory whose part in a swarm was seen, with what was seen; the others are left out."""
    for node in fleet.inventory.nodes:
        facts = fleet.facts.get((node, Facts.topic))
        if isinstance(facts, Facts):
            yield node, facts


def swarm_view(fleet: Fleet) -> SwarmView:
    """The members of every swarm whose manager was seen. A node that was not seen is known by its name or address.

    With the services that run on each, by host name.
    """
    members = {member.id: member for facts in managers(fleet) for member in facts.members}
    nodes = {facts.node_id: node for node, facts in seen_nodes(fleet) if facts.node_id}
    seen = {node for node, _ in seen_nodes(fleet)}
    dark = tuple(node for node in fleet.inventory.nodes.values() if node.name not in seen)
    for member in members.values():
        names = {member.hostname, member.address} - {""}
        likely = next((node.name for node in dark if names & {node.name, node.address}), "")
        if likely and member.id not in nodes:
            nodes[member.id] = likely
    running: dict[str, list[str]] = {}
    for facts in managers(fleet):
        for task in facts.tasks:
            if task.desired == task.state == "running":
                running.setdefault(task.member, []).append(task.service)
    return SwarmView(tuple(members.values()), running, nodes, dark)


def member_findings(member: Member, view: SwarmView) -> Iterator[Finding]:
    """What is wrong with one member, as its managers see it; nothing for a node that could not be asked itself.

    Raises Untrusted for a name that no shell can take.
    """
    node = view.nodes.get(member.id, "")
    if not node:
        yield from stranger_findings(member, view)
    elif node not in {dark.name for dark in view.dark}:
        yield from state_findings(member, node)


def stranger_findings(member: Member, view: SwarmView) -> Iterator[Finding]:
    """A finding about a member that is not in `view.nodes`, which is not checked here.

    An error with the services that run there; a warning where none do, or where it is down (what ran there is not
    said). Yields nothing where it may be a node that could not be asked. Raises Untrusted for a name that
    no shell can take.
    """
    listed = {other.hostname for other in view.members if other.id in view.nodes}
    services = [] if member.hostname in listed else view.running.get(member.hostname, [])
    unlisted = sum(other.id not in view.nodes for other in view.members)
    if unlisted <= len(view.dark) - sum(dark.name in view.nodes.values() for dark in view.dark):
        return
    if not is_ready(member):
        id_ = member.id[:12]
        saw = f"{member.hostname} ({id_}), which the inventory does not list, is {member.state} for the swarm"
        hint = f"when it is gone for good: `docker node rm {shown_word(id_)}` on a manager"
    else:
        runs = f": there run {name_a_few(services)}" if services else ""
        saw = f"{member.hostname} is a member of the swarm that the inventory does not list{runs}"
        drain = f"docker node update --availability drain {shown_word(member.hostname)}"
        leave = f"`{drain}`, then `docker swarm leave` there"
        hint = f"add it under `nodes`, or let it leave: {leave}"
    yield Finding(
        saw=saw,
        want="every member under `nodes`",
        why="nobody looks at it, or at what runs there",
        about=member.hostname,
        severity="error" if services and is_ready(member) else "warning",
        hint=hint,
    )


def name_a_few(services: list[str]) -> str:
    """The names of some services, the first four by the alphabet, and how many more there are."""
    names = sorted(set(services))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def state_findings(member: Member, node: str) -> Iterator[Finding]:
    """A finding where a node of the inventory is down for the swarm, or takes no tasks.

    A warning where it is drained; nothing for one that is well. Raises Untrusted for a name that no shell can take.
    """
    name, about = shown_word(member.hostname), member.hostname
    activate = f"`docker node update --availability active {name}` on a manager, when its maintenance is over"
    if not is_ready(member):
        text, why = f"it is {member.state} for the swarm", "nothing is started there, and what ran there is elsewhere"
        hint = "see the log of its engine: it and the managers do not meet"
        yield Finding(text, READY, why, node, about, hint=hint)
    elif member.reachability == "unreachable":
        text, why = "the other managers do not reach it", "one more that fails, and the swarm can change nothing"
        hint = "see ports 2377 and 7946 between the managers"
        yield Finding(text, "reachable", why, node, about, hint=hint)
    elif member.availability == "pause":
        why = "what ends there is not started again"
        yield Finding("it takes no tasks (paused)", ACTIVE, why, node, about, hint=activate)
    elif not takes_tasks(member):
        why = "nothing runs there, and the others do its work"
        yield Finding("it takes no tasks (drained)", ACTIVE, why, node, about, severity="warning", hint=activate)


def certificate_findings(
    node: str, certificate: Validity | Unobservable | None, now: datetime
) -> Iterator[Finding | Unobservable]:
    """A finding where the certificate of a node in the swarm has run out, or was not renewed in its time.

    An Unobservable where it could not be read; nothing for None: the node is in no swarm, or this account may not.
    """
    if isinstance(certificate, Unobservable):
        yield replace(certificate, node=node)
    elif certificate is not None:
        left = certificate.ends - now.timestamp()
        if left < RENEWED * (certificate.ends - certificate.begins):
            end = f"{datetime.fromtimestamp(certificate.ends, UTC):%Y-%m-%d %H:%M} UTC"
            when = f"ends in {show_duration(timedelta(seconds=left))}" if left > 0 else "has ended"
            yield Finding(
                saw=f"its certificate in the swarm {when} ({end})",
                want="renewed by itself, long before its end",
                why="with it the node falls out of the swarm, and what runs there is started elsewhere or nowhere",
                node=node,
                hint="see the log of its engine: it does not reach a manager, or its clock is wrong",
            )
