"""A scenario in which a swarm service runs as root, with files of root on its volume."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.topics.containers.facts import Container, Denied, Mount, Preflight, Process
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, ServiceMount, SwarmService
from fleetkeeper.topics.services.facts import SwarmService as ServicesSwarmService
from fleetkeeper.topics.services.update_settings import CAREFUL, OWN_UPDATES, lent_updates
from tests.example_fleets import backups
from tests.helpers.fake_programs import serve_service
from tests.remedy_scenarios.base import Scenario

MEDIA = "/var/lib/docker/volumes/media/_data"
DJANGO = 4000
STACKED = {"com.docker.stack.namespace": "rodan"}
WEB = Container(
    "4f" * 32,
    "rodan_web.1.x",
    labels={SWARM_SERVICE: "rodan_web"},
    pid=7,
    accounts={"root": 0, "django": DJANGO},
    mounts=(Mount("volume", MEDIA, "/data", name="media", driver="local"),),
)
TOLD = SwarmService(
    "s1",
    "rodan_web",
    image="web:1@sha256:00",
    stack="rodan",
    has_healthcheck=True,
    update_state="completed",
    constraints=("node.hostname == data",),
    mounts=(ServiceMount("volume", "media", "/data"),),
)


class RootContainer(Scenario):
    """A swarm service as root, with a volume whose files are root's where this machine can give files away."""

    rule, nodes = "containers.run_as_their_own_user", ("data", "manager")

    def build(self) -> None:
        serve_service(self.folder / "manager", "root", TOLD.image)
        self.owned = os.geteuid() == 0
        for name in ("scores/one", "two"):
            self.write("data", f"{MEDIA}/{name}", name)
            self.at("data", f"{MEDIA}/{name}").chmod(0o600)

    def end(self) -> object:
        """The spec of the service: user, image, labels and update settings."""
        return self.at("manager", "spec").read_text()

    @property
    def denied(self) -> tuple[Denied, ...]:
        files = [path for path in self.at("data", MEDIA).rglob("*") if path.is_file()]
        closed = [path.name for path in files if path.stat().st_uid != DJANGO]
        match = Denied("/data", MEDIA, len(closed), examples=tuple(closed))
        return (match,) if closed and self.owned else ()

    def fleet(self) -> Fleet:
        spec = json.loads(self.at("manager", "engine.json").read_text())["service"]["Spec"]
        user = spec["TaskTemplate"]["ContainerSpec"].get("User", "")
        number = int(self.at("manager", "index").read_text())
        uid = 0 if user == "root" else DJANGO
        ready = Preflight("django", DJANGO, DJANGO, self.denied, (), (), ())
        web = replace(WEB, processes=(Process(7, uid, uid, "python3"),), preflight=ready)
        text = replace(TOLD, user=user, version=number, lent_updates=lent_updates(spec))
        return look_at_service(web, text)


class CarelessService(RootContainer):
    """The same, started before it is stopped by its own settings: a killed change leaves ours behind."""

    own: ClassVar[dict[str, object]] = {"Order": "start-first", "FailureAction": "rollback", "Parallelism": 1}

    def build(self) -> None:
        super().build()
        serve_service(self.folder / "manager", "root", TOLD.image, Labels=STACKED, UpdateConfig=self.own)


class SettingsLent(CarelessService):
    """What a change that was killed in its watch has left."""

    rule, undone = "services.have_their_own_settings", False

    def build(self) -> None:
        super().build()
        labels = {**STACKED, "fleetkeeper.user": "django", OWN_UPDATES: json.dumps(self.own)}
        ours = {**self.own, **CAREFUL}
        serve_service(self.folder / "manager", "django", TOLD.image, Labels=labels, UpdateConfig=ours)


def look_at_service(web: Container, service: ServicesSwarmService) -> Fleet:
    inventory = backups.make_inventory(SERVICE)
    members = (Member("n1", "manager", role="manager"), Member("n2", "data"))
    return Fleet(
        inventory,
        datetime.now(UTC),
        {
            ("data", "containers"): Containers("present", (web,)),
            ("manager", "containers"): Containers("present", ()),
            ("data", "services"): Services("worker", "n2"),
            ("manager", "services"): Services("manager", "n1", members, (service,)),
        },
    )


SERVICE = """
nodes:
  data: {address: 192.0.2.12}
  manager: {address: 192.0.2.13}
services:
  web: {name: rodan_web, user: [rodan, django]}
backups: {none: a test}
certificates: {none: a test}
"""
