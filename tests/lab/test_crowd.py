"""A node with 200 containers: two round trips, and less than twice the work for it of one `docker inspect` of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics import containers, engine, swarm
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.pool import Links
from tests.lab.conftest import ROOT, Lab

CROWD = 200
START = """
seq "$1" | xargs -P 4 -I{} docker run --detach --name crowd-{} --network none --user 33 --log-driver none \\
  --security-opt no-new-privileges fleetkeeper-lab/web:1 sleep 86400 >/dev/null
"""
STOP = "docker rm --force $(docker ps -aq --filter name=crowd-) >/dev/null 2>&1 || :"
CPU = """
cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null ||
  awk '/^usage_usec/ { print $2 "000" }' /sys/fs/cgroup/cpu.stat
"""
INSPECT = Command(("sh", "-c", "docker ps -aq --no-trunc | xargs docker inspect", "inspect"), sudo=True)


class Counting:
    """A link that counts round trips."""

    def __init__(self, link) -> None:
        self.link, self.trips = link, 0

    def ask(self, commands: Sequence[Command], *room: int) -> list[Output]:
        self.trips += 1
        return self.link.ask(commands, *room)


def least_cpu_seconds(lab: Lab, *works: Callable[[], object]) -> list[float]:
    """The node's CPU seconds for each work: the least of eight in turn, since the node has other things to do too."""
    rounds = [[cpu_seconds_once(lab, work) for work in works] for _ in range(8)]
    return [min(column) for column in zip(*rounds, strict=True)]


def cpu_seconds_once(lab: Lab, work: Callable[[], object]) -> float:
    before = int(lab.on("data", "sh", "-c", CPU))
    work()
    return (int(lab.on("data", "sh", "-c", CPU)) - before) / 1e9


@pytest.mark.long
def test_a_crowd_of_containers_is_seen_in_two_round_trips_at_the_cost_of_inspecting_them(lab: Lab) -> None:
    node = lab.node("data").container
    lab.engine.ask("exec", node, "sh", "-c", STOP, limit=300)
    try:
        lab.engine.ask("exec", node, "sh", "-c", START, "sh", str(CROWD), limit=500)
        inventory = load_inventory(ROOT / "inventories/lab.yml")
        with Links(inventory) as links:
            link = Counting(links.to(inventory.nodes["data"]))
            looked = {"containers": containers.observe.observe(inventory.nodes["data"], inventory)}
            facts = drive_in_lockstep(looked, link)["containers"]
            assert len(facts.containers) >= CROWD
            assert all(isinstance(container.processes, tuple) for container in facts.containers)
            assert link.trips == 2
            node_of_data = inventory.nodes["data"]
            inspecting, looking = least_cpu_seconds(
                lab,
                lambda: link.ask([INSPECT]),
                lambda: drive_in_lockstep({"c": containers.observe.observe(node_of_data, inventory)}, link),
            )
        assert looking <= 1.8 * inspecting, f"a look {looking:.2f} s of the node's CPU, inspecting {inspecting:.2f} s"
    finally:
        lab.engine.ask("exec", node, "sh", "-c", STOP, limit=300)


@pytest.mark.long
def test_the_benchmark_costs_less_than_four_times_as_much_as_asking_the_engine_itself(lab: Lab) -> None:
    node = lab.node("data").container
    lab.engine.ask("exec", node, "sh", "-c", STOP, limit=300)
    try:
        lab.engine.ask("exec", node, "sh", "-c", START, "sh", str(CROWD), limit=500)
        inventory = load_inventory(ROOT / "inventories/lab.yml")
        node_of_data = inventory.nodes["data"]
        info = Command(("docker", "info"), sudo=True)
        with Links(inventory) as links:
            link = Counting(links.to(node_of_data))

            def look() -> None:
                topics = {"containers": containers, "engine": engine, "swarm": swarm}
                looked = {name: topic.observe.observe(node_of_data, inventory) for name, topic in topics.items()}
                drive_in_lockstep(looked, link)

            look()
            assert link.trips == 2
            inspecting, looking = least_cpu_seconds(lab, lambda: link.ask([INSPECT, info]), look)
        assert looking <= 4 * inspecting, f"a look {looking:.2f} s of the node's CPU, asking alone {inspecting:.2f} s"
    finally:
        lab.engine.ask("exec", node, "sh", "-c", STOP, limit=300)
