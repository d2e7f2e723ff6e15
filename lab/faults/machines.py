"""Faults of a whole machine: dead, without its Docker engine, or closed to the one who looks after it."""

from lab import compose, nodes, swarm
from lab.engine import Engine
from lab.names import DATA
from lab.shell import wait_until

KILL = 'pid=$(pgrep -x dockerd) || exit 0; kill -KILL $pid; while [ -e "/proc/$pid" ]; do sleep 0.05; done'
DENY = "[ ! -e /etc/sudoers.d/ops ] || mv /etc/sudoers.d/ops /var/lib/ops.sudoers"
ALLOW = "[ ! -e /var/lib/ops.sudoers ] || mv /var/lib/ops.sudoers /etc/sudoers.d/ops"


def freeze(engine: Engine) -> None:
    if nodes.node_states(engine)[DATA.name] == "running":
        engine.ask("pause", DATA.container)


def thaw(engine: Engine) -> None:
    if nodes.node_states(engine)[DATA.name] == "paused":
        engine.ask("unpause", DATA.container)
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
