"""The backups of a policy as one list, newest first: when each was made, and whether it is complete. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

from fleetkeeper.inventory.units import count_of
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.backup import NO_REASON, Backup
from fleetkeeper.topics.backups.database.facts import AcceptedSize
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_times import EARLY, moment_of_name, stamp_in_name, times_agree, written_at
from fleetkeeper.topics.backups.facts import DumpProof, Facts, File, State
from fleetkeeper.topics.backups.missing_tables import LiveDatabase, judge_contents, live_database
from fleetkeeper.topics.backups.plausible_size import SizeJudgement, judge_sizes
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.transport.commands import Unobservable

GROWING = timedelta(minutes=1)
PART = ".part"
"""The end of a name that a dump has until it is whole."""
FEW = 5
"""Names that one sentence has."""
ABANDONED = 3600.0
"""Seconds for which nobody has written to a part: it is a dump's that ended, or that waits for a lock."""
UNFINISHED = "a dump that never came to its end; the next one removes it, unless somebody still has it open"
NOT_YET = "not proven yet"
CHANGED = "changed since it was proven"
CLOCK = 300.0
"""Seconds that a node's clock may be off before ages that it tells are worth nothing here."""


@dataclass(frozen=True)
class Catalog:
    """The backups of a policy, newest first, and the other entries of their directory, by name.

    `foreign` are entries whose name does not match the pattern or that are no regular files. `accepted` is the size
    that a person accepted last, None without one.
    """

    backups: tuple[Backup, ...]
    foreign: tuple[File, ...]
    accepted: AcceptedSize | None = None

    @cached_property
    def counted(self) -> tuple[Backup, ...]:
        """The backups that count for retention, newest first: complete, and of a plausible time and size."""
        return tuple(backup for backup in self.backups if backup.counts)

    @cached_property
    def proven(self) -> tuple[Backup, ...]:
        """The backups that are proven complete and of a plausible time, newest first, whatever their size."""
        return tuple(backup for backup in self.backups if backup.proven)


def catalog_of(fleet: Fleet, policy: Policy) -> Catalog:
    """The backups of a policy as this look saw them, with their sizes judged.

    Raises Unobservable when directory, completeness, the node's clock or the accepted size could not be seen, or that
    clock is more than 5 minutes off.
    """
    return seen_files(fleet, policy, Compared(accepted_size(fleet, policy), live_database(fleet, policy)))


@dataclass(frozen=True)
class Compared:
    """What dumps are compared with: the size that was accepted last, and the live database; None for none."""

    accepted: AcceptedSize | None = None
    live: LiveDatabase | None = None


def seen_files(fleet: Fleet, policy: Policy, compared: Compared | None = None) -> Catalog:
    """The backups of a policy, compared with what is given, and with nothing else of the look.

    `compared` None: with nothing. Raises Unobservable as `catalog_of`, but not for the accepted size.
    """
    node = policy.volume.node
    facts = fleet.of(node, Facts)
    return build_catalog(
        raise_if_unobservable(facts.files, node),
        raise_if_unobservable(facts.verified, node),
        policy,
        true_clock(fleet, node),
        compared,
    )


def accepted_size(fleet: Fleet, policy: Policy) -> AcceptedSize | None:
    """The size that a person accepted last; None when there is none, or when the look did not ask for the record.

    Raises Unobservable when the record could not be seen.
    """
    node = policy.volume.node
    if (node, Databases.topic) not in fleet.facts:
        return None
    records = raise_if_unobservable(fleet.of(node, Databases).records, node)
    return records.size if records else None


def true_clock(fleet: Fleet, node: str) -> datetime:
    """The time by the node's own clock at the look, in UTC.

    Raises Unobservable when the clock was not seen, or is more than 5 minutes (`CLOCK`) off.
    """
    ahead = fleet.of(node, Nodes).ahead
    if abs(ahead) > CLOCK:
        off = f"its clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        raise Unobservable(f"{off}: ages of backups mean nothing", hint="set the clock right (NTP)", node=node)
    return fleet.now(node)


def known_size(fleet: Fleet, policy: Policy) -> AcceptedSize | None:
    """The size that a person accepted last, as `accepted_size`; None also when it could not be seen.

    For callers to whom it decides nothing: an unseen record must not keep anybody from making a backup.
    """
    try:
        return accepted_size(fleet, policy)
    except Unobservable:
        return None


@lru_cache(maxsize=8)
def build_catalog(
    files: tuple[File, ...],
    verified: tuple[DumpProof, ...],
    policy: Policy,
    now: datetime,
    compared: Compared | None = None,
) -> Catalog:
    """The catalog of some directory entries: backups apart from other entries, newest first, each judged.

    `verified` are the proofs of the files, `now` is the time by the volume node's clock. The order of `files` does not
    matter. Computed once for the same arguments. `compared` (None: nothing) is the accepted size and the live database.
    """
    accepted, live = (compared.accepted, compared.live) if compared else (None, None)
    proven = {proof.name: proof for proof in verified}
    backups = []
    foreign = []
    for file in files:
        named = moment_of_name(file.name, policy, file.mtime)
        if named is None or file.kind != "file":
            foreign.append(file)
        else:
            backups.append(backup_of(file, named, proven, now))
    newest_first = with_hard_links_marked(sorted(backups, key=lambda backup: (backup.time, backup.name), reverse=True))
    lacking = judge_contents([backup for backup in newest_first if backup.proven], policy, live)
    held = [
        replace(backup, lacks=lacking[backup.name]) if backup.name in lacking else backup for backup in newest_first
    ]
    sized = with_size_judgements(held, policy, accepted)
    return Catalog(tuple(sized), tuple(sorted(foreign, key=lambda file: file.name)), accepted)


def with_hard_links_marked(newest_first: Sequence[Backup]) -> list[Backup]:
    """The same backups in the same order; of proven ones, further hard links to an earlier one get `odd`.

    These do not count then. Other names of a file that is not proven stay as they are.
    Several names of one file are one backup: when its data rots, all of them are lost.
    """
    first_names: dict[tuple[int, int], str] = {}
    backups = []
    for backup in newest_first:
        file = (backup.file.device, backup.file.inode)
        first = first_names.setdefault(file, backup.name) if backup.linked and backup.proven else backup.name
        same = f"it is the very file that is called {first}, too"
        backups.append(backup if first == backup.name else replace(backup, odd=same))
    return backups


def with_size_judgements(backups: Sequence[Backup], policy: Policy, accepted: AcceptedSize | None) -> list[Backup]:
    """The same backups, with `small`, `giant` and `unconfirmed` set from their sizes.

    Only those are compared that are proven and lack nothing. `accepted` is the size that a person accepted, if any.
    """
    sizes = judge_sizes((backup for backup in backups if backup.proven and not backup.lacks), policy, accepted)
    if sizes == SizeJudgement():
        return list(backups)
    return [
        replace(
            backup, small=sizes.refused.get(backup.name), giant=backup.name in sizes.giants,
            unconfirmed=backup.name == sizes.unconfirmed,
        )
        for backup in backups
    ]  # fmt: skip


def unlike_pattern(backups: Catalog, newest: Backup | None, policy: Policy) -> str:
    """The files that are younger than the newest complete backup and not named like the pattern, as end of a sentence.

    All files and directories where no file at all is named like it; empty without any, and where there are backups and
    none of them is complete. Hidden files and parts of dumps are left out. At most FEW names, the youngest first.
    """
    since = newest.time.timestamp() if newest else 0.0
    others = [file for file in backups.foreign if file.kind in ("file", "directory") and file.mtime > since]
    strangers = [file for file in others if not file.name.startswith(".") and not file.name.endswith(PART)]
    if not strangers or (newest is None and backups.backups):
        return ""
    names = [file.name for file in sorted(strangers, key=lambda file: file.mtime, reverse=True)]
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    count = f"{count_of(len(names), 'younger file' if newest else 'file')} there"
    return f"; {count}, none named like `pattern` ({policy.pattern}): {', '.join(names[:FEW])}{more}"


def unfinished_dumps(catalog: Catalog, policy: Policy, now: datetime) -> tuple[File, ...]:
    """The files that interrupted dumps left: regular files `NAME.part`, not written to for an hour.

    NAME matches the policy's pattern.

    `now` is the time by the volume node's clock.
    """
    return tuple(
        file
        for file in catalog.foreign
        if file.kind == "file"
        and file.name.endswith(PART)
        and stamp_in_name(file.name.removesuffix(PART), policy.pattern) is not None
        and now.timestamp() - file.mtime > ABANDONED
    )


def backup_of(file: File, named: datetime, proven: Mapping[str, DumpProof], now: datetime) -> Backup:
    """The backup that a file is. `named` is the instant in its name (UTC), `proven` are proofs by file name.

    What other files tell is not filled in yet: `lacks`, `small`, `giant`, `unconfirmed`, and `odd` for a hard link. Its
    time is that in the name, or the mtime where that is earlier and the two disagree.
    """
    written = written_at(file.mtime)
    proof = proven.get(file.name)
    state, why = state_of_file(file, proof)
    return Backup(
        file=file,
        time=named if times_agree(named, file.mtime) else min(named, written),
        named=named,
        state=state,
        why=why,
        growing=state != "complete" and now - written < GROWING,
        future=max(named, written) > now + EARLY,
        odd=why_time_is_odd(named, written),
        contents=proof.contents if proof and proof.identity == file.identity else None,
    )


def state_of_file(file: File, proof: DumpProof | None) -> tuple[State, str]:
    """The state of a file as its proof says it, and the reason, which is empty for "complete".

    Without a proof, or with one of another file that had the same name (inode, size or mtime differ), it is "unknown".
    """
    if proof is None:
        return "unknown", NOT_YET
    if proof.identity != file.identity:
        return "unknown", CHANGED
    return proof.state, proof.why or ("" if proof.state == "complete" else NO_REASON)


def why_time_is_odd(named: datetime, written: datetime) -> str:
    """Why the time of a file cannot be believed: its name is over 5 minutes younger than its mtime (`written`).

    Else empty.
    """
    if named - written > EARLY:
        return "its name is younger than its content"
    return ""
