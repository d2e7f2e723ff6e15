"""Why a service does not run, by what the managers of the swarm say: the constraint, and the node or label it lacks.

Every rule about a service that does not run says so in these words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.services.constraints import unmet
from fleetkeeper.topics.services.facts import Facts, SwarmService, Task
from fleetkeeper.transport.commands import Unobservable

NOT_LISTED = "which the inventory does not list: nobody looked there"
NOT_SEEN = "which was not seen"


def service_in_swarm(fleet: Fleet, name: str) -> SwarmService | None:
    """The service as a manager of the swarm defines it; None when no manager was seen or none knows it."""
    return next((service for facts in managers(fleet) for service in facts.services if service.name == name), None)


def unseen(fleet: Fleet) -> Iterator[Unobservable]:
    """An Unobservable for each node whose swarm could not be seen: any of them may be a manager."""
    for node in fleet.inventory.nodes:
        try:
            fleet.of(node, Facts)
        except Unobservable as why:
            yield why


def managers(fleet: Fleet) -> Iterator[Facts]:
    """The facts of the managers of the swarm that were seen."""
    return (facts for facts in swarm_facts(fleet) if facts.swarm == "manager")


def reasons(fleet: Fleet, name: str) -> tuple[str, str]:
    """Why tasks that should run do not, or run where nobody looked, in words; and what a person can do.

    Both empty without a manager. A constraint that is in the way comes first, with the members that nearly fit. Each
    once, with `; ` between them.
    """
    tasks = [task for facts in managers(fleet) for task in facts.tasks if task.service == name]
    unwatched = unwatched_members(fleet)
    waiting = [reason(task, unwatched) for task in tasks if task.desired in ("running", "ready")]
    said = {task.error for task in tasks if task.desired in ("running", "ready")}
    ended = [task.error for task in tasks if task.error not in {"", *said} and task.desired == "shutdown"]
    failed = [f"the last one failed: {error}" for error in ended]
    waits = any(task.state == "pending" for task in tasks if task.desired in ("running", "ready"))
    service = service_in_swarm(fleet, name)
    members = next((facts.members for facts in managers(fleet) if service in facts.services), ())
    missing, remedy = unmet(service, members) if waits and service else ("", "")
    return "; ".join(filter(None, [missing, *dict.fromkeys(filter(None, waiting)), *failed[:1]])), remedy


def idle_reason(fleet: Fleet, key: str) -> str:
    """Why a declared service does not run, in words after `: `; empty where no manager says why.

    `key` is its name among the inventory's `services`. Raises Untrusted for a name that no shell can take.
    """
    services = fleet.inventory.services
    service = services.get(key) if isinstance(services, dict) else None
    words, _ = reasons(fleet, service.name) if service else ("", "")
    return f": {words}" if words else ""


def reason(task: Task, unwatched: Mapping[str, str]) -> str:
    """Why one task that should run does not, in words; empty when it runs on a node of the inventory that was seen.

    `unwatched` are the members at which nobody looked, as `unwatched_members` returns them.

    >>> reason(Task("rodan_db", "", "running", "pending", "no suitable node (1 node not available)"), {})
    'a task is pending: no suitable node (1 node not available)'
    """
    if task.state == "running":
        why = unwatched.get(task.member, "")
        return f"a task runs on {task.member}, {why}" if why else ""
    return f"a task is {task.state}" + (f": {task.error}" if task.error else "")


def unwatched_members(fleet: Fleet) -> dict[str, str]:
    """By host name: why nobody looked at a swarm node that is none of the nodes seen.

    That the inventory does not list it is only said when every node was seen: only what was seen tells a member's id.
    """
    ours = {facts.node_id for facts in swarm_facts(fleet) if facts.node_id}
    some_dark = any(unseen(fleet))
    why = NOT_SEEN if some_dark else NOT_LISTED
    return {member.hostname: why for facts in managers(fleet) for member in facts.members if member.id not in ours}


def swarm_facts(fleet: Fleet) -> Iterator[Facts]:
    """The facts about the swarm of every node where they were seen; the others are left out (see `unseen`)."""
    for node in fleet.inventory.nodes:
        try:
            yield fleet.of(node, Facts)
        except Unobservable:
            continue
