"""Our look and nothing else: `python -m benchmarks.looking INVENTORY` prints its wall seconds, without imports.

Connecting, asking, reading the answers and judging them, as `pytest --hosts=INVENTORY` does; pytest is left out.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.audit import closing_progress, no_progress
from fleetkeeper.judging.verdicts import Outcome, judge_rules
from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.topics.registry import load_inventory, observers_in, rules_in
from fleetkeeper.transport.pool import Links


def main(path: Path) -> float:
    """Seconds. Raises SystemExit when not every promise holds."""
    inventory = load_inventory(path)
    with Links(inventory) as links:
        assert links.routes  # its import is not part of a look
        begun = time.monotonic()
        fleet = look_at_fleet(
            inventory,
            links.to,
            observers_in(inventory.custom_topics),
            datetime.now(UTC),
            closing_progress(links, no_progress),
        )
        verdicts = judge_rules(rules_in(inventory.custom_topics).values(), fleet)
        took = time.monotonic() - begun
    broken = [judged for judged in verdicts if judged.outcome is not Outcome.HOLDS]
    if broken:
        raise SystemExit(f"{len(broken)} of {len(verdicts)} promises do not hold, the first: {broken[0]}")
    return took


if __name__ == "__main__":
    print(f"{main(Path(sys.argv[1])):.4f}")  # noqa: T201
