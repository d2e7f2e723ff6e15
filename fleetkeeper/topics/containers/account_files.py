"""The accounts and groups of containers by name, from what was printed of their /etc/passwd and /etc/group."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.transport.commands import Output, Unobservable

UID = re.compile(r"[0-9]{1,10}")
BY_NUMBER = "name the user by its number in the inventory"
REFUSALS = {
    "not permitted": (
        "this account may not read the container's /etc/passwd",
        "set `sudo: true` for this node, or name users by their number in the inventory",
    ),
    "ended": ("the container ended while we looked", "look again"),
}
UNREAD = Unobservable("the container's /etc/passwd could not be read", BY_NUMBER)


def parse_accounts(answer: Output) -> dict[int, dict[str, int] | Unobservable]:
    """By the pid of its first process, the uids of each container by account name, or why they could not be read.

    Raises Unobservable when the command failed, or a pid makes no sense.

    >>> parse_accounts(Output(0, b"=7\\n root:0\\n postgres:999\\n\\n+7\\n wheel:10\\n=8\\n"))
    {7: {'postgres': 999, 'root': 0}, 8: {}}
    """
    return {pid: parse_passwd(body) for sign, pid, body in parts_by_process(answer) if sign == "="}


def parse_group_names(answer: Output) -> dict[int, dict[str, int]]:
    """By the pid of its first process, the gids of each container by the group's name; without those not to be read.

    Raises Unobservable when the command failed, or a pid makes no sense.

    >>> parse_group_names(Output(0, b"=7\\n root:0\\n+7\\n wheel:10\\n"))
    {7: {'wheel': 10}}
    """
    parts = ((pid, parse_passwd(body)) for sign, pid, body in parts_by_process(answer) if sign == "+")
    return {pid: names for pid, names in parts if isinstance(names, dict)}


def parts_by_process(answer: Output) -> Iterator[tuple[str, int, str]]:
    """The parts of what was printed about accounts and groups: the sign, the pid and the lines of each.

    Raises Unobservable when the command failed, or a pid makes no sense.
    """
    for section in re.split(r"^(?=[=+])", answer.text(), flags=re.MULTILINE)[1:]:
        head, _, body = section.partition("\n")
        yield head[:1], whole_number(head[1:]), body


def parse_passwd(body: str) -> dict[str, int] | Unobservable:
    """The uids of one /etc/passwd by name, or why it could not be read.

    An image without that file has no names. The first of two entries with one name counts, as for getpwnam(3); entries
    without a name or a uid are left out.
    """
    if complaint := re.search(r"^!(.*)", body, re.MULTILINE):
        return Unobservable(*REFUSALS.get(complaint[1], (f"the container's {complaint[1]}", BY_NUMBER)))
    entries = (line.removeprefix(" ").partition(":") for line in body.split("\n"))
    matches = [(name, int(uid)) for name, _, uid in entries if name and UID.fullmatch(uid)]
    return dict(reversed(matches))
