"""Files that stand in the way of a service's own user: given to it where they are its own alone, else for a person."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.looking.facts import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Denied, Placement, Preflight
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_command
from remediate.steps import ChangeOwner

Reason = tuple[str, str]
"""What stands in the way, and what a person can change about it."""


def preflight_of(place: Placement) -> Preflight:
    """What was found out beforehand. Raises Unobservable, naming the node, when it was not looked at."""
    preflight = place.container.preflight
    if preflight is None:
        raise Unobservable(f"what stands in the way of {place.container.name} was not looked at", node=place.node)
    return raise_if_unobservable(preflight, place.node)


def ownership_steps(fleet: Fleet, place: Placement) -> list[ChangeOwner]:
    """The steps that give the files of its own volumes to its user."""
    preflight = preflight_of(place)
    given = [one for one in raise_if_unobservable(preflight.denied) if not ownership_obstacle(fleet, place, one)]
    return [ChangeOwner(place.node, one.source, preflight.uid, preflight.gid) for one in given]


def ownership_obstacle(fleet: Fleet, place: Placement, denied: Denied) -> str:
    """Why the files of a mount are not simply its own; empty when they are."""
    mount = next((one for one in place.container.mounts if one.destination == denied.destination), None)
    if mount is None:
        return "what is mounted there was not seen"
    if mount.type != "volume" or mount.driver != "local":
        return "they lie in a directory of the node, not on a volume of its own"
    remote = [volume.name for volume in fleet.of(place.node, Services).volumes if volume.remote]
    if mount.name in remote:
        return "the volume is on the network, and others may use it"
    others = [
        other.container.name
        for other in placement.seen_containers(fleet)
        if other.node == place.node and other.container.pid and other.container.service != place.container.service
        for theirs in other.container.mounts
        if theirs.source == mount.source
    ]
    return f"{others[0]} uses them too" if others else ""


def own_files(fleet: Fleet, place: Placement) -> Iterator[Reason]:
    """Files that it could not use, and that are not its own alone."""
    preflight = preflight_of(place)
    for denied in raise_if_unobservable(preflight.denied):
        if why := ownership_obstacle(fleet, place, denied):
            owner = f"{preflight.uid}:{preflight.gid}"
            advice = f"give them to {owner} if that is right for all: {chown_command(denied, preflight)}"
            yield f"{denied_files(denied, preflight)}, and {why}", advice


def denied_files(denied: Denied, preflight: Preflight) -> str:
    number = f"more than {denied.count}" if denied.more else str(denied.count)
    who = f"{preflight.user} (uid {preflight.uid})"
    return (
        f"{number} files of {denied.destination} could not be used by {who}, such as {', '.join(denied.examples[:2])}"
    )


def chown_command(denied: Denied, preflight: Preflight) -> str:
    after_options = ("--",) if denied.source.startswith("-") else ()
    command = shown_command(("chown", "-R", f"{preflight.uid}:{preflight.gid}", *after_options, denied.source))
    return f"`{command}` on its node, while the service is stopped"


def all_files(place: Placement) -> Iterator[Reason]:
    preflight = preflight_of(place)
    for denied in raise_if_unobservable(preflight.denied):
        yield denied_files(denied, preflight), chown_command(denied, preflight)
