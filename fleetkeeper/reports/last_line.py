"""The last line of an audit: the one command to run next, or that what was judged holds, and how much that was."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetkeeper.errors import BUG, BY_QUICK
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.verdicts import OUTSIDE_LIMIT

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Judged


@dataclass(frozen=True)
class Scope:
    """The part of its inventories that a run was asked to judge.

    `inventory` is the value of --hosts. `unasked` counts the promises that -k, a path and the like left out; `nodes`
    are those of --limit (empty: all), `quick` is --quick.
    """

    inventory: str
    unasked: int = 0
    nodes: Collection[str] = ()
    quick: bool = False

    def part_judged(self, items: Sequence[Judged]) -> str:
        """The part of the promises that `items` are, in words; "" for all of them.

        >>> Scope("mine", unasked=84, nodes=["b", "a"]).part_judged([{"outcome": "holds"}] * 12)
        '12 of 96 promises, on a and b only (--limit)'
        >>> item = {"rule": "backups.are_complete", "reason": "left out by --quick: 3 are new"}
        >>> Scope("mine", quick=True).part_judged([item])
        'without what takes long (--quick): backups.are_complete'
        """
        counted = f"{len(items)} of {count_of(len(items) + self.unasked, 'promise')}" if self.unasked else ""
        limited = f"on {' and '.join(sorted(self.nodes))} only (--limit)" if self.nodes else ""
        skipped = dict.fromkeys(item["rule"] for item in items if item.get("reason", "").startswith(BY_QUICK))
        hurried = "without what takes long (--quick)" + (f": {', '.join(skipped)}" if skipped else "")
        return ", ".join(filter(None, (counted, limited, hurried if self.quick else "")))


def next_command(items: Sequence[Judged], scope: Scope) -> str:
    """The one command to run next, or that what was judged holds.

    >>> next_command([{"outcome": "unknown"}], Scope("./my servers.yml"))
    "next: give the missing access (see the hints), then pytest '--hosts=./my servers.yml'"
    >>> item = {"outcome": "not_applicable", "reason": "what is wrong is on b, outside --limit"}
    >>> next_command([item], Scope("mine"))
    'what is wrong on mine is outside --limit (see above); the rest holds'
    """
    outcomes = {item["outcome"] for item in items}
    named = shlex.quote(f"--hosts={scope.inventory}")
    if "finding" in outcomes:
        return f"next: remediate {named}   (shows what it would do; changes nothing)"
    if "unknown" in outcomes:
        hints = [why["hint"] for item in items for why in item.get("unknown", ())]
        if hints and all(hint.startswith(BUG) for hint in hints):
            return f"next: report the bug (see the hints); nothing is wrong with {scope.inventory}"
        return f"next: give the missing access (see the hints), then pytest {named}"
    return holding_line(items, scope)


def holding_line(items: Sequence[Judged], scope: Scope) -> str:
    """That what was judged holds, and how much that was: "every promise" only where all were asked for."""
    part = scope.part_judged(items)
    warned = ", with warnings" if any(not f["waived"] for item in items for f in item.get("findings", ())) else ""
    waived = ", or is waived," if any(item["outcome"] == "waived" for item in items) else ""
    only = f": {part}" if part else ""
    if any(item.get("reason", "").endswith(OUTSIDE_LIMIT) for item in items):
        return f"what is wrong on {scope.inventory} is {OUTSIDE_LIMIT} (see above); the rest holds{only}"
    what = "what was judged" if part else "every promise that applies"
    return f"{what} holds{waived} on {scope.inventory}{warned}{only}"
