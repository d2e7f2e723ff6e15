"""The GPUs that `init` sees: nodes with devices of the driver, and the services that a label leads there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fleetkeeper.inventory.survey_results import FoundGpus, FoundService, Machine
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.gpus.policy import LABEL_NAME, LABEL_VALUE
from fleetkeeper.topics.services.constraints import LABEL
from fleetkeeper.topics.services.facts import Facts, Member, SwarmService
from fleetkeeper.topics.services.idle_reasons import managers


def found_gpus(fleet: Fleet, machines: Iterable[Machine], services: Iterable[FoundService]) -> FoundGpus:
    """The nodes with devices, and the services and labels that lead there and nowhere else; empty without a device."""
    with_gpu = {machine.member: machine.node.name for machine in machines if machine.gpu}
    names = tuple(sorted(with_gpu.values()))
    keys = {service.name: service.key for service in services}
    labelled = [led for manager in managers(fleet) for led in led_services(manager, set(with_gpu) - {""})]
    return FoundGpus(
        names,
        tuple(dict.fromkeys(keys[service.name] for service, _ in labelled if service.name in keys)),
        tuple(dict.fromkeys(label for _, label in labelled)),
    )


def led_services(manager: Facts, with_gpu: set[str]) -> Iterator[tuple[SwarmService, tuple[str, str]]]:
    """The services with a constraint on a label that only members with a GPU have, each with that label."""
    for service in manager.services:
        for constraint in service.constraints:
            match = LABEL.fullmatch(constraint.strip())
            label = (match[1], match[2].strip()) if match else ("", "")
            holders = {member.id for member in manager.members if holds(member, label)}
            if holders and holders <= with_gpu and is_proposable(label):
                yield service, label


def holds(member: Member, label: tuple[str, str]) -> bool:
    """Whether a member has a label with this value, for the swarm: without regard to case."""
    return bool(label[0]) and member.labels.get(label[0], "").lower() == label[1].lower()


def is_proposable(label: tuple[str, str]) -> bool:
    """Whether a label can be written into an inventory as it is."""
    patterns = zip((LABEL_NAME, LABEL_VALUE), label, strict=True)
    return all(re.fullmatch(pattern, text, re.ASCII) for pattern, text in patterns)
