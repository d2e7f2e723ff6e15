"""The remedy that gives a container which has lost its GPU's devices a new task: nothing else brings them back."""

from __future__ import annotations

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.gpus.facts import SmiAnswer
from fleetkeeper.topics.gpus.rules.worker import DENIED, NVML_UNKNOWN, is_needed, worker_of
from remediate.plan import ForAPerson, Plan
from remediate.remedies.queues.worker_restart import restart_plan

NO_RESTART = "a new task would have no GPU either: what keeps it from its device is mended by people"


def restart_for_the_gpu(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Start the task anew whose control group has lost the GPU's devices, as after `systemctl daemon-reload`.

    Disturbs: it is down until its new task is up (`restart`), and the job that it runs is lost, which is named where
    the section `queues` names its queue; unless its worker answered that it runs none, that needs `interrupt` too. Way
    back: none, a restart cannot be taken back. A person must act where something else is wrong (no device, no right to
    it, a driver that is gone), and where the swarm would not start it there again.

    Raises Unobservable where the container, or the swarm, was not seen.
    """
    places = [
        each
        for each in running_placements(fleet, finding.subject)
        if (each.node, each.container.name) == (finding.node, finding.about) and has_lost_devices(fleet, each)
    ]
    return restart_plan(fleet, places, finding) if places else ForAPerson(NO_RESTART, finding.hint)


def has_lost_devices(fleet: Fleet, placement: Placement) -> bool:
    """Whether a container's control group does not let it open its devices, and nothing else is wrong with them.

    Raises Unobservable where it was not asked.
    """
    worker = worker_of(fleet, placement)
    errors = {device.error for device in worker.devices if device.error and is_needed(device)}
    dark = isinstance(worker.smi, SmiAnswer) and NVML_UNKNOWN in worker.smi.text.lower()
    return errors == {DENIED} or (not errors and dark)
