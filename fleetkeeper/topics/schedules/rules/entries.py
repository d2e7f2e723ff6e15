"""The rules that the backup is scheduled where the database runs, and that cron runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.cron.due_times import NEVER, REBOOT, is_understood, same_due_times
from fleetkeeper.readers.cron.faults import FAULTS
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.schedules import fault_messages
from fleetkeeper.topics.schedules.entry_matching import (
    MatchedEntry,
    doubtful_sources,
    read_entries,
    undecided_entries,
    wanted_times,
    zone_of,
)
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.topics.services.idle_reasons import idle_reason
from fleetkeeper.transport.commands import Unobservable

NO_BACKUPS = "no backup is made, and nobody notices"


def backup_runs_where_postgres_runs(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The backup command is scheduled on the node where its service runs, once, and on no other node.

    The service moves between nodes and its crontab entry does not: after a move the entry finds no container, and cron
    tells nobody. Every place that cron and systemd read is looked at. An entry counts when its command resolves, now
    and on that node, to exactly the service's one container, when it is due exactly when the policy says, and when
    nothing keeps it from firing. The runbook's own line counts. A service that runs nowhere, or several times, is a
    finding itself. What was not seen, and an entry that may run the backup and is not understood, are unknown; so is,
    without an entry that works, a container that may make it by itself: a sidecar with a SCHEDULE, a scheduler's label.
    Source: docs/runbook.md, "Backups on a schedule".
    """
    policy = fleet.inventory.section(Policy)
    wanted_times(policy)
    homes = running_placements(fleet, policy.service)
    if len(homes) != 1:
        yield homeless_finding(fleet, policy, homes)
        return
    [home] = homes
    yield from at_home(fleet, home, policy)
    for node in fleet.inventory.nodes:
        if node != home.node:
            yield from entries_elsewhere(fleet, node, home, policy)


def homeless_finding(fleet: Fleet, policy: Policy, homes: Sequence[Placement]) -> Finding:
    """The finding about a service that runs nowhere or several times: it is not known where the entry belongs.

    `homes` are its running containers, not exactly one.
    """
    if not homes:
        return Finding(
            saw=f"{policy.service} runs nowhere, so there is nothing to back up and no node to do it on"
            + idle_reason(fleet, policy.service),
            want=f"one running container of {policy.service}",
            why=NO_BACKUPS,
            hint=f"start {policy.service}; its schedule is judged again when it runs",
        )
    where = ", ".join(f"{home.container.name} on {home.node}" for home in homes)
    return Finding(
        saw=f"ambiguous: {len(homes)} containers of {policy.service} run ({where})",
        want="exactly one: two servers with one name are two different databases",
        why="nobody can say which of them the backups are of",
        about=policy.service,
        hint="find out which one holds the data before anything else is done; nothing is changed until then",
    )


def at_home(fleet: Fleet, home: Placement, policy: Policy) -> Iterator[Finding | Unobservable]:
    """The findings about the node where the service runs: one entry must work there, due when the policy says.

    An Unobservable for each place that was not seen, and for each entry that may run the backup and is not understood;
    while there is one, a missing entry is not reported. What is raised below is yielded.
    """
    try:
        facts = fleet.of(home.node, Facts)
        entries, unclear = read_entries(fleet, home.node, home, policy)
        working = [entry for entry in entries if entry.does(home)]
        unclear = [*unclear, *([] if working else undecided_entries(entries, home))]
        findings = list(broken_entries(entries, home, alone=not working))
        yield from findings
        doubtful = [] if working else list(doubtful_sources(fleet, home, policy))
        if not (working or unclear or doubtful or facts.unseen or any(item.severity == "error" for item in findings)):
            yield missing_entry(facts, home, policy)
        if working:
            yield from time_findings(fleet, working, home, policy)
        yield from (*unclear, *doubtful)
        yield from (replace(why, node=home.node) for why in facts.unseen)
    except Unobservable as why:
        yield why


def missing_entry(facts: Facts, home: Placement, policy: Policy) -> Finding:
    """The finding that no entry runs the backup.

    Its hint names at most three places that mention backups. Raises NotApplicable where nothing is scheduled.
    """
    others = ", ".join(suspect.where for suspect in facts.suspects[:3])
    return Finding(
        saw=f"nothing on {home.node} runs `{policy.command}` in {home.container.service}, which runs there",
        want=f"`{policy.times}` in cron, on {home.node}",
        why=NO_BACKUPS,
        node=home.node,
        hint=f"these mention backups but could not be read as one: {others}" if others else "`remediate` adds it",
    )


def complaints(item: MatchedEntry, home: Placement) -> list[tuple[str, str]]:
    """Pairs (what keeps an entry from running the backup, a hint); empty for one that runs it.

    One that is commented out has that alone. Whether its times are right is not judged here.
    """
    entry = item.entry
    lines = [
        (fault_messages.saw(entry, fault), fault_messages.hint(entry, fault)) for fault in fault_messages.harmful(entry)
    ]
    if "commented out" in entry.faults:
        return lines
    if entry.blocked:
        lines.append((f"the entry {entry.where} does not get to its command: {entry.blocked}", STOPPED))
    if entry.times == REBOOT:
        lines.append((f"the entry {entry.where} runs at boot only", "give it times"))
    if len(item.found) > 1:
        names = ", ".join(container.name for container in item.found)
        lines.append((f"ambiguous: the entry {entry.where} finds {len(item.found)} containers ({names})", BY_SERVICE))
    elif not item.found and item.meant:
        lines.append((f"the entry {entry.where} finds no container: the one it names is gone", BY_SERVICE))
    elif not item.found:
        lines.append((f"the entry {entry.where} finds no container on {home.node}", BY_SERVICE))
    elif item.lacks_account(home):
        lines.append(
            (f"the entry {entry.where} enters as {item.account[:40]}, which {home.container.service} has not", AS)
        )
    return lines


AS = "name an account that the container has, or none"
STOPPED = "make that part succeed, or take it out of the entry"
BY_SERVICE = "find the container by its service's label: names and ids change, and a part of a name fits others too"


def broken_entries(entries: Iterable[MatchedEntry], home: Placement, *, alone: bool) -> Iterator[Finding]:
    """The findings about entries that do not run the backup, and warnings about what is amiss in those that do.

    `alone` says that no other entry does. Else they are warnings, unless an entry finds several containers. Entries
    that are meant for other containers are left out, and with another that works those that are commented out.
    """
    for entry in entries:
        foreign = not entry.meant and (bool(entry.found) or not alone)
        if foreign or (entry.entry.faults == ("commented out",) and not alone):
            continue
        for saw, hint in complaints(entry, home):
            grave = alone or saw.startswith("ambiguous")
            yield finding(entry, home.node, saw, hint, "error" if grave else "warning")
        for fault in entry.entry.faults:
            if FAULTS[fault].harmless:
                hint = fault_messages.hint(entry.entry, fault)
                made = finding(entry, home.node, fault_messages.saw(entry.entry, fault), hint, "warning")
                yield replace(made, why=FAULTS[fault].why)
        if entry.does(home) and entry.entry.target.kind == "name" and home.container.label(SWARM_SERVICE):
            saw = f"the entry {entry.entry.where} names this very container, and the next one has another name"
            made = finding(entry, home.node, saw, BY_SERVICE, "warning")
            yield replace(made, why="it fails from the next restart of the service on, and nobody is told")


def finding(entry: MatchedEntry, node: str, saw: str, hint: str, severity: str) -> Finding:
    """The finding about one entry. `severity` is "error", or anything else for a warning."""
    return Finding(
        saw=saw,
        want="one entry that cron runs, in exactly the right container",
        why=NO_BACKUPS if severity == "error" else "whoever repairs it later makes a second backup at the same time",
        node=node,
        about=entry.entry.where,
        severity="error" if severity == "error" else "warning",
        hint=hint,
    )


def time_findings(
    fleet: Fleet, working: Sequence[MatchedEntry], home: Placement, policy: Policy
) -> Iterator[Finding | Unobservable]:
    """A finding where the working entries together are not due exactly when the policy says.

    An Unobservable for unreadable times. Raises Unobservable where the policy's schedule, the node's time zone or its
    clock is not known.
    """
    unknown = [entry.entry.where for entry in working if not is_understood(entry.entry.times)]
    if unknown:
        yield Unobservable(f"cannot tell when {', '.join(unknown)} is due", "write its times as cron does", home.node)
        return
    have = [entry.entry.times for entry in working]
    policy_times = wanted_times(policy)
    zone = zone_of(fleet, home.node)
    start = fleet.now(home.node).astimezone(zone)
    if same_due_times(have, policy_times, start):
        return
    where = " and ".join(entry.entry.where for entry in working)
    due = (
        "never due (no such day or hour comes; a range must rise)"
        if set(have) == {NEVER}
        else f"due at `{' + '.join(have)}`"
    )
    twice = len(have) > 1 and any(same_due_times([times], policy_times, start) for times in have)
    yield Finding(
        saw=f"duplicated: {where} each run the backup" if twice else f"{where}: {due}",
        want="one entry" if twice else f"`{policy.times}`",
        why="two dumps at one moment slow the database down twice"
        if twice
        else "backups come when nobody expects them",
        node=home.node,
        about=working[-1].entry.where,
        hint="keep one of them" if twice else "change the entry, or `backups.schedule` in the inventory",
    )


def entries_elsewhere(fleet: Fleet, node: str, home: Placement, policy: Policy) -> Iterator[Finding | Unobservable]:
    """The findings about another node: entries for the service there are left over from a time when it ran there.

    An Unobservable for each entry that cannot be resolved, each place that was not seen, and a node that was not.
    Entries that are commented out do not count.
    """
    try:
        entries, unclear = read_entries(fleet, node, home, policy)
        unseen = fleet.of(node, Facts).unseen
    except Unobservable as why:
        yield why
        return
    for entry in entries:
        if entry.meant and "commented out" not in entry.entry.faults:
            yield orphan(entry, node, home, policy)
    yield from unclear
    yield from (replace(why, node=node) for why in unseen)


def orphan(entry: MatchedEntry, node: str, home: Placement, policy: Policy) -> Finding:
    """The finding about an entry that was left over on a node where the service does not run.

    `home` is where it runs.
    """
    hits = ", ".join(container.name for container in entry.found)
    does = f"would run `{policy.command}` in {hits}" if hits else "fails every time it is due"
    return Finding(
        saw=f"the entry {entry.entry.where} is left over: {policy.service} runs on {home.node}; here it {does}",
        want=f"no entry on {node}",
        why="it does nothing for the database, and surprises whoever moves it back",
        node=node,
        about=entry.entry.where,
        hint="`remediate` adds it where it belongs first, then takes this one out",
    )


def cron_is_active(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
    """Cron runs on every node that has something scheduled or where the backup belongs, and starts at boot.

    A right crontab does nothing while the daemon is stopped. Judged by the processes of the node itself, not by those
    in its containers; unknown where they are hidden. A cron that runs and is not enabled at boot is a warning. Does not
    apply where none runs and none is needed. Source: docs/runbook.md, "Backups on a schedule".
    """
    policy = fleet.inventory.section(Policy)
    node = subject.name
    facts = fleet.of(node, Facts)
    cron = raise_if_unobservable(facts.cron, node) if isinstance(facts.cron, Unobservable) else facts.cron
    timers = any(entry.kind == "timer" for entry in facts.entries)
    tables = any(entry.kind != "timer" and "commented out" not in entry.faults for entry in facts.entries)
    scheduled = facts.jobs > 0 or tables
    if cron is None and not scheduled:
        wanted_times(policy)
        belongs = [home.node for home in running_placements(fleet, policy.service)]
        if node not in belongs or timers:
            raise NotApplicable("nothing is scheduled with cron on this node")
    if cron is None:
        yield Finding(
            saw="cron does not run" if facts.installed else "cron is not installed",
            want="a running cron: "
            + (
                f"{count_of(facts.jobs, 'line')} in crontabs {'waits' if facts.jobs == 1 else 'wait'}"
                if facts.jobs
                else "the backup is due here"
            ),
            why="nothing that is scheduled here happens" if scheduled else NO_BACKUPS,
            node=node,
            hint="`remediate` starts it" if facts.installed else "install the cron package, or use a systemd timer",
        )
    elif facts.enabled is False and facts.manager:
        yield Finding(
            saw="cron runs, and would not start after the next boot",
            want="cron enabled at boot",
            why="the next restart of the node ends the backups, and nobody notices",
            node=node,
            severity="warning",
            hint="`remediate` enables it",
        )
