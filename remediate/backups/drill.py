"""`remediate backups drill`: restore a backup into a throwaway server, and see whether everything came back.

The server is a container of the database's image, without network, with limits, and with a time limit of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.units import count_of, show_duration
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.numbers import decimal_number
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import true_clock
from fleetkeeper.topics.backups.database.facts import Accepted, Drill, Records
from fleetkeeper.topics.backups.database.record import merge_records
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.rules.drills import last_failure
from fleetkeeper.topics.containers.facts import Mount, Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.script_files import load_script
from remediate.backups.accept import accepted_records, running_database
from remediate.backups.context import Desk, one_of
from remediate.backups.database_contents import DatabaseContents, ask_server, count_command, parse_contents, why_failed
from remediate.backups.database_record import write_down
from remediate.backups.drill_comparison import BEFORE, doubts_about_live, missing_tables
from remediate.lock import account_and_machine
from remediate.plan import ForAPerson
from remediate.remedies.backups.create_dump import backup_mount, no_single_container
from remediate.render.plan_text import Line, safe_line
from remediate.runner import PlanRun
from remediate.sudo_mode import require_root

DESCRIBE_LIVE_DATABASE = "remediate/backups/scripts/describe_live_database.sh"
DRILL = "remediate/backups/scripts/drill.sh"
HOLD_INPUT_OPEN = "remediate/backups/scripts/hold_input_open.sh"

RULE = "backups.come_back"
TOPICS = ("nodes", "containers", "backups", "databases", "services")
PACE = 500_000
"""Bytes per second of a compressed dump that the slowest server restores."""
UNPACKED = {"sql.gz": 12, "dump": 12, "sql": 2}
"""How many times its size a dump may need on the disk as a database, with its indexes."""
SLOW_COUNT = 1800.0
"""Seconds that counting every table of the live database may take."""
BAD = 66
"""Exit status of the throwaway container when the dump does not restore."""
OWN = ("drill: ", "docker: ")
"""Prefixes of the lines that the script, or docker, prints for a person."""
REMEMBERED = 10
MEANT = "  If tables are smaller, or gone, on purpose: `remediate backups accept`, and the next drill begins anew."
TRIES, WAIT = 6, 15.0
"""How often, and after how many seconds, a lock that somebody else holds is tried again."""


def drill(desk: Desk, name: str | None) -> Exit:
    """Restore the named backup (None: the newest complete one) on trial, record the result, return the exit code.

    A drill that was refused, or could not do its work, is recorded too, as such; what could not be asked is only shown.
    Raises UsageError for an unknown name. When it succeeded without doubts and no database is accepted yet, the one
    that runs is recorded as the right one.
    """
    fleet = desk.look(*TOPICS)
    try:
        backup = choose_backup(desk, fleet, name)
        placements = running_placements(fleet, desk.policy.service)
        records = accepted_records(fleet, desk.policy)
        now = true_clock(fleet, desk.policy.volume.node)
        require_root(fleet, {desk.policy.volume.node, *(placement.node for placement in placements)})
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    if len(placements) != 1:
        return refuse_drill(desk, no_single_container(desk.policy, placements))
    mount = backup_mount(placements[0], desk.policy)
    if isinstance(mount, ForAPerson):
        return refuse_drill(desk, mount)
    desk.screen.say(f"restoring {safe_line(backup.name)} into a throwaway server on {placements[0].node}")
    link = desk.session.link_to(desk.inventory.nodes[placements[0].node])
    age = (now - backup.time).total_seconds()
    try:
        done, doubtful = Trial(placements[0], mount, backup, desk.policy).tried(link, last_success(records), age)
    except NotTried as why:
        desk.screen.error(str(why), hint=why.hint)
        refusal = Drill(backup.name, datetime.now(UTC), 0.0, age, refused=why.why[:300])
        return worst_exit([write_drill_down(desk, Records(drills=(refusal,))), Exit.NOT_ALL_SEEN])
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    desk.screen.lines([*describe_drill(done), *doubt_lines(doubtful)])
    accepted = None if done.error or doubtful or records.accepted else drilled_database(desk, fleet, done)
    written = write_drill_down(desk, Records(accepted, (done,)))
    desk.screen.lines(failure_lines(last_failure(merge_records(records, Records(drills=(done,))), desk.policy), done))
    withheld = doubtful and not records.accepted
    return worst_exit([written, Exit.FINDINGS_REMAIN if done.error or withheld else Exit.NOTHING_LEFT])


def failure_lines(failed: Drill | None, done: Drill) -> list[Line]:
    """A line while complete dumps are kept: an earlier drill failed, and this one was of an older dump. Else empty.

    `failed` is the last failure that no later drill has answered; None without one.
    """
    if failed is None or done.error:
        return []
    still = f"{safe_line(failed.backup)} has not come back, nor has a newer one: no complete dump is removed until then"
    return [Line(still, "bad")]


def drilled_database(desk: Desk, fleet: Fleet, done: Drill) -> Accepted | None:
    """The record of the database that runs, with the time of the drill; None, with the reason shown, if unknown."""
    try:
        return replace(running_database(fleet, f"{account_and_machine()}, by a drill"), at=done.at)
    except Unobservable as why:
        desk.screen.error(
            f"which database is the right one is not written down: {why}", hint="remediate backups accept"
        )
        return None


def write_drill_down(desk: Desk, addition: Records) -> Exit:
    """Record the drill, waiting a while for the lock; one that failed is not shown as done. Returns the exit code.

    REMEDY_FAILED, with a hint, when the drill failed and that could not be recorded.
    """
    [drill] = addition.drills

    def work(run: PlanRun) -> Exit:
        """Write the record in this run; its exit code. The end of a drill that failed or was refused is not shown."""
        code = write_down(desk, run, RULE, addition)
        if code is Exit.NOTHING_LEFT and (drill.error or drill.refused):
            run.ends.clear()
        if code is Exit.NOTHING_LEFT and drill.error:
            desk.screen.lines([Line(WRITTEN_DOWN)])
        return code

    code = run_patiently(desk, work)
    if drill.error and code in {Exit.LOCKED, Exit.USAGE}:
        desk.screen.error(
            f"the drill of {safe_line(drill.backup)} failed, and that is not written down", hint=NOT_NOTED
        )
        return Exit.REMEDY_FAILED
    return code


WRITTEN_DOWN = (
    "it is written down as a drill that failed: no complete dump is removed until it, or a newer one, comes back"
)
NOT_NOTED = "until it is, nothing holds thinning up: do not remove a backup, and drill once more"


def run_patiently(desk: Desk, work: Callable[[PlanRun], Exit]) -> Exit:
    """The exit code of a run of its own; while somebody else holds the lock, it is tried again for a while.

    A UsageError is shown and becomes USAGE, but the one of the last try passes. At most TRIES times.
    """
    for _ in range(TRIES):
        try:
            code = desk.runner.run(work)
        except UsageError as why:
            desk.screen.error(str(why), hint=why.hint)
            return Exit.USAGE
        if code is not Exit.LOCKED:
            return code
        desk.screen.say("the drill is to be written down: waiting for the lock")
        time.sleep(WAIT)
    return desk.runner.run(work)


def doubt_lines(doubtful: tuple[str, ...]) -> list[Line]:
    """Lines for a person about what to look at in the live database; empty without doubts."""
    if not doubtful:
        return []
    return [
        Line("the live database holds far less than the dump:", "bad"),
        *drill_lines(doubtful),
        Line("  it is not written down as the right one: look into it, then `remediate backups accept`"),
    ]


def refuse_drill(desk: Desk, why: ForAPerson) -> Exit:
    """Show why no drill is possible. Returns the exit code."""
    desk.screen.error(why.why, hint=why.what_to_do)
    return Exit.FINDINGS_REMAIN


def choose_backup(desk: Desk, fleet: Fleet, name: str | None) -> Backup:
    """The named backup, or the newest complete one. Raises Unobservable without one, UsageError for an unknown name."""
    catalog = desk.catalog(fleet)
    if name:
        return one_of(catalog, name)
    if not catalog.counted:
        raise Unobservable("no complete backup is known", hint="`remediate backups verify` streams them")
    return catalog.counted[0]


@dataclass(frozen=True)
class Trial:
    """One backup to restore on trial: in a container of the image of `place`, which mounts the backups as `mount`."""

    placement: Placement
    mount: Mount
    backup: Backup
    policy: Policy

    def run(self, link: Link, before: Mapping[str, int], age: float) -> Drill:
        """The record of the drill, without the doubts of `tried`. Raises Unobservable when it could not be tried."""
        return self.tried(link, before, age)[0]

    def tried(self, link: Link, before: Mapping[str, int], age: float) -> tuple[Drill, tuple[str, ...]]:
        """The record of the drill, and doubts about the live database. Raises Unobservable when it could not be tried.

        `before` are the rows by table of the last success; `age` is the backup's, in seconds. A dump that does not
        restore, or lacks something, is a record with `error`. NotTried is raised when the throwaway server could not do
        its work.
        """
        script = load_script(DESCRIBE_LIVE_DATABASE)
        live = parse_contents(
            ask_server(link, count_command(self.placement, script, *database_account(self.policy), limit=SLOW_COUNT))
        )
        if "encoding" not in live.said:
            raise Unobservable(f"the server has no database {live.tell('database')}: there is nothing to compare with")
        [answer] = link.ask([self.throwaway(live)])
        done = Drill(self.backup.name, datetime.now(UTC), 0.0, age)
        if blames_the_dump(answer):
            return replace(done, error=first_line_for_person(answer)), ()
        if answer.lost or answer.rc != 0:
            raise not_tried(answer, self.placement.node)
        restored = parse_contents(answer)
        lacking = tuple(missing_tables(restored, live, before, self.policy.tolerance))
        done = replace(
            done,
            seconds=decimal_number(restored.tell("seconds")),
            rows=dict(restored.rows),
            extensions=restored.extensions,
            lacking=lacking,
            error=f"{count_of(len(lacking), 'difference')}, the first: {lacking[0]}" if lacking else "",
        )
        return done, tuple(doubts_about_live(restored, live, self.policy.tolerance))

    def throwaway(self, live: DatabaseContents) -> Command:
        """The command that starts the throwaway container: no network, limits, only the backups mounted, read-only.

        Raises Unobservable when the live server does not tell what it takes. Nothing is run here. Its limit is five
        minutes, and a second more for each PACE bytes.
        """
        size, service = self.backup.file.size, self.policy.service
        limit = 300 + size // PACE
        bounds = ("--network", "none", "--memory", "1g", "--memory-swap", "1g", "--cpus", "1", "--pids-limit", "200")
        dump = "/".join(part for part in ("/backups", self.policy.path, self.backup.name) if part)
        words = (
            *("docker", "run", "--interactive", "--rm", "--pull", "never", "--name", f"fleetkeeper-drill-{service}"),
            *("--label", "fleetkeeper=drill", "--security-opt", "no-new-privileges", *bounds),
            *("--mount", f"type=bind,src={self.mount.source},dst=/backups,readonly"),
            *("--user", "0", "--entrypoint", "sh", self.placement.container.image_id, "-c", load_script(DRILL), "sh"),
            *(dump, self.policy.format, str(limit), str(needed_mebibytes(size, self.policy.format))),
            *(live.tell(key) for key in ("user", "database", "encoding", "preload")),
            *(f"{key}={live.said[key]}" for key in LOCALE if live.said.get(key)),
            *(f"role={name}" for name in live.roles),
            *(f"tablespace={name}" for name in live.tablespaces),
        )
        script = load_script(HOLD_INPUT_OPEN)
        return Command(("sh", "-c", script, "sh", str(limit + 60), *words), sudo=True, limit=limit + 60)


LOCALE = ("collate", "ctype", "provider", "locale", "rules")
"""What a database is made with: `CHECK (name ~ '^[[:alpha:]]+$')` takes `É` with one, and refuses it with another."""


class NotTried(Unobservable):
    """The node refused the drill, or its server could not do its work: that is recorded, and proves nothing."""


def not_tried(answer: Output, node: str) -> Unobservable:
    """The error for a drill on `node` without a result: no throwaway container, or one that could not do its work.

    Only the latter, and a container that was refused, is a NotTried; a lost connection or another drill is not.
    """
    if answer.lost or answer.rc is None:
        return Unobservable(answer.lost or "the drill did not end", node=node)
    if b"is already in use" in answer.err:
        return Unobservable(f"another drill runs on {node}", hint="wait for it: it ends by itself")
    return NotTried(f"the drill proves nothing about the dump: {first_line_for_person(answer)}", node=node)


def first_line_for_person(answer: Output) -> str:
    """The first line for a person (the script's or docker's), else the last one; without values of rows."""
    lines = answer.err.decode("utf-8", "replace").strip().split("\n")
    own = [line.partition(": ")[2] for line in lines if line.startswith(OWN)]
    return why_failed((own or lines[-1:])[0] or f"exit status {answer.rc}")[:300]


def blames_the_dump(answer: Output) -> bool:
    """Whether the script itself reports that the dump does not restore: an exit status alone has many causes."""
    return answer.rc == BAD and any(
        line.startswith(b"drill: it does not restore: ") for line in answer.err.split(b"\n")
    )


def needed_mebibytes(size: int, form: str) -> int:
    """MiB that must be free for a dump of `size` bytes to become a database; `form` is how it is compressed."""
    return size * UNPACKED.get(form, UNPACKED["sql.gz"]) // 2**20 + 512


def database_account(policy: Policy) -> tuple[str, str]:
    """(user, database) in the inventory; each empty where it has none: the container's own are used."""
    return policy.user or "", policy.database or ""


def last_success(records: Records) -> Mapping[str, int]:
    """Rows by table of the last success since the database was accepted (a person knew then what is gone), or empty."""
    since = records.accepted.at if records.accepted else None
    good = (each for each in reversed(records.drills) if not each.error and not each.refused)
    return next((each.rows for each in good if not since or each.at >= since), {})


def describe_drill(done: Drill) -> list[Line]:
    """Lines for a person: what came back, how long it took, how much would have been lost.

    Of one that failed: why, what is missing, and perhaps how to accept that.
    """
    if done.error:
        accept_hint = [Line(MEANT)] if any(BEFORE in item for item in done.lacking) else []
        return [
            Line(f"{safe_line(done.backup)} did not come back: {safe_line(done.error)}", "bad"),
            *drill_lines(done.lacking),
            *accept_hint,
        ]
    rows, tables = sum(done.rows.values()), sum("." in name for name in done.rows)
    took, lost = show_seconds(done.seconds), show_seconds(done.age)
    return [
        Line(f"{safe_line(done.backup)} came back: {count_of(tables, 'table')}, {count_of(rows, 'row')}", "good"),
        Line(f"  it took {took}; with it, what was entered in the last {lost} would be lost"),
    ]


def drill_lines(lacking: tuple[str, ...]) -> list[Line]:
    """The differences as indented lines, each printable."""
    return [Line(f"  {safe_line(item)}") for item in lacking]


def show_seconds(seconds: float) -> str:
    """A number of seconds as text for a person."""
    return show_duration(timedelta(seconds=seconds))
