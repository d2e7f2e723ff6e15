"""The state of each id of the CIS Docker Benchmark, from the verdicts of one look: once for a node, or the fleet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.verdicts import NOT_SEEN, Verdict
from fleetkeeper.topics.benchmark.catalog import ATTESTED, Entry
from fleetkeeper.transport.commands import Unobservable

Standing = Literal["holds", "wrong", "unknown", "not applicable", "attested", "waived"]
STANDINGS: tuple[Standing, ...] = ("holds", "wrong", "unknown", "not applicable", "attested", "waived")
WORST_FIRST: tuple[Standing, ...] = ("wrong", "unknown", "waived", "holds", "not applicable")
NOT_BUILT = "no promise judges it yet"


@dataclass(frozen=True)
class State:
    """How one id stands: on a node, or (`node` empty) in the fleet. `why` says it in words; empty where it holds.

    `error`: it is wrong, and that fails an audit.
    """

    entry: Entry
    node: str
    standing: Standing
    why: str = ""
    error: bool = False

    @property
    def unseen(self) -> bool:
        """Whether something was looked for, and could not be seen."""
        return self.standing == "unknown" and self.why != NOT_BUILT and self.entry.rule != ATTESTED


def states_of(
    entries: Iterable[Entry], verdicts: Sequence[Verdict], nodes: Sequence[str], policy: Benchmark, today: date
) -> list[State]:
    """The state of every id of the policy's edition, once for each node, or once where the fleet is judged."""
    mine = [entry for entry in entries if number_of(entry, policy.edition)]
    return [
        state_of(entry, verdicts, node, policy, today)
        for entry in mine
        for node in (nodes if entry.of == "node" else [""])
    ]


def number_of(entry: Entry, edition: str) -> str:
    """The number of an entry in an edition; empty where that lacks it."""
    return entry.number if edition == "1.8" else entry.before


def state_of(entry: Entry, verdicts: Sequence[Verdict], node: str, policy: Benchmark, today: date) -> State:
    """The state of one id on a node, or in the fleet where `node` is empty."""
    if entry.level > policy.level:
        return State(entry, node, "not applicable", f"level {entry.level} is not asked for")
    promises = (entry.rule, entry.also)
    judged = [verdict for verdict in verdicts if verdict.rule.id in promises and set(entry.ids) & set(verdict.rule.cis)]
    standing, why, error = worst_of([part_of_verdict(entry.ids, verdict, node) for verdict in judged])
    attestation = policy.attestation_of(entry.ids)
    unseen = standing == "not applicable" and any(answers_for(entry.ids, verdict, node) for verdict in judged)
    if attestation and standing != "wrong" and (entry.needs != "looking" or entry.rule == ATTESTED or unseen):
        if attestation.holds_on(today):
            text = f"{attestation.by}, until {attestation.until}: {attestation.because}"
            return State(entry, node, "attested", text)
        return State(entry, node, "unknown", f"what {attestation.by} said ended on {attestation.until}")
    if entry.rule == ATTESTED and standing != "waived":
        return State(entry, node, "unknown", "nobody answers for it")
    return State(entry, node, standing, why, error)


def answers_for(ids: tuple[str, ...], verdict: Verdict, node: str) -> bool:
    """Whether a person answers for an id that could not be seen on a node, by one verdict."""
    about = [part for part in verdict.parts if set(ids) & set(part.cis) and is_here(part.node, node)]
    return any(isinstance(part.why, str) and part.why.startswith(NOT_SEEN) for part in about)


Answer = tuple[Standing, str, bool]


def worst_of(answers: Collection[Answer]) -> Answer:
    """The worst of several answers about one id; unknown where there are none."""
    return min(answers, key=lambda answer: WORST_FIRST.index(answer[0]), default=("unknown", NOT_BUILT, False))


def part_of_verdict(ids: tuple[str, ...], verdict: Verdict, node: str) -> Answer:
    """What one verdict says of an id on a node (empty: anywhere).

    A verdict about another node says nothing of it, and one about a service only what it says of that node.
    """
    if verdict.subject.kind == "node" and node and verdict.subject.name != node:
        return "not applicable", "", False
    about = set(ids)
    mine = [f for f in (*verdict.findings, *verdict.warnings) if about & set(f.cis) and is_here(f.node, node)]
    if mine:
        error = any(finding.severity == "error" for finding in mine)
        return "wrong", "; ".join(dict.fromkeys(finding.saw for finding in mine)), error
    if dark := [why for why in unknown_of(about, verdict) if is_here(why.node, node)]:
        return "unknown", "; ".join(dict.fromkeys(why.why for why in dark)), False
    if accepted := [(f, w) for f, w in verdict.waived if about & set(f.cis) and is_here(f.node, node)]:
        finding, waiver = accepted[0]
        return "waived", f"{finding.saw} ({waiver.owner}, until {waiver.until}: {waiver.because})", False
    reasons = [part.why for part in verdict.parts if about & set(part.cis) and isinstance(part.why, str)]
    if reasons or verdict.not_applicable:
        return "not applicable", (reasons or [verdict.not_applicable])[0], False
    return "holds", "", False


def is_here(where: str, node: str) -> bool:
    """Whether what was seen at `where` (empty: nowhere in particular) counts for a node (empty: anywhere)."""
    return not node or where in ("", node)


def unknown_of(about: set[str], verdict: Verdict) -> Iterator[Unobservable]:
    """What could not be seen of an id: its own parts, and what belongs to no part."""
    parts = [(part, part.why) for part in verdict.parts if isinstance(part.why, Unobservable)]
    yield from (why for part, why in parts if about & set(part.cis))
    yield from (why for why in verdict.unknown if why not in [dark for _, dark in parts])
