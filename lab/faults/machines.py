"""Faults of a whole machine: dead, without its Docker engine, or closed to the one who looks after it."""

from lab import compose, disks, nodes, swarm
from lab.engine import Engine
from lab.names import BACKUPS, DATA, MANAGER, VGPU, Node
from lab.shell import wait_until

KILL = 'pid=$(pgrep -x dockerd) || exit 0; kill -KILL $pid; while [ -e "/proc/$pid" ]; do sleep 0.05; done'
DENY = "[ ! -e /etc/sudoers.d/ops ] || mv /etc/sudoers.d/ops /var/lib/ops.sudoers"
ALLOW = "[ ! -e /var/lib/ops.sudoers ] || mv /var/lib/ops.sudoers /etc/sudoers.d/ops"

SHARE = f"backups.lab.example:/rodan {BACKUPS.removesuffix('/_data')} nfs4 defaults 0 0"
"""A mount point above the backups on which nothing is mounted."""
FORGET_MOUNT = 'grep -qxF "$1" /etc/fstab || printf "%s\\n" "$1" >> /etc/fstab'
UNFORGET_MOUNT = 'kept=$(grep -vxF "$1" /etc/fstab || :); printf "%s\\n" "$kept" | sed "/^$/d" > /etc/fstab'

STRAY = Node("stray", 42204, "198.18.42.14")


def freeze(engine: Engine) -> None:
    if nodes.node_states(engine)[DATA.name] == "running":
        engine.ask("pause", DATA.container)


def thaw(engine: Engine) -> None:
    if nodes.node_states(engine)[DATA.name] == "paused":
        engine.ask("unpause", DATA.container)
    wait_until(lambda: nodes.is_awake(engine, DATA), "the Docker engine and sshd of data", limit=60)
    swarm.wait_for_services(engine)


def kill_engine(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", KILL)


def start_engine(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "lab-engine")
    wait_until(lambda: nodes.is_awake(engine, DATA), "the Docker engine of data", limit=60)
    compose.wake_wiki(engine)
    swarm.wait_for_services(engine)


def deny_sudo(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", DENY)


def allow_sudo(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", ALLOW)


def forget_mount(engine: Engine) -> None:
    """Let /etc/fstab promise a share above the backups that is not mounted."""
    nodes.run_on(engine, DATA, "sh", "-c", FORGET_MOUNT, "sh", SHARE)


def drop_mount(engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", UNFORGET_MOUNT, "sh", SHARE)


def pause_member(engine: Engine) -> None:
    set_availability(engine, "pause")


def activate_member(engine: Engine) -> None:
    set_availability(engine, "active")


def set_availability(engine: Engine, availability: str) -> None:
    """Let the swarm start tasks on vgpu, or none any more; those that run there run on."""
    nodes.run_on(engine, MANAGER, "docker", "node", "update", "--availability", availability, VGPU.name)


def join_stray(engine: Engine) -> None:
    """Let a fourth machine join the swarm, with an empty disk of its own."""
    if engine.attempt("inspect", STRAY.container).returncode != 0:
        forget_disk(engine)
        nodes.start_node(engine, STRAY, nodes.public_key())
    joined = nodes.run_on(engine, STRAY, "docker", "info", "--format", "{{.Swarm.LocalNodeState}}").strip()
    if joined != "active":
        swarm.join_swarm(engine, STRAY, swarm.worker_token(engine))


def remove_stray(engine: Engine) -> None:
    """Switch the fourth machine off, and let swarm and disk forget it."""
    engine.attempt("rm", "--force", "--volumes", STRAY.container)
    nodes.attempt_on(engine, MANAGER, "docker", "node", "rm", "--force", STRAY.name)
    forget_disk(engine)


def forget_disk(engine: Engine) -> None:
    """Remove what the engine of the fourth machine has kept: it would know a swarm that forgot it."""
    disks.with_disk(engine, 'rm -rf "/lab/data/nodes/$1"', STRAY.name)
