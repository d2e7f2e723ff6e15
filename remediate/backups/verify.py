"""`remediate backups verify`: stream on the node each dump whose state is unknown, and remember the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.schema import Without
from fleetkeeper.inventory.units import show_size
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import Catalog
from fleetkeeper.topics.backups.completeness import parse_verified, verify_command
from fleetkeeper.topics.backups.facts import DumpProof, Facts
from fleetkeeper.topics.backups.observe import database_service_name, place_of
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.proven_dumps import forget_digests, remember_proofs
from fleetkeeper.topics.backups.second_copy.facts import CopyDirectory, is_other_file
from fleetkeeper.topics.backups.second_copy.facts import Facts as Copies
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from remediate.backups.context import Desk, one_of
from remediate.render.plan_text import Line, safe_line


def run_verify(desk: Desk, names: Sequence[str], *, again: bool = False) -> Exit:
    """Verify the named backups, or all whose state is unknown; `again` without names: all of them, and the copies.

    Each result is remembered at once: an interrupted run goes on where it stopped. Returns the exit code. Only reads.
    Raises UsageError for an unknown name. FINDINGS_REMAIN when one is broken, else NOT_ALL_SEEN when one is unknown; a
    summary is shown.
    """
    fleet = desk.look("nodes", "backups")
    try:
        catalog = desk.catalog(fleet)
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    backups = [one_of(catalog, name) for name in names] or list(catalog.backups)
    unknown = [backup for backup in backups if again or names or backup.state == "unknown"]
    proofs = stream_backups(desk, fleet, unknown)
    settled = [settle_proof(backup, proofs.get(backup.name) or proof_of_backup(backup)) for backup in backups]
    copied = compare_copies(desk, catalog) if again and not names else []
    desk.screen.lines(verify_summary([*settled, *copied]))
    states = {proof.state for proof in (*settled, *copied)}
    broken = [Exit.FINDINGS_REMAIN] if "broken" in states else []
    return worst_exit([*broken, *([Exit.NOT_ALL_SEEN] if "unknown" in states else [])])


def proof_of_backup(backup: Backup) -> DumpProof:
    """What is known about a backup already, in the form of a result; nothing is read."""
    return DumpProof(backup.name, *backup.file.identity, backup.state, backup.why, contents=backup.contents)


def stream_backups(desk: Desk, fleet: Fleet, backups: Sequence[Backup]) -> dict[str, DumpProof]:
    """Stream one file after the other; the results by backup name. Each is remembered at once.

    Raises Unobservable when the directory was not seen; a file that cannot be streamed has the result `unknown`.
    Progress is shown.
    """
    node = desk.policy.volume.node
    facts = fleet.of(node, Facts)
    location = place_of(desk.inventory, facts.directory)
    remembered = {proof.name: proof for proof in facts.verified} if not isinstance(facts.verified, Unobservable) else {}
    link = desk.session.link_to(desk.inventory.nodes[node])
    proofs: dict[str, DumpProof] = {}
    for number, backup in enumerate(backups, 1):
        desk.screen.say(f"{number}/{len(backups)} {safe_line(backup.name)} ({show_size(backup.file.size)})")
        proofs[backup.name] = prove_file(
            link, facts.directory, backup, desk.policy, database_service_name(desk.inventory)
        )
        remember_proofs(desk.inventory.state, location, list({**remembered, **proofs}.values()))
    return proofs


def settle_proof(backup: Backup, proof: DumpProof) -> DumpProof:
    """The result, but `unknown` instead of `broken` for a file that is still being written."""
    if backup.growing and proof.state == "broken":
        return replace(proof, state="unknown", why="it is still being written")
    return proof


def prove_file(link: Link, directory: str, backup: Backup, policy: Policy, service: str) -> DumpProof:
    """The result of streaming one file; `unknown`, with the reason, when it could not be streamed."""
    try:
        [answer] = link.ask([verify_command(directory, [backup.file], policy.format, service)])
        [proof] = parse_verified(answer, [backup.file])
    except Unobservable as why:
        return DumpProof(backup.name, *backup.file.identity, "unknown", str(why))
    return proof


def compare_copies(desk: Desk, catalog: Catalog) -> list[DumpProof]:
    """Read the copies at the second place again; a result `broken` for each that differs from its backup.

    One `unknown` result when the places could not be read; empty without a second place. Forgets the digests that were
    remembered of both places.
    """
    second = desk.policy.elsewhere
    if second is None or isinstance(second, Without):
        return []
    desk.screen.say(f"the copies in {second.path} on {second.node}")
    forget_digests(desk.inventory.state, f"{Path(desk.inventory.path).absolute()} ")
    fleet = desk.look("copies")
    try:
        here = raise_if_unobservable(fleet.of(desk.policy.volume.node, Copies).here) or CopyDirectory()
        directory = raise_if_unobservable(fleet.of(second.node, Copies).there) or CopyDirectory()
    except Unobservable as why:
        return [DumpProof(second.path, 0, 0, 0, "unknown", str(why))]
    return [
        DumpProof(f"{second.path}/{backup.name}", *backup.file.identity, "broken", "it is not what it is a copy of")
        for backup in catalog.backups
        if is_other_file(backup.name, here, directory)
    ]


def verify_summary(proofs: Sequence[DumpProof]) -> list[Line]:
    """Lines for a person: each backup that is not complete, by name, then how many there are of each state."""
    incomplete = [proof for proof in proofs if proof.state != "complete"]
    styles = {"broken": "bad", "unknown": "loud"}
    lines = [
        Line(f"{proof.state}: {safe_line(proof.name)}: {safe_line(proof.why)}", styles[proof.state])
        for proof in incomplete
    ]
    counts = ", ".join(
        f"{sum(proof.state == state for proof in proofs)} {state}" for state in ("complete", "broken", "unknown")
    )
    return [*lines, Line(counts)]
