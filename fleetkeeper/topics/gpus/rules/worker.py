"""The rule that a task which needs a GPU reaches it: it may open the device, and nvidia-smi lists a GPU in it."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.rules.users import live_containers
from fleetkeeper.topics.gpus.facts import Facts, OpenedDevice, SmiAnswer, Worker
from fleetkeeper.topics.gpus.parse import LATE, RESET
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.gpus.rules.driver import LOST_GPU, MISMATCH, NO_GPU, REBOOT, judged_cards, lists_a_gpu
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line, shown_word

DENIED, MISSING, FORBIDDEN = "Operation not permitted", "No such file or directory", "Permission denied"
DEAD = frozenset({"No such device", "No such device or address", "Input/output error"})
"""What the kernel says of a device whose driver, or GPU, is gone."""
NVML_UNKNOWN = "failed to initialize nvml: unknown error"
"""What nvidia-smi says in a container from whose control group the devices were taken."""
AGAIN = "only a new task gets it back, and a job that runs in the old one is lost"


def reach_the_worker(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every running container of a service that needs a GPU may open the device, and sees a GPU.

    What a container may open is decided by its control group, when it is started and at each reload of systemd: so the
    device is opened in it, by a process like those of the service. `nvidia-smi -L`, where the image has it, must list a
    GPU there. Whether a library computes on it is not seen by this. Unknown where nothing of it runs, where a container
    did not answer within 10 s, or has no shell, and for a container on a node that has no GPU by the inventory. Source:
    docs/runbook.md, "GPUs"; https://github.com/NVIDIA/nvidia-container-toolkit/issues/48.
    """
    service = placement.service_of(fleet, subject.name)
    places, unknown = live_containers(fleet, service)
    for location in places:
        yield from judged_container(fleet, location, service.name)
    yield from unknown


def judged_container(fleet: Fleet, location: Placement, service: str) -> Iterator[Finding | Unobservable]:
    """What is wrong with the way of one container to its GPU; nothing where it has one."""
    try:
        worker = worker_of(fleet, location)
    except Unobservable as why:
        yield why
        return
    refused = [device for device in worker.devices if device.error]
    judged_devices = [refusal_finding(device, location, service) for device in refused if is_needed(device)]
    yield from judged_devices
    if isinstance(worker.smi, Unobservable):
        yield Unobservable(f"{one_line(location.container.name)}: {worker.smi.why}", worker.smi.hint, location.node)
    elif worker.smi is not None and not any(isinstance(each, Finding) for each in judged_devices):
        yield from judged_smi(worker.smi, location, service)


def worker_of(fleet: Fleet, location: Placement) -> Worker:
    """What a container answered. Raises Unobservable where it was not asked, or did not answer in time."""
    name, node = one_line(location.container.name), location.node
    if node not in fleet.inventory.section(Policy).nodes:
        raise Unobservable(f"{name} runs where `gpus` names no GPU, and was not asked", node=node)
    workers = raise_if_unobservable(fleet.of(node, Facts).workers, node)
    for worker in workers:
        if worker.container == location.container.id:
            return worker
    raise Unobservable(f"{name}: {LATE}", RESET, node)


def is_needed(device: OpenedDevice) -> bool:
    """Whether a refused device matters: /dev/nvidia-uvm may be missing, where nothing computes, and not be refused."""
    return device.path != "/dev/nvidia-uvm" or device.error != MISSING


def refusal_finding(device: OpenedDevice, location: Placement, service: str) -> Finding | Unobservable:
    """The finding about a device that could not be opened; an Unobservable for an error that is not known here."""
    name, path = one_line(location.container.name), one_line(device.path)
    restart = f"`docker service update --force {shown_word(service)}` on a manager starts it again: {AGAIN}"
    reasons = {
        DENIED: ("its control group has lost the device, as after `systemctl daemon-reload`", restart),
        MISSING: ("the engine gave it none", f"see gpus.are_given_to_containers; then {restart}"),
        FORBIDDEN: ("its user may not open the device", "let the image's user into the group of the device, or 0666"),
        **dict.fromkeys(DEAD, ("the driver, or the GPU, is gone", RESET)),
    }
    if device.error not in reasons:
        error = one_line(device.error)[:100]
        return Unobservable(f"{name} could not open {path}: {error or 'nothing said'}", node=location.node)
    why, hint = reasons[device.error]
    saw = f"{name} cannot open {path}: {device.error} ({why})"
    return Finding(saw, "a device that it may open", NO_GPU, location.node, location.container.name, hint=hint)


def judged_smi(answer: SmiAnswer, location: Placement, service: str) -> Iterator[Finding | Unobservable]:
    """What nvidia-smi says in a container that may open the device; nothing where it lists a GPU."""
    name, printed = one_line(location.container.name), answer.text.lower()
    first = one_line(answer.text.partition("\n")[0])[:200] or "nothing printed"
    hint = f"`docker service update --force {shown_word(service)}` on a manager starts it again: {AGAIN}"
    if lists_a_gpu(answer):
        yield from judged_cards(answer, location.container.name, location.node)
        return
    if MISMATCH in printed or answer.rc == 18:
        hint = f"see gpus.have_a_driver: {REBOOT}"
    elif answer.rc not in LOST_GPU and answer.rc != 0 and NVML_UNKNOWN not in printed:
        yield Unobservable(f"{name}: nvidia-smi exited {answer.rc}: {first}", node=location.node)
        return
    saw = f"{name} sees no GPU: {first}"
    yield Finding(saw, "a GPU that answers", NO_GPU, location.node, location.container.name, hint=hint)
