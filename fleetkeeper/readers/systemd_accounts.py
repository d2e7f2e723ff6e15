"""As whom a service of systemd runs: its account, also by number, and the groups that its unit gives it besides.

Source: systemd.exec(5) on User=, Group=, SupplementaryGroups= and DynamicUser=. A number without an account is refused
like a name without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth

NUMBER = re.compile("[0-9]{1,10}", re.ASCII)
MADE_UP = "systemd makes up its account (DynamicUser), and what that may do is not asked"


def account_of(service: Mapping[str, str], printed: Snapshot) -> str:
    """The name of the account that a service runs as; a number that is no account's stays one.

    One that systemd makes up is read as root's: see `account_known`. `printed` are the node's schedules, which say
    whose each number is.

    >>> printed = Snapshot(lines={"number": ["1000 ops", "77 "]})
    >>> [account_of({"User": user}, printed) for user in ("", "0", "1000", "77", "web")]
    ['root', 'root', 'ops', '77', 'web']
    """
    user = service.get("User", "") or "root"
    if user == "0" or service.get("DynamicUser") == "yes":
        return "root"
    names = dict(row.split(" ", 1) for row in printed.lines.get("number", []) if " " in row)
    return (names.get(user, "") or user) if NUMBER.fullmatch(user) else user


def groups_of(service: Mapping[str, str], printed: Snapshot) -> frozenset[int]:
    """The numbers of the groups that a unit gives its service besides those of its account; unknown names are left out.

    >>> printed = Snapshot(lines={"gid": ["docker 998", "gone "]})
    >>> sorted(groups_of({"Group": "docker", "SupplementaryGroups": "gone 7"}, printed))
    [7, 998]
    """
    return frozenset(
        group_numbers(service, dict(row.split(" ", 1) for row in printed.lines.get("gid", []) if " " in row))
    )


def group_numbers(service: Mapping[str, str], numbers: Mapping[str, str]) -> Iterator[int]:
    """The number of each group that a unit names, once each time; `numbers` has those of names."""
    for word in [*service.get("Group", "").split(), *service.get("SupplementaryGroups", "").split()]:
        number = word if NUMBER.fullmatch(word) else numbers.get(word, "")
        if NUMBER.fullmatch(number):
            yield whole_number(number)


def reaches_socket(service: Mapping[str, str], printed: Snapshot) -> bool:
    """Whether a unit gives its service the group of Docker's socket; False where that is not known."""
    socket = printed.one("socket")
    return bool(NUMBER.fullmatch(socket)) and whole_number(socket) in groups_of(service, printed)


def account_known(service: Mapping[str, str]) -> Truth:
    """Whether it is known what the account of a service may do: not for one that systemd makes up at each start."""
    return Truth(None, MADE_UP) if service.get("DynamicUser") == "yes" else YES


def with_groups(around: Surroundings, service: Mapping[str, str], printed: Snapshot) -> Surroundings:
    """The surroundings of a service's commands, whose user, where that is known, has the groups of the unit too."""
    if around.user is not None:
        around.user = replace(around.user, groups=around.user.groups | groups_of(service, printed))
    return around
