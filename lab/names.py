"""The names, ports and places of the lab: one lab per machine, so all of them are fixed."""

import os
from dataclasses import dataclass
from pathlib import Path

LAB = Path(__file__).resolve().parent
CLONE = LAB.parent
STATE = CLONE / ".lab"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fleetkeeper-lab"
RUN = Path("/run/fleetkeeper-lab")

PREFIX = "fleetkeeper-lab"
LABEL = "org.fleetkeeper.lab"
CLONE_LABEL = "org.fleetkeeper.clone"
BASE = f"{PREFIX}/base:latest"
NETWORK = PREFIX
DATA_VOLUME = f"{PREFIX}-data"
SUBNET = "198.18.42.0/24"

ACME = f"{PREFIX}-acme"
ACME_NAME = "acme.lab.example"
ACME_ADDRESS = "198.18.42.10"

STACK = "rodan"
STACK_FILE = LAB / "stack.yml"
DEPLOY_FILE = LAB / "deploy.env"
"""Variables that are exported when the stack is deployed."""
SERVICE_FILES = {name: LAB / f"{name}.env" for name in ("postgres", "celery")}
"""Variables that the stack file gives its services."""
DEPLOYED_FROM = "/srv/rodan"
"""Where those files lie on the manager."""
BACKUPS = "/var/lib/docker/volumes/rodan_pg_backup/_data"
COPIES = "/srv/rodan-copies"
SITE = "rodan.lab.example"

IDENTITY = STATE / "id_ed25519"
KNOWN_HOSTS = STATE / "known_hosts"
CA = STATE / "ca.pem"


@dataclass(frozen=True)
class Node:
    """One machine of the lab: a container with sshd, cron and a Docker engine of its own."""

    name: str
    port: int
    address: str
    labels: tuple[str, ...] = ()

    @property
    def container(self) -> str:
        return f"{PREFIX}-{self.name}"


MANAGER = Node("manager", 42201, "198.18.42.11")
DATA = Node("data", 42202, "198.18.42.12")
VGPU = Node("vgpu", 42203, "198.18.42.13", ("queue=GPU",))
NODES = (MANAGER, DATA, VGPU)


def image_tag(directory: str) -> str:
    """The tag of the image that `lab/images/<directory>` builds."""
    return f"{PREFIX}/{directory}:1"
