"""What was seen of the GPUs of one node: driver, library, devices, engine, and the tasks that should use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class SmiAnswer:
    """What `nvidia-smi -L` answered: its exit status and the beginning of what it printed."""

    rc: int
    text: str = ""


@dataclass(frozen=True)
class GpuDevice:
    """A character device of the driver. `number` is MAJOR:MINOR; `linked`: /dev/char has it under that number.

    `registered`: /sys/dev/char has it, so that udev makes the link by itself.
    """

    path: str
    number: str
    linked: bool
    registered: bool = False


@dataclass(frozen=True)
class OpenedDevice:
    """A device that was opened inside a container; `error` is the kernel's word for why not, empty when it opened."""

    path: str
    error: str = ""


@dataclass(frozen=True)
class Worker:
    """One container of a service that needs a GPU, by its full id, as it answered.

    `smi` is None in a container without nvidia-smi, and an Unobservable where it could not be asked.
    """

    container: str
    devices: tuple[OpenedDevice, ...] = ()
    smi: SmiAnswer | Unobservable | None = None


@dataclass(frozen=True)
class GpuEngine:
    """What `docker info` says about how containers get devices. `kind` is "absent" without an engine."""

    kind: Literal["docker", "podman", "absent"]
    runtimes: tuple[str, ...] = ()
    default_runtime: str = ""
    cgroup_driver: str = ""
    in_swarm: bool = False


@dataclass(frozen=True)
class Facts:
    """One node that has GPUs by the inventory.

    `module` is the version of NVIDIA's kernel module that is loaded, empty without one; `libraries` are the versions of
    libnvidia-ml that were found, `module_file` the version of the module's file for the kernel that runs (`kernel`),
    empty without one and None where `modinfo` did not say. `foreign`: it has a GPU of another maker. `smi` is None
    without nvidia-smi, and an Unobservable where that did not answer in time. `ctk` is the path of nvidia-ctk, empty
    without it. `udev`: udev runs there. `linking_rules` are udev's rules that make links in /dev/char.
    `workers` is an Unobservable where containers could not be asked.
    """

    topic: ClassVar[str] = "gpus"
    module: str = ""
    libraries: tuple[str, ...] = ()
    module_file: str | None = None
    kernel: str = ""
    foreign: bool = False
    devices: tuple[GpuDevice, ...] = ()
    smi: SmiAnswer | Unobservable | None = None
    ctk: str = ""
    udev: bool = False
    linking_rules: tuple[str, ...] = ()
    engine: GpuEngine | Unobservable = GpuEngine("absent")
    workers: tuple[Worker, ...] | Unobservable = ()
