"""The user that `docker exec` has in containers."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.account_names import ROOT, uid_of
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.topics.containers.rules.users import live_containers, seen_from
from fleetkeeper.transport.commands import Unobservable


def enter_as_their_own_user(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """`docker exec` into a service does not come in as root.

    The user of the service (or else of its image) is what a command of `docker exec` gets, whatever the service's own
    processes are: a backup or a repair done so leaves files of root on the volumes, and that breaks the service later.
    A warning: the image decides, and people can say `-u`. Root that a user namespace maps to another user of the node
    is let be. Unknown where accounts were not seen, or nothing of the service runs. Source: CIS Docker Benchmark 1.6,
    5.24.
    """
    places, unknown = live_containers(fleet, placement.service_of(fleet, subject.name))
    for location in places:
        yield from judged_entry(location)
    yield from unknown


def judged_entry(location: Placement) -> Iterator[Finding | Unobservable]:
    """A warning where `docker exec` into one container gives root; an Unobservable where the user is not known.

    Nothing where a user namespace maps that root to another user of the node.
    """
    container = location.container
    try:
        harmless = entry_uid(container) != ROOT or container.remapped
    except Unobservable as why:
        yield seen_from(why, location)
        return
    if not harmless:
        yield Finding(
            saw=f"`docker exec` into {container.name} comes in as root (its user is {container.user or 'not set'})",
            want="the service's own user",
            why="what is done that way leaves files of root on the volumes, which the service cannot change later",
            node=location.node,
            severity="warning",
            hint="set `user:` in the stack or compose file, or use `docker exec -u USER`",
            cis=in_editions("5.24"),
        )


def entry_uid(container: Container) -> int | None:
    """The uid that `docker exec` has in a container, by Docker's rules (name first, then number).

    None where it would fail.

    >>> [entry_uid(Container("4f", "db", user=user, accounts={"toor": 0})) for user in ("", "00", "0:0", "toor", "5:0")]
    [0, 0, 0, 0, 5]

    Raises Unobservable when the container's accounts cannot be known and the answer depends on them.
    """
    return uid_of(container.user.partition(":")[0] or "root", container)
