"""What the lab looks like now: its machines, its services, and what is broken on purpose."""

from dataclasses import dataclass

from lab import bringup, faults, nodes, swarm
from lab import engine as engines
from lab.engine import Engine
from lab.names import CLONE, NODES
from lab.shell import LabError


@dataclass(frozen=True)
class Status:
    """Lines to print, and whether the lab is up."""

    up: bool
    lines: tuple[str, ...]


def look_at_lab() -> Status:
    engine = engines.find_engine()
    if engine is None:
        return Status(False, ("the lab is down (no Docker engine runs)",))
    owner = engines.owner_of_engine(engine)
    if owner is None:
        return Status(False, ("the lab is down (its Docker engine runs)",))
    lines = [f"the lab of {owner}", *machine_lines(engine), *service_lines(engine)]
    if owner == str(CLONE):
        lines += [f"broken on purpose: {', '.join(faults.broken()) or 'nothing'}"]
    return Status(bringup.is_up(engine), tuple(lines))


def machine_lines(engine: Engine) -> list[str]:
    states = nodes.node_states(engine)
    return [f"  {node.name:<9} {states.get(node.name, 'gone'):<9} ssh ops@127.0.0.1:{node.port}" for node in NODES]


def service_lines(engine: Engine) -> list[str]:
    try:
        return [f"  {name:<18} {count}" for name, count in swarm.service_replicas(engine).items()]
    except LabError:
        return ["  services: manager does not say"]
