"""What the page of an audit says, in the order in which it says it. Nothing here knows HTML."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import count_of, show_duration
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.reports.page.open_groups import Group, group_entries, short_text

if TYPE_CHECKING:
    from fleetkeeper.judging.rule import Rule
    from fleetkeeper.reports.results_schema import Judged, Looked, Results

OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
ORDER = ("finding", "unknown", "waived", "holds", "not_applicable")
"""The outcomes as the page counts them, loudest first."""
WORDS = {
    "finding": "broken",
    "unknown": "unknown",
    "warning": "warnings",
    "waived": "accepted",
    "holds": "hold",
    "not_applicable": "not asked",
}
MOST_NAMES = 120
"""How many subjects of one rule and outcome are named."""


@dataclass(frozen=True)
class Tally:
    """How many promises about one thing had each outcome. `worst` is the outcome that it is shown by."""

    name: str
    counts: Mapping[str, int]
    note: str = ""

    @property
    def worst(self) -> str:
        """Unknown where nothing was seen at all, else the loudest outcome that there is; never `holds` without one."""
        if self.note:
            return "unknown"
        return next((outcome for outcome in ORDER if self.counts.get(outcome)), "not_applicable")


@dataclass(frozen=True)
class RuleState:
    """One rule in the table of its topic: by outcome, the subjects (and for those not asked, the reasons)."""

    rule: str
    promise: str
    subjects: Mapping[str, Sequence[str]]

    @property
    def worst(self) -> str:
        """The loudest outcome of its subjects."""
        return next(outcome for outcome in ORDER if self.subjects.get(outcome))


@dataclass(frozen=True)
class Sight:
    """What was looked at in one inventory: its nodes, and those where nothing could be seen, with the reasons."""

    name: str
    looked_at: str
    nodes: int
    dark: Mapping[str, str]


@dataclass(frozen=True)
class PageContent:
    """Everything that the page says. Times are texts in ISO 8601, in UTC."""

    headline: str
    verdict: str
    names: str
    hosts: str
    part: str
    version: str
    finished: str
    sights: Sequence[Sight]
    counts: Mapping[str, int]
    warnings: int
    changes: Sequence[str]
    groups: Sequence[Group]
    nodes: Sequence[Tally]
    topics: Sequence[Tally]
    owners: Sequence[Tally]
    rules: Mapping[str, Sequence[RuleState]]
    explanations: Mapping[str, str]
    repaired: Collection[str]
    several: bool

    def command_for(self, group: Group) -> str:
        """The command that mends a finding, shows what would, or explains it."""
        hosts = shlex.quote(f"--hosts={group.inventory if self.several else self.hosts}")
        if group.kind == "unknown":
            limit = f" --limit={shlex.quote(group.nodes[0])}" if len(group.nodes) == 1 else ""
            return f"pytest {hosts}{limit}"
        if group.kind != "waived" and group.rule in self.repaired:
            return f"remediate {hosts} --only={shlex.quote(group.rule)}"
        return f"fleetkeeper explain {shlex.quote(group.rule)}"

    def of_kind(self, kind: str) -> list[Group]:
        """The groups of one section."""
        return [group for group in self.groups if group.kind == kind]


def page_content(results: Results, rules: Mapping[str, Rule], repaired: Collection[str]) -> PageContent:
    """The content of the page about one audit. `rules` are those of its inventories, `repaired` have a remedy."""
    items, run = results["items"], results["run"]
    counts = {outcome: results["summary"][outcome] for outcome in ORDER}  # type: ignore[literal-required]
    names = " + ".join(each["name"] for each in results["inventories"])
    groups = group_entries(results)
    sights = [sight_of(each) for each in results["inventories"]]
    part = run.get("part", "")
    headline, verdict = headline_of(counts, sights, part)
    return PageContent(
        headline=headline,
        verdict=verdict,
        names=names,
        hosts=run.get("hosts", "") or names,
        part=part,
        version=run["fleetkeeper"],
        finished=run["finished"],
        sights=sights,
        counts=counts,
        warnings=sum(len(group.entries) for group in groups if group.kind == "warning"),
        changes=list(change_lines(results)),
        groups=groups,
        nodes=node_tallies(results),
        topics=[Tally(topic, counts) for topic, counts in topic_counts(items).items()],
        owners=owner_tallies(groups),
        rules=rule_states(items),
        explanations={
            name: rules[name].explanation
            for name in sorted({group.rule for group in groups if group.kind != "unknown"})
            if name in rules
        },
        repaired=repaired,
        several=len(results["inventories"]) > 1,
    )


def headline_of(counts: Mapping[str, int], sights: Sequence[Sight], part: str) -> tuple[str, str]:
    """The first sentence of the page, and the outcome that it is about.

    >>> headline_of({"finding": 1, "unknown": 2, "waived": 0, "holds": 9, "not_applicable": 0}, [], "")
    ('1 promise is broken, 2 could not be judged', 'finding')
    >>> headline_of({"finding": 0, "unknown": 0, "waived": 0, "holds": 0, "not_applicable": 3}, [], "")
    ('Nothing was judged', 'unknown')
    """
    broken, dark, holds = counts["finding"], counts["unknown"], counts["holds"] + counts["waived"]
    if broken:
        more = f", {dark} could not be judged" if dark else ""
        return f"{count_of(broken, 'promise')} {'is' if broken == 1 else 'are'} broken{more}", "finding"
    if dark:
        return f"{count_of(dark, 'promise')} could not be judged; nothing else is broken", "unknown"
    if not holds:
        return "Nothing was judged", "unknown"
    if part or any(sight.dark for sight in sights):
        return "What was judged holds", "unknown" if any(sight.dark for sight in sights) else "holds"
    accepted = f", {counts['waived']} of them only because {'it is' if counts['waived'] == 1 else 'they are'} accepted"
    return f"All {count_of(holds, 'promise')} hold{accepted if counts['waived'] else ''}", "holds"


def sight_of(looked: Looked) -> Sight:
    """What was seen of one inventory."""
    dark = {name: short_text(node["why"]) for name, node in looked["nodes"].items() if not node["looked_at"]}
    return Sight(looked["name"], looked["looked_at"], len(looked["nodes"]), dark)


def change_lines(results: Results) -> Iterator[str]:
    """A sentence for each inventory about what changed since the audit before, and how long ago that was."""
    for change in results["changes"]:
        name = f"{change['inventory']}: " if len(results["changes"]) > 1 else ""
        if not change["previous"]:
            yield f"{name}the first audit that is remembered: what is new cannot be said yet"
            continue
        words = {
            "new": "new",
            "newly_judged": "of rules that are judged for the first time",
            "gone": "gone",
            "old": "still open",
            "unseen": "not judged again",
            "waived": "accepted since",
        }
        parts = [f"{len(change[key])} {word}" for key, word in words.items() if change[key]]  # type: ignore[literal-required]
        span = datetime.fromisoformat(results["run"]["started"]) - datetime.fromisoformat(change["previous"])
        yield f"{name}since the audit {show_duration(span)} before: {', '.join(parts) or 'nothing changed'}"


def node_tallies(results: Results) -> list[Tally]:
    """A tally for each node: promises about it, and those broken or unknown there. A dark one has its reason."""
    several = len(results["inventories"]) > 1
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for judged in results["items"]:
        waived = {finding["node"] for finding in judged["findings"] if finding["waived"]} - {""}
        broken = {finding["node"] for finding in judged["findings"] if not finding["waived"]} - {""}
        about = judged["subject"] if judged["kind"] == "node" else ""
        for node in {dark["node"] or about for dark in judged["unknown"]} - {""}:
            counts[judged["inventory"], node]["unknown"] += 1
        if judged["outcome"] in ("finding", "waived"):
            for node in waived | broken:
                counts[judged["inventory"], node]["finding" if node in broken else "waived"] += 1
        elif about and judged["outcome"] in ("holds", "not_applicable"):
            counts[judged["inventory"], about][judged["outcome"]] += 1
    return [
        Tally(f"{each['name']}: {name}" if several else name, counts[each["name"], name], dark_note(state["why"]))
        if not state["looked_at"]
        else Tally(f"{each['name']}: {name}" if several else name, counts[each["name"], name])
        for each in results["inventories"]
        for name, state in each["nodes"].items()
    ]


def dark_note(why: str) -> str:
    """Why nothing is known of a node."""
    return f"not seen: {short_text(why)}"


def topic_counts(items: Sequence[Judged]) -> dict[str, Counter[str]]:
    """By topic, how many promises had each outcome."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for judged in items:
        counts[judged["rule"].partition(".")[0]][judged["outcome"]] += 1
    return dict(sorted(counts.items()))


def owner_tallies(groups: Sequence[Group]) -> list[Tally]:
    """By owner, how much of what is open is theirs; most first. Empty where no inventory has owners."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group in groups:
        counts[group.owner][group.kind] += len(group.entries)
    if set(counts) <= {""}:
        return []
    ordered = sorted(counts, key=lambda owner: (-counts[owner]["finding"], -counts[owner]["unknown"], owner))
    return [Tally(owner or "nobody", counts[owner]) for owner in ordered]


def rule_states(items: Sequence[Judged]) -> dict[str, list[RuleState]]:
    """By topic, each rule with the subjects that had each outcome; of those not asked for, the reasons."""
    promises: dict[str, str] = {}
    subjects: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for judged in items:
        promises[judged["rule"]] = judged["promise"]
        name = judged["reason"] if judged["outcome"] == "not_applicable" else judged["subject"]
        subjects[judged["rule"]][judged["outcome"]].append(short_text(name))
    topics: dict[str, list[RuleState]] = defaultdict(list)
    for rule in sorted(subjects):
        named = {outcome: list(dict.fromkeys(names)) for outcome, names in subjects[rule].items()}
        topics[rule.partition(".")[0]].append(RuleState(rule, promises[rule], named))
    return dict(topics)
