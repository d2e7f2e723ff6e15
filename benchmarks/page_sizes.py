"""`python -m benchmarks.page_sizes`: how long the page takes, how big it is, and how much memory that costs.

An audit of 10,000 promises (127 nodes by 79 rules), once with a tenth of it broken, once all; and three nodes.
Exits with 1 where a limit is broken: LIMITS says which.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

from fleetkeeper.reports.page.page_file import page_text
from fleetkeeper.topics.registry import RULES

LIMITS = {"three nodes": (2.0, 100_000), "a tenth broken": (4.0, 2_500_000), "all broken": (4.0, 2_500_000)}
"""By case: seconds (twice the goal, for a busy machine) and bytes of the page."""
MEMORY = 250
"""MiB that the process may have taken at its most."""
SEEN = {"looked_at": True, "why": "", "hint": ""}


def large_results(nodes: int, rules: int, every: int) -> Any:
    """The content of a results.json: each rule about each node, of which each `every`th is broken."""
    names = [f"node{number:03}.example" for number in range(nodes)]
    items = [
        judged_promise(rule, node, broken=(index + offset) % every == 0)
        for index, rule in enumerate(list(RULES)[:rules])
        for offset, node in enumerate(names)
    ]
    moment = "2026-11-30T05:30:00+00:00"
    broken = sum(each["outcome"] == "finding" for each in items)
    summary = {"holds": len(items) - broken, "finding": broken, "unknown": 0, "not_applicable": 0, "waived": 0}
    run = {"fleetkeeper": "0.1", "started": moment, "finished": moment, "exit_status": 1, "hosts": "big", "part": ""}
    looked = {"name": "big", "path": "big.yml", "looked_at": moment, "nodes": dict.fromkeys(names, SEEN)}
    return {"schema": 1, "run": run, "inventories": [looked], "summary": summary, "changes": [], "items": items}


def judged_promise(rule: str, node: str, *, broken: bool) -> dict[str, Any]:
    """One promise about one node."""
    finding = {
        "saw": f"{rule.replace('_', ' ')} was broken on {node} in a sentence of usual length", "want": "that it holds",
        "why": "it matters", "node": node, "about": "", "severity": "error", "hint": "mend it", "rule": rule,
        "subject": node, "cis": [], "owner": "", "waived": None,
    }  # fmt: skip
    return {
        "check": f"{rule}[{node}]", "inventory": "big", "rule": rule, "subject": node, "kind": "node", "owner": "",
        "promise": RULES[rule].promise, "outcome": "finding" if broken else "holds",
        "findings": [finding] if broken else [], "unknown": [], "reason": "", "left_out": False,
    }  # fmt: skip


def main() -> None:
    failed = False
    cases = {"three nodes": (3, 60, 10), "a tenth broken": (127, 79, 10), "all broken": (127, 79, 1)}
    for name, shape in cases.items():
        content = large_results(*shape)
        began = time.monotonic()
        size = len(page_text(content, RULES, ()).encode())
        seconds = time.monotonic() - began
        failed |= seconds > LIMITS[name][0] or size > LIMITS[name][1]
        print(f"{name}: {len(content['items'])} promises, {seconds:.2f} s, {size / 1000:.0f} kB")  # noqa: T201
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"memory at its most: {memory} MiB")  # noqa: T201
    sys.exit(failed or memory > MEMORY)


if __name__ == "__main__":
    main()
