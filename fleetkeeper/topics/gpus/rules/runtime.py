"""The rule that the engine gives its containers the GPUs of the node, and does not take them away again."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.gpus.facts import Facts, GpuDevice, GpuEngine, Worker
from fleetkeeper.topics.gpus.gpu_members import seen_managers, service_names
from fleetkeeper.topics.gpus.resources import Facts as Resources
from fleetkeeper.topics.gpus.resources import kinds_of
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

NVIDIA = "nvidia"
OWN_GROUPS = frozenset({"cgroupfs", "none"})
"""Cgroup drivers whose groups systemd does not touch."""
LINK_ABOUT = "/dev/char"
LINK_COMMAND = "nvidia-ctk system create-dev-char-symlinks --create-all"
SETTING = '`"node-generic-resources": ["NAME=UUID"]`'
RESTART = "restart the engine when that is convenient: every container of the node stops with it (drain it first)"


def are_given_to_containers(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The engine gives containers the GPUs of its node, by a runtime or as a resource, and they keep them.

    A service of a swarm cannot name a runtime or a device: only the engine's default runtime, `nvidia`, gives its tasks
    a GPU; a service that reserves a generic resource runs nowhere unless the engine offers that. A container that has
    opened the device proves that it gets there, by whatever way. Where control groups are systemd's, `systemctl
    daemon-reload`, which every installation of a package does, takes devices away that have no link in /dev/char: from
    then on "Failed to initialize NVML: Unknown Error", until the task is started again. Unknown where the engine does
    not answer, in a swarm of which no manager was seen, and outside of a swarm while nothing that
    needs a GPU runs. Source: docs/runbook.md, "GPUs";
    https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/troubleshooting.html.
    """
    facts = fleet.of(subject.name, Facts)
    engine = raise_if_unobservable(facts.engine, subject.name)
    if engine.kind == "absent":
        raise NotApplicable("there is no Docker engine")
    if engine.kind == "podman":
        raise Unobservable("Podman answers there: how it gives devices is not known here", node=subject.name)
    yield from judged_runtime(facts, engine, subject.name)
    yield from judged_links(facts, engine, subject.name)
    if engine.in_swarm:
        yield from judged_offers(fleet, subject.name)


def judged_runtime(facts: Facts, engine: GpuEngine, node: str) -> Iterator[Finding | Unobservable]:
    """A finding where nothing gives a task a GPU; nothing where one has it, or the default runtime is NVIDIA's."""
    if engine.default_runtime == NVIDIA or any(map(has_device, reached(facts))):
        return
    unknown = NVIDIA not in engine.runtimes
    if isinstance(facts.workers, Unobservable):
        yield facts.workers
    elif engine.in_swarm:
        ours = one_line(engine.default_runtime) or "not known"
        yield Finding(
            saw=f"the default runtime is {ours}" + (", and the engine knows none called nvidia" if unknown else ""),
            want="`nvidia` as the default runtime",
            why="a swarm has no other way to give a task a GPU",
            node=node,
            hint=f"`nvidia-ctk runtime configure --runtime=docker --set-as-default`, then {RESTART}",
        )
    elif unknown:
        why = "the engine knows no runtime called nvidia; whether containers get the GPU otherwise shows when one runs"
        yield Unobservable(why, node=node)


def reached(facts: Facts) -> tuple[Worker, ...]:
    """The containers that answered; empty where they could not be asked."""
    return () if isinstance(facts.workers, Unobservable) else facts.workers


def has_device(worker: Worker) -> bool:
    """Whether a container has opened the driver's device."""
    return any(device.path == "/dev/nvidiactl" and not device.error for device in worker.devices)


def judged_links(facts: Facts, engine: GpuEngine, node: str) -> Iterator[Finding | Unobservable]:
    """A finding where systemd keeps the control groups, and devices have no link in /dev/char.

    A warning where they have one that nothing makes again after a boot, an Unobservable where it is not known who keeps
    the control groups.
    """
    missing = [device for device in facts.devices if not device.linked]
    passing = [device for device in facts.devices if not device.registered]
    if engine.cgroup_driver in OWN_GROUPS or not (missing or (passing and not facts.linking_rules)):
        return
    if engine.cgroup_driver != "systemd":
        driver = one_line(engine.cgroup_driver)[:60] or "not said"
        yield Unobservable(f"the engine's cgroup driver is {driver}: whether devices are kept is not known", node=node)
        return
    those = missing or passing
    verb = "has" if len(those) == 1 else "have"
    yield Finding(
        saw=f"{devices_in_words(those)} "
        + (f"{verb} no link in /dev/char" if missing else "lose their links in /dev/char at the next boot"),
        want="a link for each device of the driver" + ("" if missing else ", after each boot"),
        why="`systemctl daemon-reload`, which installing any package does, takes one without it from all containers",
        node=node,
        about=LINK_ABOUT,
        severity="error" if missing else "warning",
        hint=f"`{LINK_COMMAND}`, and a rule of udev that runs it after each boot",
    )


def devices_in_words(devices: list[GpuDevice]) -> str:
    """At most three devices with their numbers, and how many more there are."""
    names = ", ".join(f"{one_line(device.path)} ({one_line(device.number)})" for device in devices[:3])
    return names + (f" and {len(devices) - 3} more" if len(devices) > 3 else "")


def judged_offers(fleet: Fleet, node: str) -> Iterator[Finding | Unobservable]:
    """A finding for each declared service that reserves a kind of resource that no member of the swarm offers.

    Nothing where another node offers it, an Unobservable without a manager.
    Raises Unobservable where what a manager says of resources was not seen.
    """
    names = service_names(fleet)
    here = fleet.of(node, Services).node_id
    for manager, swarm in seen_managers(fleet):
        if here not in {member.id for member in swarm.members}:
            continue
        resources = fleet.of(manager, Resources)
        for key, name in names.items():
            lacking = sorted(set(resources.reserved.get(name, {})) - kinds_of(resources.offered.values()))
            if lacking:
                yield not_offered(key, lacking, node)
        return
    if names:
        yield Unobservable("no manager of its swarm was seen: what its services reserve is not known", node=node)


def not_offered(service: str, kinds: list[str], node: str) -> Finding:
    """The finding that no member offers what a service reserves."""
    named = ", ".join(map(one_line, kinds))
    return Finding(
        saw=f"{service} reserves {named}, which no member of the swarm offers",
        want=f"`node-generic-resources` with {named} in the engine's settings",
        why="its tasks wait for ever: insufficient resources",
        node=node,
        about=service,
        hint=f"{SETTING} in /etc/docker/daemon.json, with the name and each UUID of `nvidia-smi -L`, then {RESTART}",
    )
