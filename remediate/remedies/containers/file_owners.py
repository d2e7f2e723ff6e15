"""Files that prevent a service's own user: given to it where they are its own alone, else left to a person."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.units import count_of
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Denied, Placement, Preflight
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_command
from remediate.steps import ChangeOwner

Reason = tuple[str, str]
"""(what prevents the change, what a person can do about it)."""


def preflight_of(location: Placement) -> Preflight:
    """The preflight facts of a container. Raises Unobservable, naming the node, when it has none."""
    preflight = location.container.preflight
    if preflight is None:
        raise Unobservable(f"what stands in the way of {location.container.name} was not looked at", node=location.node)
    return raise_if_unobservable(preflight, location.node)


def ownership_steps(fleet: Fleet, location: Placement) -> list[ChangeOwner]:
    """The steps that give the files of the service's own volumes to its user. Raises Unobservable.

    Empty when there are none. Raises Untrusted or ValueError for a directory that is no volume's.
    """
    preflight = preflight_of(location)
    given = [
        denied for denied in raise_if_unobservable(preflight.denied) if not ownership_obstacle(fleet, location, denied)
    ]
    return [ChangeOwner(location.node, denied.source, preflight.uid, preflight.gid) for denied in given]


def ownership_obstacle(fleet: Fleet, location: Placement, denied: Denied) -> str:
    """Why the files of a mount are not the service's alone; empty when they are.

    Another service counts only while a container of it runs on that node. Raises Unobservable for what was not seen.
    """
    mount = next((mount for mount in location.container.mounts if mount.destination == denied.destination), None)
    if mount is None:
        return "what is mounted there was not seen"
    if mount.type != "volume" or mount.driver != "local":
        return "they lie in a directory of the node, not on a volume of its own"
    remote = [volume.name for volume in fleet.of(location.node, Services).volumes if volume.remote]
    if mount.name in remote:
        return "the volume is on the network, and others may use it"
    others = [
        other.container.name
        for other in placement.seen_containers(fleet)
        if other.node == location.node and other.container.pid and other.container.service != location.container.service
        for theirs in other.container.mounts
        if theirs.source == mount.source
    ]
    return f"{others[0]} uses them too" if others else ""


def own_files(fleet: Fleet, location: Placement) -> Iterator[Reason]:
    """Reasons, pairs (why, what to do), for files that the user could not use, and that are not the service's alone.

    Nothing when there are none. Raises Unobservable where that was not seen.
    """
    preflight = preflight_of(location)
    for denied in raise_if_unobservable(preflight.denied):
        if why := ownership_obstacle(fleet, location, denied):
            owner = f"{preflight.uid}:{preflight.gid}"
            advice = f"give them to {owner} if that is right for all: {chown_command(denied, preflight)}"
            yield f"{denied_files(denied, preflight)}, and {why}", advice


def denied_files(denied: Denied, preflight: Preflight) -> str:
    """A sentence: how many files of a mount the user could not use, with examples."""
    number = f"{'more than ' if denied.more else ''}{count_of(denied.count, 'file')}"
    who = f"{preflight.user} (uid {preflight.uid})"
    return f"{number} of {denied.destination} could not be used by {who}, such as {', '.join(denied.examples[:2])}"


def chown_command(denied: Denied, preflight: Preflight) -> str:
    """The command by which a person gives the files to the user, with where and when to run it.

    Raises Untrusted for a path that no shell can take.
    """
    after_options = ("--",) if denied.source.startswith("-") else ()
    command = shown_command(("chown", "-R", f"{preflight.uid}:{preflight.gid}", *after_options, denied.source))
    return f"`{command}` on its node, while the service is stopped"


def all_files(location: Placement) -> Iterator[Reason]:
    """Reasons for all files that the user could not use. Raises Unobservable. Each is a pair (why, what to do)."""
    preflight = preflight_of(location)
    for denied in raise_if_unobservable(preflight.denied):
        yield denied_files(denied, preflight), chown_command(denied, preflight)
