"""The remedy for backups that are too old: make one now, inside the database's own container."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.topics import volumes
from fleetkeeper.topics.backups.catalog import catalog_of
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Mount
from fleetkeeper.topics.containers.placement import Placement, placements
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies.backups.thinning import bytes_on_disk, deletion_steps, held_back, removable_backups
from remediate.steps import DeleteFiles, Run, RunInContainer

CREATE = r"""
set -u
umask 027
directory=$1 name=$2 user=$3 database=$4 form=$5 needed=$6 parts=${7:-}
cd -- "$directory" || { echo "$directory is not there" >&2; exit 65; }
# What a dump left that ended with its node: a part that nobody has written to for an hour, and nobody here has open.
is_open() { for file in /proc/[0-9]*/fd/*; do [ "$file" -ef "$1" ] && return 0; done; return 1; }
for old in ${parts:+./$parts}; do
  if [ -f "$old" ] && [ ! -L "$old" ] && [ -n "$(find "$old" -prune -mmin +60 2>/dev/null)" ]; then
    is_open "$old" || rm -f -- "$old"
  fi
done
free=$(df -Pk . | { read -r head; read -r system all used free rest; echo "$free"; })
[ "${free:-0}" -ge "$needed" ] || { echo "only ${free:-0} KiB are free, $needed are needed" >&2; exit 73; }
[ ! -e "./$name" ] || { echo "$name is already there" >&2; exit 75; }
part="./$name.part"
if ! (set -C; : >"$part") 2>/dev/null; then
  [ ! -e "$part" ] || { echo "$name.part is there: another dump writes it" >&2; exit 75; }
  echo "no file can be made in $directory" >&2
  exit 73
fi
trap 'rm -f -- "$part"' EXIT
trap 'exit 71' HUP INT TERM
user=${user:-${POSTGRES_USER:-postgres}}
database=${database:-${POSTGRES_DB:-$user}}
if [ -z "${PGPASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
export PGDATABASE="$database"
dump() {
  if [ "$form" = dump ]; then pg_dump -w -Fc -U "$user"; else pg_dump -w -U "$user"; fi
}
pack() { if [ "$form" = sql.gz ]; then gzip; else cat; fi; }
unpack() { if [ "$form" = sql.gz ]; then gzip -dc -- "$part"; else cat -- "$part"; fi; }
ends=$({ { dump; echo $? >&3; } | pack >"$part"; echo $? >&3; } 3>&1) || exit 66
[ "$ends" = "0
0" ] || { echo "the dump failed" >&2; exit 66; }
if [ "$form" = dump ]; then
  pg_restore -f /dev/null -- "$part" || exit 67
else
  end='-- PostgreSQL database dump complete'
  ends=$({ { unpack; echo $? >&3; } | tail -n 20 | grep -qxe "$end"; echo $? >&3; } 3>&1)
  [ "$ends" = "0
0" ] || { echo "what was written is not a whole dump" >&2; exit 67; }
fi
sync -- "$part" 2>/dev/null || sync
# A second name never replaces a file. Where there are no hard links, the name is taken first, and then replaced.
if ! ln -- "$part" "./$name" 2>/dev/null; then
  (set -C; : >"./$name") 2>/dev/null || { echo "$name is already there" >&2; exit 68; }
  mv -f -- "$part" "./$name" || { rm -f -- "./$name"; echo "$name could not be given its name" >&2; exit 68; }
fi
rm -f -- "$part"
sync -- . 2>/dev/null || sync
"""
"""Runs in the database's container. Arguments: directory there, name, user and database (empty: the container's own),
format, the KiB that must be free, and a pattern of the shell that the names of unfinished dumps match.

The exit status of pg_dump is known (the image's own `backup` loses it and leaves a gzip of nothing), and only a whole
dump, flushed to the disk, gets a backup's name.
"""

LEFT_NOTHING = (65, 66, 67, 68, 71, 73, 75)
"""The script's own exit statuses: whatever it had written was taken away again."""

SLOW = 2 * 10**6
"""Bytes of a dump that the slowest server still writes in a second."""


def make_one(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Dump the database now, inside its own container, to a name of the runbook's; then look at the file.

    Disturbs: nothing; the database is read once. Where a dump has no room, what thinning would take is deleted first
    (`--allow delete`). Way back: remove the new file by hand.
    """
    policy = fleet.inventory.section(Policy)
    found = placements(fleet, policy.service)
    if len(found) != 1:
        return not_one(policy, found)
    directory = seen_from(found[0], policy)
    if isinstance(directory, ForAPerson):
        return directory
    needed = room_needed(fleet, policy)
    first = room_first(fleet, policy, needed)
    if isinstance(first, ForAPerson):
        return first
    return Plan(
        steps=(*first, dump(fleet, policy, found[0], directory, needed)),
        disturbs=("deletion",) if first else ("nothing",),
        disturbance=f"removes backups that keep does not ask for; {READS}" if first else f"nothing; {READS}",
        undo="what was deleted is gone for good" if first else "remove the new file by hand, if it is not wanted",
        success="the new backup is streamed on its node, is whole, and is young enough",
    )


READS = "the database is read once, as by its schedule"


def not_one(policy: Policy, found: Sequence[Placement]) -> ForAPerson:
    if not found:
        return ForAPerson(f"{policy.service} runs on no node: there is nothing to dump", "start the service first")
    where = ", ".join(f"{place.container.name} on {place.node}" for place in found)
    which = "find out which of them holds the data, and stop the others"
    return ForAPerson(f"{policy.service} runs {len(found)} times: {where}", which)


def seen_from(place: Placement, policy: Policy) -> str | ForAPerson:
    """The directory of the backups as the container sees it."""
    mount = backup_mount(place, policy)
    if isinstance(mount, ForAPerson):
        return mount
    if not mount.rw:
        return ForAPerson(f"{mount.destination} is read-only in {place.container.name}", "mount it writable")
    return f"{mount.destination.rstrip('/')}/{policy.path}".rstrip("/")


def backup_mount(place: Placement, policy: Policy) -> Mount | ForAPerson:
    """Where the container has the volume of the backups: never its own layer, which ends with it."""
    for mount in place.container.mounts:
        if mount.name == policy.volume.name or (place.node, mount.source) == (policy.volume.node, policy.volume.path):
            return mount
    for mount in place.container.mounts:
        # A directory of the node may be the same storage under another path there; another volume is another place.
        if mount.destination == policy.directory and (mount.type != "volume" or policy.volume.path):
            return mount
    return ForAPerson(
        f"{place.container.name} on {place.node} does not mount {policy.volume.name}: a dump would end with it",
        f"mount the volume into {policy.service}, or set backups.directory to where it is mounted",
    )


def dump(fleet: Fleet, policy: Policy, place: Placement, directory: str, needed: int) -> RunInContainer:
    """The step that runs the script. The name is the node's time, in the time zone of all the other names."""
    name = fleet.now(policy.volume.node).astimezone(policy.zone).strftime(policy.pattern)
    account = (policy.user or "", policy.database or "")
    target = (directory, name, *account, policy.format, str(needed // 1024), parts_of(policy.pattern))
    return RunInContainer(
        node=place.node,
        container=place.container.id,
        words=("sh", "-c", CREATE, "sh", *target),
        service=policy.service,
        says=f"dump the database to {directory}/{name}, and keep it only if it is whole",
        unchanged=LEFT_NOTHING,
        stamp=name,
        tells=True,
        limit=900 + needed / SLOW,
    )


DIGITS = {"Y": 4, "G": 4, "j": 3, "f": 6}
"""How many digits a directive of strftime gives; those of PAIRS give two, any other one may give letters."""
PAIRS = "mdHMSyIUWVgC"


def parts_of(pattern: str) -> str:
    """The shell pattern of the names that unfinished dumps of ours have.

    >>> parts_of("db_%Y-%m.sql")
    'db_[0-9][0-9][0-9][0-9]-[0-9][0-9].sql.part'
    """

    def directive(found: re.Match[str]) -> str:
        letter = found[1]
        known = DIGITS.get(letter, 2 if letter in PAIRS else 0)
        return "%" if letter == "%" else "[0-9]" * known or "*"

    return re.sub("%(.)", directive, pattern) + ".part"


def room_needed(fleet: Fleet, policy: Policy) -> int:
    """Bytes that must be free: the last dump and half as much again, and what must stay free."""
    complete = catalog_of(fleet, policy).complete
    return (complete[0].file.size * 3 // 2 if complete else 0) + policy.volume.free


def room_first(fleet: Fleet, policy: Policy, needed: int) -> tuple[Run | DeleteFiles, ...] | ForAPerson:
    """What makes room for the dump: nothing, thinning by `keep`, or a person."""
    try:
        free = fleet.of(policy.volume.node, volumes.Facts).free
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
