"""Scenarios in which a worker has been told to take no jobs from its queue, or is frozen."""

from __future__ import annotations

from fleetkeeper.looking.fleet import Fleet
from tests.pure.topics import test_queues as example
from tests.remedy_scenarios.base import Scenario


class ConsumerCancelled(Scenario):
    rule, nodes = "queues.are_consumed", ("manager", "vgpu")

    def build(self) -> None:
        """Nothing: the worker takes jobs while there is a file `consumes`."""

    def fleet(self) -> Fleet:
        return example.fleet_of() if self.at("vgpu", "consumes").exists() else example.cancelled()


class WorkerFrozen(Scenario):
    rule, nodes, undone = "queues.answer", ("manager", "vgpu"), False

    def build(self) -> None:
        self.write("vgpu", "frozen", "")

    def fleet(self) -> Fleet:
        return example.frozen() if self.at("vgpu", "frozen").exists() else example.fleet_of(services=example.SWARMED)
