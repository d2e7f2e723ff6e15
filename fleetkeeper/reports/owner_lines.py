"""Who owns what is open: a line for each owner, at the end of an audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import count_of

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Judged

SHOWN = 4


def owner_lines(items: Iterable[Judged]) -> Iterator[str]:
    """A line for each owner of what is open or unknown: how much that is, and of which rules. Most first.

    Nothing where the inventory has no `owners`.
    """
    broken: dict[str, list[str]] = defaultdict(list)
    dark: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for finding in item["findings"]:
            if not finding["waived"] and finding.get("owner"):
                broken[finding["owner"]].append(item["rule"])
        for why in item["unknown"]:
            if why.get("owner"):
                dark[why["owner"]].add(f"{item['rule']} {item['subject']}")
    for owner in sorted({*broken, *dark}, key=lambda name: (-len(broken[name]), name)):
        rules = list(dict.fromkeys(broken[owner]))
        more = f" and {len(rules) - SHOWN} more" if len(rules) > SHOWN else ""
        named = f" ({', '.join(rules[:SHOWN])}{more})" if rules else ""
        unknown = count_of(len(dark[owner]), "unknown promise") if dark[owner] else ""
        findings = count_of(len(broken[owner]), "finding") + named if broken[owner] else ""
        yield f"{owner}: {', '.join(filter(None, (findings, unknown)))}"
