"""The owners of processes: the names and uids of a container's own accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from fleetkeeper.inventory.units import count_of
from fleetkeeper.looking.fleet import raise_if_unobservable
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.containers.facts import Container, Process

ROOT = 0


def uids_of_users(users: Collection[str], container: Container) -> tuple[set[int], list[str]]:
    """The uids that users have in a container, and those users that have none of their own there.

    A name that the container does not know, or has as uid 0 (another name for root), has none of its own.

    >>> uids_of_users(("web", "toor", "gone", "33"), Container("4f", "db", accounts={"web": 5, "toor": 0}))
    ({33, 5}, ['toor', 'gone'])

    Raises Unobservable when a name's uid cannot be known.
    """
    matches = {user: uid_of(user, container) for user in users}
    missing = [user for user, uid in matches.items() if uid is None or (uid == ROOT and not means_root(user))]
    return {uid for user, uid in matches.items() if uid is not None and user not in missing}, missing


def uid_of(user: str, container: Container) -> int | None:
    """A user's uid in a container; None when it has no such user. A name takes precedence over a number, as in Docker.

    Raises Unobservable when the container's accounts could not be seen and the answer depends on them. "root" is 0 in
    any.
    """
    names = container.accounts
    if isinstance(names, dict) and user in names:
        return names[user]
    if user.isascii() and user.isdigit():
        return whole_number(user)
    if user == "root":
        return ROOT
    raise_if_unobservable(names)
    return None


def means_root(user: str) -> bool:
    """Whether a user, as an inventory or an image has it, is written as root: `root` or a zero.

    >>> [means_root(user) for user in ("root", "0", "00", "toor")]
    [True, True, True, False]
    """
    return user == "root" or not user.strip("0")


def describe_lacking(missing: Iterable[str], container: Container) -> str:
    """The users that an image lacks or has as uid 0, in words. Empty when none is missing.

    >>> describe_lacking(["web", "toor"], Container("4f", "db", accounts={"toor": 0}))
    'its image has no user web; in its image toor is uid 0, another name for root'
    """
    names = container.accounts if isinstance(container.accounts, dict) else {}
    absent = " or ".join(user for user in missing if user not in names)
    lines = [f"its image has no user {absent}"] if absent else []
    return "; ".join(
        lines + [f"in its image {user} is uid 0, another name for root" for user in missing if user in names]
    )


def describe_processes(processes: Iterable[Process], container: Container) -> str:
    """Processes in words, equal ones counted, at most three kinds.

    >>> postgres = Process(7, 999, 999, "postgres")
    >>> describe_processes([postgres, postgres], Container("4f", "db", accounts={"postgres": 999}))
    '2 postgres as postgres (uid 999)'
    """
    kinds = Counter((process.name, owner_in_words(process, container)) for process in processes)
    worst = kinds.most_common(3)
    lines = [f"{count} {name} as {user}" if count > 1 else f"{name} as {user}" for (name, user), count in worst]
    rest = len(kinds) - len(worst)
    return ", ".join(lines) + (f" and {count_of(rest, 'other kind')}" if rest else "")


def owner_in_words(process: Process, container: Container) -> str:
    """The owner of a process in words: the container's name for it, its uid, and the node's where that differs.

    The first of several names; none for an account that is not known.
    """
    if process.uid is None:
        return f"uid {process.host_uid} of the node, which the container does not know"
    names = container.accounts if isinstance(container.accounts, dict) else {}
    name = "root" if process.uid == ROOT else next((n for n, uid in names.items() if uid == process.uid), "")
    number = f"uid {process.uid}"
    if process.host_uid != process.uid:
        number += f", on the node {process.host_uid}"
    return f"{name} ({number})" if name else number
