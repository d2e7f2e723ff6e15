"""The generic resources of a swarm, as its managers have them: what members offer, and what services reserve of it.

They are in what the topic `services` asks of a manager anyway: asked by both, it runs once.
Source: https://docs.docker.com/reference/cli/dockerd/#node-generic-resources; Engine API (NodeInspect, ServiceInspect).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json
from fleetkeeper.readers.json_documents import Json, flag_in, json_documents, mapping, part, parts, text_in
from fleetkeeper.readers.numbers import number_in
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.services.observe import inspect_swarm
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

Amounts = dict[str, int]
"""How many there are of each kind of generic resource."""


@dataclass(frozen=True)
class Facts:
    """One manager of a swarm; empty on every other node.

    `offered` are the resources of members, by the member's id, `reserved` those that one task of a service takes, by
    the service's name. `named` are the ids of members whose resources have names of their own (UUIDs of GPUs).
    `engines` are the versions of the managers' engines, by the member's id.
    """

    topic: ClassVar[str] = "gpu_resources"
    offered: dict[str, Amounts] = field(default_factory=dict)
    reserved: dict[str, Amounts] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    engines: dict[str, str] = field(default_factory=dict)


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip. Raises NotApplicable for an inventory that does not ask for GPUs.

    Raises Unobservable when the engine did not answer completely.
    """
    inventory.section(Policy)
    [answer] = yield [inspect_swarm()]
    return Facts() if answer.rc == ABSENT else parse(inspection_json(answer))


def parse(printed: str) -> Facts:
    """The facts from the documents of the look at the swarm: its state, volumes, certificate, members and services.

    Raises Unobservable for a document of another shape.
    """
    documents = list(json_documents(printed, "the engine"))
    if not documents or not flag_in(mapping(documents[0], "swarm"), "ControlAvailable"):
        return Facts()
    if len(documents) < 5:
        raise Unobservable("the engine's answer about members and services was cut short")
    members, services = (parts({"listed": document}, "listed") for document in documents[3:5])
    offered = {text_in(member, "ID"): amounts_in(part(part(member, "Description"), "Resources")) for member in members}
    return Facts(
        {member: amounts for member, amounts in offered.items() if amounts},
        {name: amounts for name, amounts in map(reserved_by, services) if amounts},
        tuple(name for name in map(named_resources, members) if name),
        dict(engine_version(member) for member in members if part(member, "ManagerStatus")),
    )


def reserved_by(service: Json) -> tuple[str, Amounts]:
    """The name of a service, and what one of its tasks reserves of generic resources."""
    spec = part(service, "Spec")
    task = part(part(spec, "TaskTemplate"), "Resources")
    return text_in(spec, "Name"), amounts_in(part(task, "Reservations"))


def amounts_in(resources: Json) -> Amounts:
    """How many there are of each kind: named ones are counted, discrete ones added.

    >>> uuid = {"NamedResourceSpec": {"Kind": "gpu", "Value": "GPU-7af7a99b"}}
    >>> amounts_in({"GenericResources": [uuid, uuid, {"DiscreteResourceSpec": {"Kind": "ssd", "Value": 3}}]})
    {'gpu': 2, 'ssd': 3}
    """
    amounts: Counter[str] = Counter()
    for resource in parts(resources, "GenericResources"):
        named, discrete = part(resource, "NamedResourceSpec"), part(resource, "DiscreteResourceSpec")
        if named:
            amounts[text_in(named, "Kind")] += 1
        if discrete:
            amounts[text_in(discrete, "Kind")] += number_in(discrete, "Value")
    return dict(amounts)


def engine_version(member: Json) -> tuple[str, str]:
    """The id of a member, and the version of its engine."""
    return text_in(member, "ID"), text_in(part(part(member, "Description"), "Engine"), "EngineVersion")


def named_resources(member: Json) -> str:
    """The id of a member whose resources have names of their own; empty for any other."""
    resources = parts(part(part(member, "Description"), "Resources"), "GenericResources")
    return text_in(member, "ID") if any(part(resource, "NamedResourceSpec") for resource in resources) else ""


def kinds_of(amounts: Iterable[Amounts]) -> set[str]:
    """The kinds of resource in several amounts."""
    return {kind for each in amounts for kind in each}
