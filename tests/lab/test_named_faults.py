"""Faults that only a person mends: the rule that names each, in its own words, and holds again after the mend.

Those that do not hide each other are broken together: an audit of them all takes as long as of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lab import faults, setup
from lab.faults import schedules
from lab.names import BACKUPS, VGPU
from tests.lab.conftest import Lab, rules_ending_so

pytestmark = pytest.mark.long
NAMED = {
    "backup-foreign": ("backups.hold_the_live_tables", "it holds none of the 6 tables"),
    "share-unmounted": ("backups.lie_on_a_lasting_disk", "a mount point of /etc/fstab: nothing is mounted there"),
    "backup-sidecar": ("backups.only_one_thing_deletes", "pgbackups removes dumps, too, with `BACKUP_KEEP_DAYS`"),
    "database-forgotten": ("backups.cover_every_database", "postgres runs as ledger"),
    "member-paused": ("services.can_run_on_every_member", "it takes no tasks (paused)"),
    "member-unlisted": (
        "services.can_run_on_every_member",
        "stray is a member of the swarm that the inventory does not",
    ),
    "second-deleter": ("backups.only_one_thing_deletes", f"{schedules.DELETER}:1 removes dumps, too, with `find`"),
    "cron-guarded": ("schedules.backup_runs_where_postgres_runs", "[ -e /srv/rodan/backups-are-on ]"),
    "account-expired": ("schedules.backup_runs_where_postgres_runs", "PAM refuses root to cron"),
    "consumer-cancelled": ("queues.are_consumed", "nobody consumes GPU"),
    "queue-typo": ("queues.are_consumed", "in queues that are not declared: gpu (3)"),
    "queue-backlog": ("queues.move", "jobs wait in celery"),
    "worker-frozen": ("queues.answer", "consumes GPU and does not answer"),
    "database-frozen": ("backups.database_answers", "the database runs and takes no connection"),
    "crash-loop": ("services.are_running", "ended by itself"),
    "changed-by-hand": (
        "services.are_deployed_as_declared",
        "rodan_celery: CELERY_BROKER_URL has another value, LAB_CHANGED_BY_HAND is not in the file",
    ),
    "gpu-label-lost": ("gpus.are_where_the_service_may_run", "vgpu lacks the label queue=GPU"),
    "gpu-device-denied": ("gpus.reach_the_worker", "cannot open /dev/nvidiactl: Operation not permitted"),
    "gpu-driver-mismatch": ("gpus.have_a_driver", "the loaded driver is 535.183.01, the library 550.90.07"),
}
"""For each fault the rule that names it, and words of its finding."""
WARNED = {"second-deleter", "member-unlisted", "backup-sidecar"}
"""Those that are told as a warning, which fails no audit."""
TOGETHER = (
    ("backup-foreign", "share-unmounted", "database-forgotten", "member-paused", "second-deleter", "cron-guarded"),
    ("account-expired", "crash-loop", "member-unlisted"),
    ("database-frozen", "changed-by-hand", "backup-sidecar"),
    ("consumer-cancelled", "queue-typo", "queue-backlog"),
    ("worker-frozen",),
    ("gpu-device-denied", "gpu-driver-mismatch"),
    ("gpu-label-lost",),
)


def texts_of(results: dict[str, Any], rule: str, severity: str) -> list[str]:
    """What the findings of a rule saw, of this severity."""
    findings = [finding for item in results["items"] if item["rule"] == rule for finding in item["findings"]]
    return [finding["saw"] for finding in findings if finding["severity"] == severity]


@pytest.mark.parametrize("names", TOGETHER, ids=" ".join)
def test_a_fault_is_named_by_its_rule_and_no_more_after_the_mend(
    broken: Callable[..., Lab], names: Sequence[str]
) -> None:
    lab = broken(*names)
    results = lab.audit()
    for name in names:
        rule, words = NAMED[name]
        texts = texts_of(results, rule, "warning" if name in WARNED else "error")
        assert any(words in text for text in texts), (name, texts, results["said"])
    assert rules_ending_so(results, "finding") >= {NAMED[name][0] for name in names if name not in WARNED}
    for name in reversed(names):
        faults.mend(lab.engine, name)
    mended = lab.audit()
    assert rules_ending_so(mended, "finding", "unknown") == set(), mended["said"]
    assert {name: texts_of(mended, NAMED[name][0], "warning") for name in names} == {name: [] for name in names}


def test_every_fault_that_is_named_is_tried() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(NAMED)


def test_while_something_else_deletes_dumps_none_is_removed(broken: Callable[..., Lab]) -> None:
    lab = broken("volume-over-budget", "second-deleter")
    files = lab.on("data", "ls", BACKUPS)
    held = lab.remediate("--only", "backups.are_thinned", "--fix", "--yes", "--allow", "delete")
    assert held.status == 1, held.said
    assert lab.on("data", "ls", BACKUPS) == files
    assert schedules.DELETER in held.said


def test_beside_a_sidecar_that_may_make_the_dumps_no_entry_is_added_and_none_is_removed(
    broken: Callable[..., Lab],
) -> None:
    lab = broken("cron-missing", "volume-over-budget", "backup-sidecar")
    files, crontab = lab.on("data", "ls", BACKUPS), setup.root_crontab(lab.engine, VGPU)
    results = lab.audit()
    assert "schedules.backup_runs_where_postgres_runs" in rules_ending_so(results, "unknown"), results["said"]
    assert "pgbackups may make the backups by itself" in results["said"]
    held = lab.remediate("--fix", "--yes", "--allow", "delete,restart")
    assert held.status != 0, held.said
    assert "pgbackups" in held.said
    assert lab.on("data", "ls", BACKUPS) == files
    assert setup.root_crontab(lab.engine, VGPU) == crontab
