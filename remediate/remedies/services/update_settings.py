"""Ending a change of a service that was killed: its tasks are watched, and it has its own update settings again."""

from __future__ import annotations

from datetime import timedelta

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.services.facts import SwarmService
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies.containers.compose_instructions import for_a_person
from remediate.remedies.services.swarm_spec import manager_and_service
from remediate.steps import GiveSettingsBack

SETTLE = timedelta(seconds=20)
SETTLE_WITHOUT_HEALTHCHECK = timedelta(seconds=60)
STOPPED = ("paused", "rollback_paused", "rollback_started")


def give_settings_back(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Watch the tasks of a service whose change was killed, then give it its own update settings back.

    Settings that somebody has set since are newer and stay. Not while the swarm has stopped an update of it: with
    settings of its own it would go on, and perhaps start first.
    Disturbs: nothing, no task is restarted. Way back: none, the settings are its own.

    A person must act while the swarm has stopped an update of it. Raises Unobservable when no manager knows the
    service, or one was not seen.
    """
    service = placement.service_of(fleet, finding.subject)
    manager, swarm_service = manager_and_service(fleet, service.name)
    if swarm_service is None:
        raise Unobservable(f"no manager knows {service.name} any more")
    if swarm_service.update_state in STOPPED:
        return for_a_person(
            f"an update of {swarm_service.name} is {swarm_service.update_state}: with its own settings it would go on",
            "`remediate undo` the run that changed it (`remediate log`), or end that update (`docker service update`)",
        )
    settle = (service.settle or usual_duration(swarm_service)).total_seconds()
    return Plan(
        steps=(GiveSettingsBack(manager, swarm_service.name, settle),),
        undo="there is none: these are the service's own settings",
        success=f"its tasks run for {settle:.0f} s; then no label is left, on a fresh look",
    )


def usual_duration(service: SwarmService) -> timedelta:
    """How long new tasks are watched when the inventory does not say: longer without a health check."""
    return SETTLE if service.has_healthcheck else SETTLE_WITHOUT_HEALTHCHECK
