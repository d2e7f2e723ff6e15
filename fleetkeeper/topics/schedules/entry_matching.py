"""Which entries are meant for a service, which of them run its backup, and when they should be due."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.cron.due_times import REBOOT, BadTimes, canonical_times
from fleetkeeper.readers.docker.exec_targets import HEX, Target, resolve_target
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.backups.job_runners import doubtful_jobs
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import service_of
from fleetkeeper.topics.schedules.facts import Entry, Facts
from fleetkeeper.topics.schedules.fault_messages import harmful
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class MatchedEntry:
    """One entry, and the containers that its command finds now on its own node.

    `meant` says that it is meant for the backups' service.
    """

    entry: Entry
    found: tuple[Container, ...]
    meant: bool

    def does(self, home: Placement) -> bool:
        """Whether it runs the command in exactly the right container, without a harmful fault and not at boot only.

        Not while it is unclear whether it gets to its command. When it is due is not judged here.
        """
        stopped = self.entry.blocked or self.entry.unclear or self.lacks_account(home) or self.is_doubtful_account(home)
        fires = not harmful(self.entry) and not stopped and self.entry.times != REBOOT
        return fires and [container.id for container in self.found] == [home.container.id]

    def lacks_account(self, home: Placement) -> bool:
        """Whether it enters the service's container as an account that is certainly not in it: Docker refuses that."""
        name, accounts = self.account, home.container.accounts
        if not isinstance(accounts, dict) or name in ("", "$") or (name.isascii() and name.isdigit()):
            return False
        return name not in accounts and home.container in self.found

    def is_doubtful_account(self, home: Placement) -> bool:
        """Whether it enters as an account that is neither root nor one that a process of the service runs as.

        Such a one may not make the dump, or not write it. False where processes or accounts were not seen.
        """
        processes, accounts = home.container.processes, home.container.accounts
        if isinstance(processes, Unobservable) or not processes or self.account == "" or self.lacks_account(home):
            return False
        uid = whole_number(self.account) if re.fullmatch("[0-9]{1,9}", self.account) else None
        uid = uid if uid is not None or not isinstance(accounts, dict) else accounts.get(self.account)
        usual = uid == 0 or self.account == "root" or uid in {process.uid for process in processes}
        return not usual and (uid is not None or self.account == "$") and home.container in self.found

    @property
    def account(self) -> str:
        """The account in the container that its command names, without a group; "" for the container's own."""
        return self.entry.target.user.partition(":")[0]


def read_entries(
    fleet: Fleet, node: str, home: Placement, policy: Policy
) -> tuple[list[MatchedEntry], list[Unobservable]]:
    """The entries of one node with the containers that they find, and an Unobservable for each that cannot be resolved.

    All entries, also those for other containers; one that is commented out and cannot be resolved is left out. `home`
    is the running container of the service. Raises Unobservable where the node's schedules or containers were not seen.
    """
    containers = fleet.of(node, Containers).containers
    name = service_of(fleet, policy.service).name
    entries: list[MatchedEntry] = []
    unclear: list[Unobservable] = []
    for entry in fleet.of(node, Facts).entries:
        try:
            matches = resolve_target(entry.target, containers)
            entries.append(
                MatchedEntry(entry, matches, bool(means_service(entry.target, matches, home.container, name)))
            )
        except Unobservable as why:
            if "commented out" not in entry.faults:
                unclear.append(replace(why, why=f"the entry {entry.where}: {why.why}", node=node))
    return entries, unclear


def undecided_entries(entries: Iterable[MatchedEntry], home: Placement) -> Iterator[Unobservable]:
    """An Unobservable for each entry for the service of which it cannot be told whether it gets to its command.

    Nothing for an entry with a fault that keeps it from running anyway. `home` is the running container of the service.
    """
    node = home.node
    for item in entries:
        if item.meant and item.entry.unclear and not harmful(item.entry):
            yield Unobservable(f"the entry {item.entry.where}: {item.entry.unclear}", GUARDED, node)
        elif item.meant and item.is_doubtful_account(home) and not harmful(item.entry):
            why = f"the entry {item.entry.where} enters as {item.account[:40]}, which may not be able to make the dump"
            yield Unobservable(why, "enter as the database's own account, or as root", node)


def doubtful_places(facts: Facts, home: Placement, containers: Sequence[Container]) -> Iterator[Unobservable]:
    """An Unobservable for each place that may run the command in a form that cannot be read.

    `containers` are those of the node: what surely enters another than the service's is no such place. Nothing when
    there are none.
    """
    node = home.node
    for suspect in facts.suspects:
        if suspect.why and may_enter(suspect.target, home.container, containers):
            why = f"{suspect.where} may run the backup: {suspect.why}"
            yield Unobservable(
                why, "write it so that it can be read: `docker exec CONTAINER COMMAND`, in cron itself", node
            )


def doubtful_sources(fleet: Fleet, home: Placement, policy: Policy) -> Iterator[Unobservable]:
    """An Unobservable for each place and each container that may make the backups in a form that cannot be read.

    Raises Unobservable where the schedules or containers of the service's node were not seen.
    """
    yield from doubtful_places(fleet.of(home.node, Facts), home, fleet.of(home.node, Containers).containers)
    yield from doubtful_jobs(fleet, policy)


def may_enter(target: Target | None, home: Container, containers: Sequence[Container]) -> bool:
    """Whether a target may be the container of the service: it is not known (None), finds nothing now, or finds it."""
    try:
        found = resolve_target(target, containers) if target else ()
    except Unobservable:
        return True
    return not found or home in found


GUARDED = "nothing was changed to find out: take the condition away, or see that the backups appear when they are due"


def means_service(target: Target, containers: tuple[Container, ...], home: Container, service: str) -> bool:
    """Whether a target is meant for the service: it finds its container, or has a name that the service had before.

    So does an id of a container that finds nothing now. `containers` are those that it finds now, `service` is the
    Docker name of the service. Raises Unobservable for a target that cannot be resolved.
    """
    if resolve_target(target, (home,)):
        return True
    names = [target.name, *(value for key, value in target.filters if key == "name")]
    former = any(name.strip("^$/").startswith(service) for name in names)
    return former or (target.kind == "name" and not containers and HEX.fullmatch(target.name) is not None)


def wanted_times(policy: Policy) -> str:
    """The policy's schedule as canonical five fields of cron. Raises Unobservable for one that cron does not accept.

    Raises NotApplicable where the inventory has no schedule.
    """
    fields = policy.times.split()
    try:
        if len(fields) == 5:
            return canonical_times(fields)
        reason = "five fields are wanted"
    except BadTimes as why:
        reason = str(why)
    raise Unobservable(f"the inventory's schedule `{policy.times}` is none that cron takes: {reason}")


def zone_of(fleet: Fleet, node: str) -> ZoneInfo:
    """The time zone that the node's cron works in. Raises Unobservable for one that is not known here."""
    name = raise_if_unobservable(fleet.of(node, Facts).timezone, node)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Unobservable(f"cron works in a time zone that is not known here: {name}", node=node) from None
