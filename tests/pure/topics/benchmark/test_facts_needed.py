"""What `fleetkeeper cis` looks at is all that the rules behind its ids read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.commands.cis import facts_needed, rules_with_ids
from fleetkeeper.judging.verdicts import judge_rules
from tests.recorded_lab import recordings, replayed


@pytest.mark.parametrize("name", recordings()[:4])
def test_the_ids_stand_as_they_do_after_a_look_at_everything(name: str, tmp_path: Path) -> None:
    audit = replayed(name, tmp_path)
    rules = rules_with_ids(audit)
    fleet, needed = audit.fleets[audit.only_inventory().name], facts_needed(rules)
    seen = {key: facts for key, facts in fleet.facts.items() if key[1] in needed}
    assert len(seen) < len(fleet.facts)
    assert judge_rules(rules, replace(fleet, facts=seen)) == judge_rules(rules, fleet)
