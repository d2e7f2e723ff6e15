"""What is wrong, accepted or could not be seen, in groups that share all words but what was seen: a row of the page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleetkeeper.reports.history import digest, sameness
from fleetkeeper.reports.loss_ranks import loss_rank
from fleetkeeper.reports.short_report import NODES, mentions, name_some
from fleetkeeper.reports.terminal import with_place

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Change, Found, Judged, Results

MOST_ENTRIES = 400
"""How many entries a group shows; the rest is counted, and is in results.json."""
LONGEST = 600
"""How much of one text of a node is shown, in characters."""
KINDS = ("finding", "unknown", "warning", "waived")
"""The sections of what is not quiet, loudest first."""
Ages = Mapping[tuple[str, str], tuple[str, bool]]
"""By inventory and key of an open finding: when it was first seen (ISO 8601, UTC), and whether it is new."""


@dataclass(frozen=True)
class GroupEntry:
    """One thing in a group: what was seen, and on which node. `since` is empty where no audit before is known.

    `anchor` is its name in the page: the same tomorrow for the same finding.
    """

    anchor: str
    sentence: str
    node: str
    since: str = ""
    new: bool = False


@dataclass(frozen=True)
class Group:
    """Entries that share every other word. `accepted` says who accepts them, until when and why; else it is empty."""

    kind: str
    inventory: str
    rule: str
    promise: str
    owner: str
    want: str = ""
    why: str = ""
    hint: str = ""
    accepted: str = ""
    entries: list[GroupEntry] = field(default_factory=list)

    @property
    def topic(self) -> str:
        """The topic of the rule."""
        return self.rule.partition(".")[0]

    @property
    def anchor(self) -> str:
        """The name of the group in the page: the same tomorrow for the same words."""
        return digest((self.kind, self.inventory, self.rule, self.want, self.why, self.hint, self.owner, self.accepted))

    @property
    def shown(self) -> Sequence[GroupEntry]:
        """The entries that the page shows: the new ones first."""
        return sorted(self.entries, key=lambda entry: not entry.new)[:MOST_ENTRIES]

    @property
    def hidden(self) -> int:
        """How many entries it does not show."""
        return max(0, len(self.entries) - MOST_ENTRIES)

    @property
    def sentence(self) -> str:
        """What was seen first; of what could not be seen, where and why."""
        if self.kind != "unknown":
            return self.shown[0].sentence
        nodes = [short_text(node) for node in self.nodes if not mentions(self.why, node)]
        return f"{name_some(nodes)}: {self.why}" if nodes else self.why

    @property
    def since(self) -> str:
        """When the oldest of them was first seen; "" where that is not known."""
        return min((entry.since for entry in self.entries if entry.since), default="")

    @property
    def newest(self) -> bool:
        """Whether any of them is new."""
        return any(entry.new for entry in self.entries)

    @property
    def nodes(self) -> list[str]:
        """The nodes of the entries, each once."""
        return sorted({entry.node for entry in self.entries if entry.node})

    @property
    def rank(self) -> tuple[object, ...]:
        """Sorts as the terminal tells: the worst loss first, what is new before what is old."""
        dark = not self.rule.startswith(NODES) if self.kind == "unknown" else False
        return KINDS.index(self.kind), dark, loss_rank(self.rule), not self.newest, self.rule, self.anchor


def group_entries(results: Results) -> list[Group]:
    """The groups of an audit, worst first."""
    groups: dict[tuple[str, ...], Group] = {}
    ages = finding_ages(results["changes"])
    for each, entry in (*finding_rows(results["items"], ages), *unknown_rows(results["items"])):
        key = (each.kind, each.inventory, each.rule, each.owner, each.want, each.why, each.hint, each.accepted)
        groups.setdefault(key, each).entries.append(entry)
    return sorted(groups.values(), key=lambda group: group.rank)


def finding_ages(changes: Iterable[Change]) -> Ages:
    """The age of each open finding, as far as an audit before is remembered."""
    ages: dict[tuple[str, str], tuple[str, bool]] = {}
    for change in changes:
        for name in ("new", "newly_judged", "old"):
            for finding in change[name]:
                ages[change["inventory"], finding["key"]] = finding["since"], name == "new"
    return ages


def finding_rows(items: Iterable[Judged], ages: Ages) -> Iterator[tuple[Group, GroupEntry]]:
    """An empty group and its entry for each finding, open or accepted."""
    times: Counter[tuple[str, ...]] = Counter()
    for judged in items:
        for finding in judged["findings"]:
            accepted = bool(finding["waived"])
            same = (judged["inventory"], str(accepted), *sameness(finding))
            times[same] += 1
            key = digest((*same[2:], str(times[same])))
            since, new = ages.get((judged["inventory"], key), ("", False)) if not accepted else ("", False)
            kind = "waived" if accepted else finding_kind(judged, finding)
            anchor = digest((str(accepted), judged["inventory"], key))
            entry = GroupEntry(anchor, finding_sentence(finding), finding["node"], since, new)
            yield finding_group(kind, judged, finding), entry


def finding_kind(judged: Judged, finding: Found) -> str:
    """Whether an open finding breaks its promise, or only warns.

    With --strict warnings break it, too, where nothing else does.
    """
    graver = finding["severity"] == "error" or not any(
        other["severity"] == "error" and not other["waived"] for other in judged["findings"]
    )
    return "finding" if judged["outcome"] == "finding" and graver else "warning"


def finding_group(kind: str, judged: Judged, finding: Found) -> Group:
    """The group of a finding, without entries."""
    waiver = finding["waived"]
    accepted = f"{waiver['owner']}, until {waiver['until']}: {waiver['because']}" if waiver else ""
    return Group(
        kind,
        judged["inventory"],
        judged["rule"],
        judged["promise"],
        finding.get("owner", ""),
        short_text(finding["want"]),
        short_text(finding["why"]),
        short_text(finding["hint"]),
        short_text(accepted),
    )


def finding_sentence(finding: Found) -> str:
    """What was seen, with its subject and its node as far as the text does not name them."""
    saw, subject, node = short_text(finding["saw"]), short_text(finding["subject"]), short_text(finding["node"])
    front = f"{subject}: " if subject and subject != node and not mentions(saw, subject) else ""
    return with_place(front + saw, node, "")


def unknown_rows(items: Iterable[Judged]) -> Iterator[tuple[Group, GroupEntry]]:
    """An empty group and its entry for everything that could not be seen: one group for each cause."""
    hidden: dict[tuple[str, str, str, str], dict[tuple[str, str, str], str]] = defaultdict(dict)
    for judged in items:
        for dark in judged["unknown"]:
            cause = short_text(dark["cause"] or dark["why"])
            alike = (judged["inventory"], dark.get("owner", ""), cause, short_text(dark["hint"]))
            hidden[alike][judged["rule"], judged["subject"], dark["node"]] = judged["promise"]
    for (inventory, owner, cause, hint), promises in hidden.items():
        (first, *_), promise = min(promises.items(), key=lambda pair: (not pair[0][0].startswith(NODES), pair[0]))
        for rule, subject, node in promises:
            anchor = digest(("unknown", inventory, owner, cause, hint, rule, subject, node))
            hides = with_place(f"{rule} [{short_text(subject)}]", short_text(node), "")
            yield (
                Group("unknown", inventory, first, promise, owner, hint=hint, why=cause),
                GroupEntry(anchor, hides, node),
            )


def short_text(text: str) -> str:
    """The text, cut after LONGEST characters, with the number of those that are left out.

    >>> short_text("x" * 700)[-27:]
    'xxx … (100 characters more)'
    """
    more = len(text) - LONGEST
    return f"{text[:LONGEST]} … ({more} characters more)" if more > 0 else text
