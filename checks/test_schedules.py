"""Schedules: the backup runs where the database runs, cron is alive, and backups appear when they are due."""

from fleetkeeper.pytest_plugin import Judged


def test_backup_runs_where_postgres_runs(verdict: Judged) -> None:
    verdict.expect()


def test_cron_is_active(verdict: Judged) -> None:
    verdict.expect()


def test_backups_appeared(verdict: Judged) -> None:
    verdict.expect()
