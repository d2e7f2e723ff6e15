"""Scenarios in which cron is stopped, or the entry stands on the wrong node."""

from __future__ import annotations

from fleetkeeper.looking.fleet import Fleet
from tests.example_fleets import schedules
from tests.remedy_scenarios.base import Scenario


class CronStopped(Scenario):
    rule, nodes = "schedules.cron_is_active", ("manager", "data", "vgpu")

    def build(self) -> None:
        """Cron is stopped, and would not start at boot."""

    def fleet(self) -> Fleet:
        enabled = "enabled" if self.at("vgpu", "enabled").exists() else "disabled"
        more = ("installed", "manager service", f"unit cron {enabled}")
        return schedules.schedule_fleet(
            schedules.Machine(schedules.GOOD, cron=self.at("vgpu", "running").exists(), more=more)
        )


class CronElsewhere(Scenario):
    rule, nodes = schedules.RULE, ("manager", "data", "vgpu")

    def build(self) -> None:
        self.write("vgpu", "spool/root", "# theirs\n1 1 * * * /opt/other 50\\%\n")
        self.write("data", "spool/root", f"{schedules.RUNBOOK}\n5 5 * * * /opt/third\n")

    def machine(self, node: str) -> schedules.Machine:
        table = self.at(node, "spool/root")
        files = {schedules.ROOT: schedules.File(table.read_bytes())} if table.exists() else {}
        return schedules.Machine(files)

    def fleet(self) -> Fleet:
        return schedules.schedule_fleet(self.machine("vgpu"), data=self.machine("data"))
