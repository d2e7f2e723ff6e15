"""Schedules: the backup runs where the database runs, cron is alive, and backups appear when they are due."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.schedules.rules import entries, evidence, failure


@promise(entries.backup_runs_where_postgres_runs)
def test_backup_runs_where_postgres_runs(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(failure.backup_tells_failure)
def test_backup_tells_failure(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(entries.cron_is_active)
def test_cron_is_active(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(evidence.backups_appeared)
def test_backups_appeared(verdict: JudgedPromise) -> None:
    assert verdict.holds
