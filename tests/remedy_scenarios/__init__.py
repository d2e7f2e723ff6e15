"""For each remedy a small scenario that needs it: a tree of files with programs that act on it, looked at as it is.

Rules and remedies are the real ones, and so are the plans, the engine, the journal and the lock. A scenario says only
what a look at its tree sees, so that a plan can be made for whatever state a killed run has left.
"""

from __future__ import annotations

from remediate.remedies import REMEDIES
from tests.remedy_scenarios import cron, dumps, gpu_nodes, queue_consumers, sites, users
from tests.remedy_scenarios.base import Scenario, ScenarioRun, begin_scenario

SCENARIOS: tuple[type[Scenario], ...] = (
    cron.CronStopped,
    cron.CronElsewhere,
    dumps.Stale,
    dumps.StaleAndFull,
    dumps.OnePlaceOnly,
    dumps.Backups,
    dumps.OverBudget,
    users.RootContainer,
    users.CarelessService,
    users.SettingsLent,
    gpu_nodes.LabelLost,
    gpu_nodes.Unlinked,
    gpu_nodes.DeviceLost,
    queue_consumers.ConsumerCancelled,
    queue_consumers.WorkerFrozen,
    sites.Site,
    sites.AccountLost,
    sites.WrongName,
    sites.NotReloaded,
    sites.Unscheduled,
    sites.NoHook,
    sites.NotIssued,
    sites.OnlyTheAccountLost,
)
"""Each remedy in each shape that its plans have."""

LONGEST = {sites.AccountLost, sites.WrongName, users.CarelessService}
SAMPLE = {users.RootContainer, sites.NoHook, sites.NotReloaded, dumps.OnePlaceOnly}
"""A scenario for each kind of step: a service, a file, a command, a copy. The others are played with --all too."""


def remedies_without_a_scenario() -> set[str]:
    """Names of remedies that no scenario needs: a new remedy shows up here until it has one."""
    played = {REMEDIES[scenario.rule] for scenario in SCENARIOS}
    return {remedy.__name__ for remedy in REMEDIES.values() if remedy not in played}


__all__ = [
    "LONGEST",
    "SAMPLE",
    "SCENARIOS",
    "Scenario",
    "ScenarioRun",
    "begin_scenario",
    "remedies_without_a_scenario",
]
