"""Looks at a small swarm with one GPU. No machine with a GPU made them: the texts are those of NVIDIA's documentation
and of reports by others (container toolkit, issues 48 and 1227), put together by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.gpus import resources
from fleetkeeper.topics.gpus.facts import Facts, GpuDevice, GpuEngine, OpenedDevice, SmiAnswer, Worker
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService, Task

OLDER = """
nodes:
  manager: {address: manager.example.org, sudo: true}
  vgpu: {address: vgpu.example.org, sudo: true}
services: {gpu-celery: {name: rodan_gpu-celery}}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = OLDER + "gpus: {nodes: [vgpu], services: [gpu-celery], label: {queue: GPU}}\n"
UUID = "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77"
LISTED = f"GPU 0: NVIDIA A100-SXM4-40GB (UUID: {UUID})"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.90"
NVML_UNKNOWN = "Failed to initialize NVML: Unknown Error"
ID = "4f" * 32
DEVICES = (GpuDevice("/dev/nvidia0", "195:0", linked=True), GpuDevice("/dev/nvidiactl", "195:255", linked=True))
REACHES = Worker(ID, (OpenedDevice("/dev/nvidiactl"), OpenedDevice("/dev/nvidia-uvm")), SmiAnswer(0, LISTED))
SOUND = Facts(
    module="535.183.01",
    libraries=("535.183.01",),
    module_file="535.183.01",
    kernel="6.1.0-28-amd64",
    devices=DEVICES,
    smi=SmiAnswer(0, LISTED),
    ctk="/usr/bin/nvidia-ctk",
    udev=True,
    linking_rules=("/etc/udev/rules.d/71-nvidia-dev-char.rules",),
    engine=GpuEngine("docker", ("nvidia", "runc"), "nvidia", "systemd", in_swarm=True),
    workers=(REACHES,),
)
MANAGER = Member("m1", "manager", "manager")
VGPU = Member("w1", "vgpu", labels={"queue": "GPU"})
SERVICE = SwarmService("s1", "rodan_gpu-celery", constraints=("node.labels.queue == GPU",))
RUNS = Task("rodan_gpu-celery", "vgpu", "running", "running")
WAITS = Task("rodan_gpu-celery", "", "running", "pending", "no suitable node (scheduling constraints not satisfied)")
LABELS = {"com.docker.swarm.service.name": "rodan_gpu-celery", "com.docker.swarm.task.id": "task1"}
CONTAINER = Container(ID, "rodan_gpu-celery.1.x", labels=LABELS, pid=4711)
WORLD: Mapping[tuple[str, str], Any] = {
    ("manager", "services"): Services("manager", "m1", (MANAGER, VGPU), (SERVICE,), (RUNS,)),
    ("vgpu", "services"): Services("worker", "w1"),
    ("manager", "containers"): Containers("present"),
    ("vgpu", "containers"): Containers("present", (CONTAINER,)),
    ("manager", "gpu_resources"): resources.Facts(),
    ("vgpu", "gpu_resources"): resources.Facts(),
    ("vgpu", "gpus"): SOUND,
}


def gpu_fleet(changes: Mapping[tuple[str, str], Any] | None = None, written: str = ASKED) -> Fleet:
    """A look at the swarm in which nothing is wrong, with other facts by node and topic."""
    inventory = load_inventory(Path("mine.yml"), written)
    return Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), {**WORLD, **(changes or {})})


def with_gpu(**changed: Any) -> Fleet:
    """The look with other fields in what was seen of the GPU's node."""
    return gpu_fleet({("vgpu", "gpus"): replace(SOUND, **changed)})


def device_lost(error: str = "Operation not permitted") -> Fleet:
    """The look at a container that may not open its device."""
    devices = (OpenedDevice("/dev/nvidiactl", error), OpenedDevice("/dev/nvidia-uvm"))
    return with_gpu(workers=(Worker(ID, devices, SmiAnswer(255, NVML_UNKNOWN)),))


def with_swarm(written: str = ASKED, **changed: Any) -> Fleet:
    """The look with other fields in what the manager says of the swarm."""
    seen = replace(WORLD["manager", "services"], **changed)
    running = any(task.state == "running" for task in seen.tasks)
    containers = WORLD["vgpu", "containers"] if running else Containers("present")
    return gpu_fleet({("manager", "services"): seen, ("vgpu", "containers"): containers}, written)


def with_resources(offered: dict[str, dict[str, int]], reserved: dict[str, int], **changed: Any) -> Fleet:
    """The look with what members offer, and with what a task of the service reserves."""
    seen = resources.Facts(offered, {"rodan_gpu-celery": reserved}, tuple(offered), {"m1": "20.10.24"})
    service = replace(SERVICE, **changed)
    swarm = replace(WORLD["manager", "services"], services=(service,))
    return gpu_fleet({("manager", "gpu_resources"): seen, ("manager", "services"): swarm})


INFO: Mapping[str, Any] = {
    "ServerVersion": "27.5.1",
    "Runtimes": {"io.containerd.runc.v2": {"path": "runc"}, "nvidia": {"path": "nvidia-container-runtime"}, "runc": {}},
    "DefaultRuntime": "nvidia",
    "CgroupDriver": "systemd",
    "Swarm": {"LocalNodeState": "active"},
}


def engine_output(info: Mapping[str, Any] = INFO) -> bytes:
    """What the look at the engine prints, its part about `docker info` alone."""
    return f"=info\n {json.dumps(info)}\n=end\n".encode()
