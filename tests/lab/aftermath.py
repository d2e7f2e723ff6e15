"""What a killed run may have left anywhere on the lab: specs, databases, containers, files, locks."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.names import BACKUPS, NODES
from tests.lab.conftest import BIN, ROOT, Lab

WEB = "rodan_rodan-main"
LABEL = "fleetkeeper.update-config"
POSTGRES = "label=com.docker.swarm.service.name=rodan_postgres"
STRAY = f"find /tmp /var/tmp /run -name '*fleetkeeper*' 2>/dev/null; find {BACKUPS} -name '*.part*'"
BY_HAND = "docker ps -a --format '{{.Names}} {{.Label \"com.docker.swarm.service.name\"}}'"


@dataclass(frozen=True)
class Left:
    """Everything that a run could leave: services with our label, databases, containers by hand, files, locks."""

    lent: tuple[str, ...]
    databases: tuple[str, ...]
    containers: tuple[str, ...]
    files: tuple[str, ...]


def look_at_rest(lab: Lab) -> Left:
    """What there is now."""
    files = [f"{node.name}:{line}" for node in NODES for line in lab.on(node.name, "sh", "-c", STRAY).splitlines()]
    by_hand = [
        f"{node.name}:{name}"
        for node in NODES
        for name, *task in map(str.split, lab.on(node.name, "sh", "-c", BY_HAND).splitlines())
        if not task
    ]
    temporary = [spec["Name"] for spec in service_specs(lab) if LABEL in (spec.get("Labels") or {})]
    return Left(tuple(temporary), tuple(database_oids(lab)), tuple(sorted(by_hand)), tuple(sorted(files)))


def service_specs(lab: Lab) -> list[dict[str, Any]]:
    question = "docker service inspect $(docker service ls -q)"
    return [load["Spec"] for load in json.loads(lab.on("manager", "sh", "-c", question))]


def spec_of(lab: Lab, service: str = WEB) -> dict[str, Any]:
    return next(spec for spec in service_specs(lab) if spec["Name"] == service)


def update_settings(lab: Lab) -> tuple[str, dict[str, Any], bool]:
    """User, update settings and whether our label is there, of the web application."""
    spec = spec_of(lab)
    user = spec["TaskTemplate"]["ContainerSpec"].get("User", "")
    return user, spec.get("UpdateConfig") or {}, LABEL in (spec.get("Labels") or {})


def database_oids(lab: Lab) -> dict[str, str]:
    """The object identifier of each database of the service, by name; another one after a restore."""
    container = lab.on("vgpu", "docker", "ps", "-qf", POSTGRES).strip()
    sql = "SELECT datname, oid FROM pg_database ORDER BY 1"
    rows = lab.on("vgpu", "docker", "exec", container, "psql", "-XAt", "-U", "rodan", "-d", "postgres", "-c", sql)
    return dict(row.rsplit("|", 1) for row in rows.splitlines())


@dataclass
class Running:
    """A `remediate` that was started and has said what it was waited for. `said` grows on both outputs."""

    child: subprocess.Popen[str]
    said: str = ""

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    def end(self, limit: float = 400) -> int:
        """Its exit status, once it has ended by itself."""
        out, err = self.child.communicate(timeout=limit)
        self.said += out + err
        return self.child.returncode


@contextmanager
def start_until(lab: Lab, *words: str | Path, until: str, state: str = "state") -> Iterator[Running]:
    """One of our commands, up to the moment in which it says these words on its second output."""
    env = {**os.environ, "FLEETKEEPER_STATE": str(lab.place / state), "NO_COLOR": "1", "COLUMNS": "140"}
    with subprocess.Popen(
        [BIN / words[0], *words[1:]], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        running = Running(child)
        assert child.stderr is not None
        try:
            while until and until not in running.said and (line := child.stderr.readline()):
                running.said += line
            yield running
        finally:
            child.kill()


def wait_for_locks(lab: Lab, limit: float = 60) -> None:
    """Wait until no node is locked any more: a killed holder's lock frees itself."""
    end = time.monotonic() + limit
    while [file for file in look_at_rest(lab).files if file.endswith("fleetkeeper.lock")]:
        assert time.monotonic() < end, "a lock outlives its holder"
        time.sleep(0.5)


def wait_for_rest(lab: Lab, before: Left, limit: float = 60) -> None:
    """Wait until nothing more is left than there was before: what a killed run began on a node ends a bit later."""
    wait_for_locks(lab)
    end = time.monotonic() + limit
    while (now := look_at_rest(lab)) != before and time.monotonic() < end:
        time.sleep(1)
    assert now == before
