"""The groups of the processes in containers: root's, the engine's, and those that the inventory names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import Service
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.account_names import ROOT
from fleetkeeper.topics.containers.facts import Container, Facts, Placement, Process
from fleetkeeper.topics.containers.rules.users import own_processes_of, seen_from
from fleetkeeper.transport.commands import Unobservable

WHY = "what root's group, or the engine's, may read and write on the node is open to whoever gets out of the container"


def run_in_their_own_groups(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """No process of a container has root's group, or the one that owns the engine's socket.

    A user of its own is half of it: an image that names its user by a number alone gives it root's group, and a program
    that drops root's rights may keep root's supplementary groups. Judged on every process that does not run as root, as
    the kernel shows it: first and supplementary groups, those of root as they are on the node. `group` of a service
    names the groups that its processes may have: with it, a first group of another name is told too. Warnings, since
    the user counts first (`containers.run_as_their_own_user`). Unknown where processes were not seen, or no socket of
    the engine was; where the container lacks a named group, whether a first group is right is unknown, and no more.
    Does not apply without Docker.

    Source: docs/runbook.md, "Users in containers"; credentials(7).
    """
    facts = fleet.of(subject.name, Facts)
    if facts.docker == "absent":
        raise NotApplicable("no Docker on this node")
    for container in facts.containers:
        if container.pid and not container.drill:
            yield from judged_groups(fleet, Placement(subject.name, container), facts.groups_of_engine)


def judged_groups(fleet: Fleet, location: Placement, engines: Collection[int]) -> Iterator[Finding | Unobservable]:
    """A warning about one container whose processes have groups that they should not; an Unobservable if not seen.

    Both, where one process is wrong whatever the group is that is not known.
    """
    container = location.container
    key = placement.declared_service(fleet, container)
    service = placement.service_of(fleet, key) if key else None
    try:
        allowed, not_known = allowed_groups(container, service.group if service else ())
        wrong = wrong_groups(container, allowed, engines, names_known=not_known is None)
    except Unobservable as why:
        yield seen_from(why, location)
        return
    if not_known and depends_on_names(container, allowed, wrong):
        yield seen_from(not_known, location)
    if wrong:
        yield Finding(
            saw=f"{container.name} runs {in_words(wrong)}",
            want=wanted_groups(service),
            why=WHY,
            node=location.node,
            about=key or container.service,
            severity="warning",
            hint="`user: NAME:GROUP` in the stack or compose file; what drops root's rights must drop its groups too",
        )


def wrong_groups(
    container: Container, allowed: set[int], engines: Collection[int], *, names_known: bool
) -> dict[str, str]:
    """What is wrong with the groups of processes that do not run as root, by the name of the process; empty if nothing.

    `allowed` are the gids that they may have; unless `names_known` there are more, and only root's group and the
    engine's are wrong. Raises Unobservable when processes were not seen, and where nothing is wrong but `engines` is
    empty: then a group may be the one that owns the engine's socket.
    """
    wrong: dict[str, str] = {}
    open_groups: set[int] = set()
    for process in own_processes_of(container):
        if process.uid == ROOT or not process.groups:
            continue
        if reason := odd_group(process, allowed, engines, names_known=names_known):
            wrong.setdefault(process.name, reason)
        open_groups |= set(process.groups) - allowed
    if open_groups and not wrong and not engines:
        raise Unobservable("which group owns the engine's socket could not be seen", "set `sudo: true`, or `audit`")
    return wrong


def depends_on_names(container: Container, allowed: set[int], wrong: Collection[str]) -> bool:
    """Whether a process is right or wrong by a group whose gid is not known: its first is no other that is allowed."""
    return any(
        process.uid != ROOT and process.groups and process.gid not in allowed and process.name not in wrong
        for process in own_processes_of(container)
    )


def allowed_groups(container: Container, names: tuple[str, ...]) -> tuple[set[int], Unobservable | None]:
    """The gids that groups of the inventory have in a container, and the reason why more are not known.

    That is a name which the container's own list of groups lacks. Raises Unobservable where the list was not seen, and
    a name may be of any group.
    """
    by_name: Mapping[str, int] = container.group_names or {}
    gids: set[int] = set()
    not_known: Unobservable | None = None
    for name in names:
        if name in by_name:
            gids.add(by_name[name])
        elif name.isascii() and name.isdigit():
            gids.add(int(name))
        elif name == "root":
            gids.add(ROOT)
        else:
            why = f"which group {name} is in the container is not known"
            not_known = Unobservable(why, hint="name it by its number in the inventory")
            if container.group_names is None:
                raise not_known
    return gids, not_known


def odd_group(process: Process, allowed: set[int], engines: Collection[int], *, names_known: bool = True) -> str:
    """What is wrong with the groups of one process, in words; "" if nothing is.

    Unless `names_known`, a first group that is not `allowed` may be right.

    >>> [odd_group(Process(7, 33, 33, "web", gid=gid, groups=(gid, 999)), {33}, {999}) for gid in (33, 0, 5)]
    ["with the group that owns the engine's socket", "with root's group", 'with the group 5']
    """
    if ROOT in process.groups and ROOT not in allowed:
        return "with root's group" if process.groups[0] == ROOT else "with root's group among its others"
    if allowed and names_known and process.gid not in allowed:
        return f"with the group {'of the node ' + str(process.groups[0]) if process.gid is None else process.gid}"
    if (set(engines) - allowed - {ROOT}) & set(process.groups):
        return "with the group that owns the engine's socket"
    return ""


def in_words(wrong: Mapping[str, str]) -> str:
    """Processes and what is wrong with their groups, in words; three of them.

    >>> in_words({"gunicorn": "with root's group"})
    "gunicorn with root's group"
    """
    shown = [f"{name} {reason}" for name, reason in list(wrong.items())[:3]]
    more = f" and {len(wrong) - 3} other kinds" if len(wrong) > 3 else ""
    return ", ".join(shown) + more


def wanted_groups(service: Service | None) -> str:
    """The groups that processes may have, in words."""
    return f"the group {' or '.join(service.group)}" if service and service.group else "groups of its own"
