"""The remedy for backups that are too old: make one now, inside the database's own container."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.catalog import catalog_of
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Mount, Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.volumes.facts import Facts as Volumes
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.plan import ForAPerson, Plan
from remediate.remedies.backups.thinning import bytes_on_disk, deletion_steps, held_back, removable_backups
from remediate.steps import DeleteFiles, Run, RunInContainer

CREATE_DUMP = "remediate/remedies/backups/scripts/create_dump.sh"

LEFT_NOTHING = (65, 66, 67, 68, 71, 73, 75)
"""Exit statuses of the script after which nothing that it wrote is left."""

SLOW = 2 * 10**6
"""Bytes of a dump that the slowest server still writes in a second."""


def make_backup(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Dump the database now, inside its own container, to a name of the runbook's; then look at the file.

    Disturbs: nothing; the database is read once. Where a dump has no room, what thinning would take is deleted first
    (`--allow delete`). Way back: remove the new file by hand. A person must act when the database runs in no container
    or in several, and when the volume is not mounted there, or read-only.

    Raises Unobservable when the containers or the backups were not seen.
    """
    policy = fleet.inventory.section(Policy)
    placements = running_placements(fleet, policy.service)
    if len(placements) != 1:
        return no_single_container(policy, placements)
    directory = seen_from(placements[0], policy)
    if isinstance(directory, ForAPerson):
        return directory
    needed = room_needed(fleet, policy)
    first = room_first(fleet, policy, needed)
    if isinstance(first, ForAPerson):
        return first
    return Plan(
        steps=(*first, create_dump(fleet, policy, placements[0], directory, needed)),
        disturbs=("deletion",) if first else ("nothing",),
        disturbance=f"removes backups that keep does not ask for; {READS}" if first else f"nothing; {READS}",
        undo="what was deleted is gone for good" if first else "remove the new file by hand, if it is not wanted",
        success="the new backup is streamed on its node, is complete, and is young enough",
    )


READS = "the database is read once, as by its schedule"


def no_single_container(policy: Policy, placements: Sequence[Placement]) -> ForAPerson:
    """The answer when the database runs in no container, or in several."""
    if not placements:
        return ForAPerson(f"{policy.service} runs on no node: there is nothing to dump", "start the service first")
    where = ", ".join(f"{placement.container.name} on {placement.node}" for placement in placements)
    which = "find out which of them holds the data, and stop the others"
    return ForAPerson(f"{policy.service} runs {len(placements)} times: {where}", which)


def seen_from(placement: Placement, policy: Policy) -> str | ForAPerson:
    """The path of the backups' directory in the container; ForAPerson when it is not mounted, or read-only.

    ForAPerson too as `backup_mount` returns it.
    """
    mount = backup_mount(placement, policy)
    if isinstance(mount, ForAPerson):
        return mount
    if not mount.rw:
        return ForAPerson(f"{mount.destination} is read-only in {placement.container.name}", "mount it writable")
    return f"{mount.destination.rstrip('/')}/{policy.path}".rstrip("/")


def backup_mount(placement: Placement, policy: Policy) -> Mount | ForAPerson:
    """The container's mount of the volume of the backups. ForAPerson without one: its own layer ends with it."""
    for mount in placement.container.mounts:
        if mount.name == policy.volume.name or (placement.node, mount.source) == (
            policy.volume.node,
            policy.volume.path,
        ):
            return mount
    for mount in placement.container.mounts:
        # A directory of the node may be the same storage under another path there; another volume is another place.
        if mount.destination == policy.directory and (mount.type != "volume" or policy.volume.path):
            return mount
    return ForAPerson(
        f"{placement.container.name} on {placement.node} does not mount {policy.volume.name}: a dump would end with it",
        f"mount the volume into {policy.service}, or set backups.directory to where it is mounted",
    )


def create_dump(fleet: Fleet, policy: Policy, placement: Placement, directory: str, needed: int) -> RunInContainer:
    """The step that dumps the database into `directory`, if `needed` bytes are free.

    The file's name is the node's time, in the time zone of all the other names. Raises Unobservable when its clock was
    not read.
    """
    name = fleet.now(policy.volume.node).astimezone(policy.zone).strftime(policy.pattern)
    account = (policy.user or "", policy.database or "")
    target = (directory, name, *account, policy.format, str(needed // 1024), parts_of(policy.pattern))
    return RunInContainer(
        node=placement.node,
        container=placement.container.id,
        words=("sh", "-c", load_script(CREATE_DUMP), "sh", *target),
        service=policy.service,
        says=f"dump the database to {directory}/{name}, and keep it only if it is complete",
        unchanged=LEFT_NOTHING,
        stamp=name,
        tells=True,
        limit=900 + needed / SLOW,
    )


DIGITS = {"Y": 4, "G": 4, "j": 3, "f": 6}
"""How many digits a directive of strftime gives; those of PAIRS give two, any other one may give letters."""
PAIRS = "mdHMSyIUWVgC"


def parts_of(pattern: str) -> str:
    """The shell pattern that matches unfinished dumps (`.part`) whose names come from this pattern of strftime.

    >>> parts_of("db_%Y-%m.sql")
    'db_[0-9][0-9][0-9][0-9]-[0-9][0-9].sql.part'
    """

    def directive(match: re.Match[str]) -> str:
        """The shell pattern for one directive of strftime: as many digits as it prints, else `*`."""
        letter = match[1]
        digits = DIGITS.get(letter, 2 if letter in PAIRS else 0)
        return "%" if letter == "%" else "[0-9]" * digits or "*"

    return re.sub("%(.)", directive, pattern) + ".part"


def room_needed(fleet: Fleet, policy: Policy) -> int:
    """Bytes that must be free: one and a half times the newest complete dump, and what must stay free.

    Without a complete dump only the latter. Raises Unobservable when the backups were not seen.
    """
    complete = catalog_of(fleet, policy).counted
    return (complete[0].file.size * 3 // 2 if complete else 0) + policy.volume.free


def room_first(fleet: Fleet, policy: Policy, needed: int) -> tuple[Run | DeleteFiles, ...] | ForAPerson:
    """The steps that make `needed` bytes free (none when they are, or the disk was not seen), or why a person must.

    A person must when thinning is held back, or gives too little. Raises Unobservable when the backups were not seen.
    Whether they may be deleted is asked later.
    """
    try:
        free = fleet.of(policy.volume.node, Volumes).free
    except Unobservable:
        return ()  # df in the container decides: not to have seen the disk must not stop a backup
    if free >= needed:
        return ()
    gone = removable_backups(fleet, policy)
    if gone and free + bytes_on_disk(gone) >= needed:
        return deletion_steps(fleet, policy, gone)
    return held_back(fleet, policy) or ForAPerson(
        f"{show_size(free)} are free, a backup needs {show_size(needed)}, and thinning by keep gives too little",
        "make room on the disk of the volume, then run this again",
    )
