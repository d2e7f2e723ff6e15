"""Faults of the GPU of `vgpu`: its label is lost, its worker may not open the device, its library is another's."""

from lab import nodes, swarm
from lab.engine import Engine
from lab.names import MANAGER, VGPU
from lab.shell import wait_until

WORKER = "celery"
DENIED = "c 195 255"
"""A device that no container of the lab may open: nothing in its control group allows it."""
ALLOWED = "c 1 3"
REPLACE = """device=/proc/$(docker inspect --format '{{.State.Pid}}' "$1")/root/dev/nvidiactl && shift &&
rm -f "$device" && mknod -m 666 "$device" "$@"
"""
"""By the node's root: a container of an engine that gives no new privileges may make no device."""
LIBRARY = "/usr/lib/x86_64-linux-gnu"
OLD, NEW = "535.183.01", "550.90.07"
LINK = ': > "$1/libnvidia-ml.so.$2" && ln -sf "libnvidia-ml.so.$2" "$1/libnvidia-ml.so.1"'


def lose_label(engine: Engine) -> None:
    """What a node has lost that left the swarm and joined again; the swarm ends the worker's task at once."""
    if "GPU" in label_of_node(engine):
        nodes.run_on(engine, MANAGER, "docker", "node", "update", "--label-rm", "queue", VGPU.name)
    wait_until(lambda: not swarm.find_service(engine, WORKER), "the worker's task to end", limit=60, every=0.3)


def restore_label(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "docker", "node", "update", "--label-add", *VGPU.labels, VGPU.name)
    swarm.wait_for_services(engine)


def label_of_node(engine: Engine) -> str:
    words = ("docker", "node", "inspect", "--format", "{{json .Spec.Labels}}", VGPU.name)
    return nodes.run_on(engine, MANAGER, *words)


def deny_device(engine: Engine) -> None:
    replace_device(engine, DENIED)


def allow_device(engine: Engine) -> None:
    replace_device(engine, ALLOWED)


def replace_device(engine: Engine, numbers: str) -> None:
    node, container = swarm.home_of_service(engine, WORKER)
    nodes.run_on(engine, node, "sh", "-c", REPLACE, "sh", container, *numbers.split())


def upgrade_library(engine: Engine) -> None:
    nodes.run_on(engine, VGPU, "sh", "-c", LINK, "sh", LIBRARY, NEW)


def downgrade_library(engine: Engine) -> None:
    nodes.run_on(engine, VGPU, "sh", "-c", LINK, "sh", LIBRARY, OLD)
