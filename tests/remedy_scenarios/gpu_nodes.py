"""Scenarios in which a node with a GPU has lost its label, or its devices have no links in /dev/char."""

from __future__ import annotations

from dataclasses import replace

from fleetkeeper.looking.fleet import Fleet
from tests.example_fleets import gpu_swarm
from tests.remedy_scenarios.base import Scenario


class LabelLost(Scenario):
    rule, nodes = "gpus.are_where_the_service_may_run", ("manager", "vgpu")

    def build(self) -> None:
        self.write("manager", "labels", "disk=ssd\n")
        self.write("manager", "state", "active ready\n")

    def fleet(self) -> Fleet:
        lines = self.at("manager", "labels").read_text().split()
        labels = dict(line.split("=") for line in lines)
        tasks = (gpu_swarm.RUNS,) if "queue" in labels else (gpu_swarm.WAITS,)
        return gpu_swarm.with_swarm(members=(gpu_swarm.MANAGER, replace(gpu_swarm.VGPU, labels=labels)), tasks=tasks)


class Unlinked(Scenario):
    rule, nodes, undone = "gpus.are_given_to_containers", ("manager", "vgpu"), False

    def build(self) -> None:
        self.at("vgpu", "etc/udev/rules.d").mkdir(parents=True)

    def fleet(self) -> Fleet:
        linked = self.at("vgpu", "linked").exists()
        rules = tuple(path.name for path in self.at("vgpu", "etc/udev/rules.d").iterdir() if path.suffix == ".rules")
        devices = tuple(replace(device, linked=linked) for device in gpu_swarm.DEVICES)
        return gpu_swarm.with_gpu(devices=devices, linking_rules=rules)


class DeviceLost(Scenario):
    rule, nodes, undone = "gpus.reach_the_worker", ("manager", "vgpu"), False

    def build(self) -> None:
        """Nothing: the task has been started anew once there is a file `started`."""

    def fleet(self) -> Fleet:
        return gpu_swarm.gpu_fleet() if self.at("vgpu", "started").exists() else gpu_swarm.device_lost()
