"""The remedy of the backup's schedule: the entry on the node where the service runs, and none elsewhere.

The entry is in root's crontab, not in /etc/cron.d: the runbook says to look with `crontab -l`, and a file in
/etc/cron.d would be a second place that nobody looks at.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.cron.due_times import due_times, same_due_times
from fleetkeeper.readers.cron.own_crontab import Crontab
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.schedules.entry_matching import (
    MatchedEntry,
    doubtful_sources,
    read_entries,
    undecided_entries,
    wanted_times,
    zone_of,
)
from fleetkeeper.topics.schedules.facts import Entry, Facts
from fleetkeeper.topics.schedules.fault_messages import harmful
from fleetkeeper.topics.schedules.observe import BLOCK
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import Untrusted, installed_path, installed_word, shell_command, shell_word
from remediate.plan import ForAPerson, Plan
from remediate.remedies.schedules.crontab_lines import (
    CANNOT_BE_INSTALLED,
    crontab_line,
    docker_client,
    filter_options,
    foreign_lines_answer,
    lines_of_others,
)
from remediate.remedies.schedules.line_forms import BACKUP, fill_form
from remediate.steps import AnyStep, EditCrontab, Run

CONFIRM = 'crontab -l -u "$1" | grep -qxF -- "$2"'
MOST_HOURS = 24
"""Due times of a day that a note about another time zone lists."""
NO_ROOT = "a crontab is only edited as root: set `sudo: true` for this node"


@dataclass(frozen=True)
class CrontabChange:
    """The change of one node's crontab: our line (None: no block of ours), the lines `without` that go.

    `by_hand` are entries that only a person can take out. `command` is the inventory's, as shell text: a line of ours
    with another one is somebody's own by now.
    """

    node: str
    facts: Facts
    line: str | None
    without: tuple[str, ...]
    by_hand: tuple[Entry, ...] = ()
    command: str = ""

    @property
    def crontab(self) -> Crontab:
        """The crontab as it was seen. Raises Unobservable: what could not be read is never written (case 22)."""
        return raise_if_unobservable(self.facts.crontab, self.node)

    @property
    def lines(self) -> tuple[str, ...] | None:
        """The lines that our block should have; None: no block."""
        return None if self.line is None else (self.line,)

    @property
    def needed(self) -> bool:
        """Whether anything is to be edited: only then must the crontab have been seen. Raises Unobservable."""
        if self.line is None and not self.without and isinstance(self.facts.crontab, Unobservable):
            return False
        return bool(self.without) or self.lines != self.crontab.block


def schedule_backup(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Put the entry where the service runs, make sure that it is there, then take it out everywhere else.

    An entry that works is left as it is. Disturbs: nothing; the backup runs when it is next due. Way back: the crontabs
    as they were, byte by byte. A person must act when the service runs nowhere or several times, and about entries and
    crontabs that are not ours to edit.

    Raises Unobservable while a crontab that would be edited was not seen, and for a schedule that cron does not take.
    """
    policy = fleet.inventory.section(Policy)
    homes = running_placements(fleet, policy.service)
    if len(homes) != 1:
        return ForAPerson("it is not known where the entry belongs", finding.hint)
    [home] = homes
    try:
        here = at_home(fleet, home, policy)
    except Untrusted as why:
        return ForAPerson(f"no line is written into the crontab of {home.node}: {why}", CANNOT_BE_INSTALLED)
    removal_elsewheres = [
        removal_elsewhere(fleet, node, home, policy) for node in fleet.inventory.nodes if node != home.node
    ]
    refused = not_here(here, finding) or next(
        filter(None, (not_there(change, finding) for change in removal_elsewheres)), None
    )
    if refused:
        return refused
    changes = [change for change in (here, *removal_elsewheres) if change.needed and not why_not_edited(change)]
    if not changes:
        return ForAPerson("root's crontab holds what is wanted already", finding.hint)
    left = [change for change in changes if change is not here and (change.without or change.crontab.block)]
    return schedule_plan(here, changes, policy, [*changed_hours(fleet, here, left, wanted_times(policy))])


def changed_hours(fleet: Fleet, here: CrontabChange, left: Sequence[CrontabChange], times: str) -> Iterator[str]:
    """A note for each node that an entry leaves and whose cron works in another time zone; empty when none is written.

    `times` are the five fields of the new entry, `left` the changes of those nodes. Raises Unobservable for a time zone
    that is not known.
    """
    if here.line is None:
        return
    zone, now = zone_of(fleet, here.node), fleet.now(here.node)
    start = now.astimezone(zone)
    due = [moment for moment in islice(due_times(times, start), MOST_HOURS) if moment <= start + timedelta(days=1)]
    for change in left:
        old = zone_of(fleet, change.node)
        if now.astimezone(old).utcoffset() == start.utcoffset():
            continue
        new_hours, old_hours = (clock_times(moments) for moments in (due, [moment.astimezone(old) for moment in due]))
        yield (
            f"the hours change: cron on {change.node} works in {old}, on {here.node} in {zone}; "
            f"{new_hours} on {here.node} is {old_hours} on {change.node}"
        )


def clock_times(moments: Iterable[datetime]) -> str:
    """The hours and minutes of moments, in order, each in its own time zone."""
    return ", ".join(sorted(f"{moment:%H:%M}" for moment in moments))


def schedule_plan(
    here: CrontabChange, changes: Sequence[CrontabChange], policy: Policy, notes: Sequence[str] = ()
) -> Plan:
    """All edits in one plan, so that the old entry only goes once the new one is in place.

    `here` is the change on the node where the service runs, `changes` are those of all nodes; `notes` are shown first.
    """
    return Plan(
        steps=tuple(step for change in changes for step in crontab_steps(change, last=change is changes[-1])),
        disturbance="nothing: the backup itself runs when it is next due",
        undo="the crontabs are put back as they were",
        success=f"an entry on {here.node} that runs `{policy.command}` in the right container, and none elsewhere",
        notes=(
            *notes,
            *suspected_entries(here),
            f"whether a run succeeded is logged with `logger -t fleetkeeper` on {here.node}; what it prints is dropped,"
            " since backup scripts print passwords",
        ),
    )


def suspected_entries(here: CrontabChange) -> Iterator[str]:
    """A note about places on that node that may hold the same backup in a form that could not be parsed."""
    if here.line is not None and here.facts.suspects:
        places = ", ".join(suspect.where for suspect in here.facts.suspects[:5])
        yield f"look at {places} on {here.node}: if that makes this very backup, it would be made twice"


def crontab_steps(change: CrontabChange, *, last: bool) -> Iterator[AnyStep]:
    """The step that edits a crontab and, unless `last` or without a line of ours, a check. Raises Unobservable."""
    account = change.facts.account
    yield EditCrontab(
        node=change.node,
        user=account,
        block=BLOCK,
        lines=change.lines,
        expect=change.crontab.digest,
        without=change.without,
        was=change.crontab.block or (),
    )
    if change.line is not None and not last:
        yield Run(
            change.node,
            ("sh", "-c", CONFIRM, "sh", account, change.line),
            says=f"make sure that the new entry stands in the crontab of {account}, before any other is taken out",
            changes=False,
        )


def at_home(fleet: Fleet, home: Placement, policy: Policy) -> CrontabChange:
    """The change where the service runs: keep one entry that is right, else write ours, and take out what is not.

    Raises Unobservable while entries could not be read, Untrusted as `entry_line` does.
    """
    facts = fleet.of(home.node, Facts)
    entries, unclear = read_entries(fleet, home.node, home, policy)
    working = any(entry.does(home) for entry in entries)
    doubts = [] if working else [*undecided_entries(entries, home), *doubtful_sources(fleet, home, policy)]
    for why in (*unclear, *facts.unseen, *doubts):
        # A second entry might hide there: two dumps at once are worse than a finding.
        raise replace(why, node=home.node)
    matching = [entry for entry in entries if entry.meant and "commented out" not in entry.entry.faults]
    kept = entries_that_stay(fleet, matching, home, policy)
    spare = [entry.entry for entry in matching if entry not in kept and not entry.entry.ours]
    line = None
    if not kept:
        line = entry_line(policy, home.container, facts)
    elif any(entry.entry.ours for entry in kept):
        line = next(iter(facts_block(facts)), None)
    return sorted_out(home.node, facts, line, spare, policy)


def entries_that_stay(
    fleet: Fleet, entries: Sequence[MatchedEntry], home: Placement, policy: Policy
) -> list[MatchedEntry]:
    """The entries that can stay: one that is due as wanted, or all if they are so together; else none."""
    working = [entry for entry in entries if entry.does(home)]
    times = wanted_times(policy)
    start = fleet.now(home.node).astimezone(zone_of(fleet, home.node))
    if working and same_due_times([entry.entry.times for entry in working], times, start):
        return working
    return next(([entry] for entry in working if same_due_times([entry.entry.times], times, start)), [])


def facts_block(facts: Facts) -> tuple[str, ...]:
    """The lines of our block in the crontab; empty without a block. Raises Unobservable."""
    crontab = raise_if_unobservable(facts.crontab)
    return crontab.block or () if isinstance(crontab, Crontab) else ()


def removal_elsewhere(fleet: Fleet, node: str, home: Placement, policy: Policy) -> CrontabChange:
    """The change on any other node: no entry for the service stays there.

    What could not be read there is left alone. Raises Unobservable when the node was not seen.
    """
    facts = fleet.of(node, Facts)
    entries, _ = read_entries(fleet, node, home, policy)
    left = [entry.entry for entry in entries if entry.meant and "commented out" not in entry.entry.faults]
    return sorted_out(node, facts, None, [entry for entry in left if not entry.ours], policy)


def sorted_out(node: str, facts: Facts, line: str | None, spare: Sequence[Entry], policy: Policy) -> CrontabChange:
    """The change that takes out the account's own `spare` lines and sets `line`; other spares are for a person."""
    location = f"/{facts.account}"
    mine = [
        entry for entry in spare if entry.kind == "user crontab" and entry.place.endswith(location) and entry.written
    ]
    return CrontabChange(
        node,
        facts,
        line,
        tuple(entry.written for entry in mine),
        tuple(entry for entry in spare if entry not in mine),
        installed_command(policy),
    )


def why_not_edited(change: CrontabChange) -> ForAPerson | None:
    """Why we do not edit this crontab (no root, marks, lines of others); None when we do. Raises Unobservable."""
    if change.facts.account != "root":
        return ForAPerson(NO_ROOT, f"or edit it by hand with `sudo crontab -e` on {change.node}")
    if change.crontab.trouble:
        return ForAPerson(
            f"root's crontab on {change.node} cannot be edited to any good: {change.crontab.trouble}",
            mending_instructions(change.crontab.trouble),
        )
    others = lines_of_others(change.crontab.block, change.command)
    return foreign_lines_answer(others, change.node) if others else None


def mending_instructions(trouble: str) -> str:
    """What a person does about a crontab that cannot be edited because of `trouble`."""
    if "carriage return" in trouble:
        return "save it with Unix line ends (`sudo crontab -e`), then look again"
    alive = " (its lines come alive again: look at what they do)" if trouble.startswith("cron ignores") else ""
    return f"mend it with `sudo crontab -e`{alive}, then look again"


def not_here(change: CrontabChange, finding: Finding) -> ForAPerson | None:
    """Why no entry is taken out anywhere: the right one cannot be put in place first. None when it can.

    An entry of others is a reason only if it is what the finding warns of, or runs all the same (not `harmful`). Raises
    Unobservable.
    """
    for entry in change.by_hand:
        left_over = finding.severity == "warning" and finding.about == entry.where
        if left_over or not harmful(entry):
            return entries_by_hand(entry, change.node)
    return why_not_edited(change) if change.needed else None


def not_there(change: CrontabChange, finding: Finding) -> ForAPerson | None:
    """Why a person must act on the other node that the finding names; None for any other node, or when we can.

    Raises Unobservable when its crontab was not seen.
    """
    if finding.node != change.node:
        return None
    entry = next((entry for entry in change.by_hand if entry.where == finding.about), None)
    return entries_by_hand(entry, change.node) if entry else why_not_edited(change)


def entries_by_hand(entry: Entry, node: str) -> ForAPerson:
    """The answer for an entry that a person must take out."""
    return ForAPerson(
        f"{entry.where} on {node} is not ours to edit: it stands outside root's crontab, or does more than the backup",
        f"take it out by hand on {node}, then look again",
    )


def entry_line(policy: Policy, container: Container, facts: Facts) -> str:
    """Our line: due as the policy says, in the service's one container, refusing when there is not one.

    Its output is dropped, since the image's script prints the database's password. Success is only logged for what the
    line can know: exit status 0, and a file with a backup's ending that is newer than the start and larger than an
    empty gzip. Raises Unobservable for times that cron does not take, Untrusted when a name or a path of the node may
    not stand in such a line.
    """
    words = {
        "DOCKER": docker_client(facts.docker),
        "FILTERS": filter_options(container),
        "SERVICE": installed_word(policy.service, "the service"),
        "COMMAND": installed_command(policy),
        "DIRECTORY": shell_word(f"{backups_directory(policy, container)}/"),
        "ENDING": shell_word(f"*.{policy.format}"),
    }
    return crontab_line(wanted_times(policy), fill_form(BACKUP, words))


def installed_command(policy: Policy) -> str:
    """The inventory's backup command as shell text, each word quoted. Raises Untrusted if no shell can take it."""
    return shell_command(shlex.split(policy.command))


def backups_directory(policy: Policy, container: Container) -> str:
    """The path of the backups in the container: where it mounts their volume, else as in the inventory.

    Raises Untrusted for a path of the container that is not plain.
    """
    mount = next((mount for mount in container.mounts if mount.name and mount.name == policy.volume.name), None)
    root = installed_path(mount.destination) if mount else policy.directory
    return f"{root.rstrip('/')}/{policy.path}".rstrip("/")
