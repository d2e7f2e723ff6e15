"""While something else that is scheduled removes dumps, thinning removes nothing."""

from __future__ import annotations

from fleetkeeper.topics.backups.policy import Policy
from remediate.plan import ForAPerson
from remediate.remedies.backups.thinning import held_back, removable_backups
from tests.example_fleets.schedules import ROOT, RUNBOOK, Machine, crontab_with_entry, schedule_fleet


def test_nothing_is_thinned_while_a_line_of_cron_removes_dumps():
    find = "find /var/lib/docker/volumes/rodan_pg_backup/_data -mtime +30 -delete"
    seen = schedule_fleet(Machine(crontab_with_entry(f"{RUNBOOK}\n5 5 * * * {find}")))
    policy = seen.inventory.section(Policy)
    held = held_back(seen, policy)
    assert isinstance(held, ForAPerson)
    assert f"{ROOT}:3 on vgpu removes dumps, too, with `find`" in held.why
    assert removable_backups(seen, policy) == ()
