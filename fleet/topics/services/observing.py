"""How the swarm and the volumes of a node are seen: one script that prints JSON documents one after the other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from fleet.commands import Command, Output, Unobservable
from fleet.schema import Node
from fleet.topics.containers.observing import ABSENT, DOCKER, NAMES_ONLY, engine_says
from fleet.topics.containers.parsing import Json, has_healthcheck, listed, part
from fleet.topics.services.facts import LENT, Facts, Handed, Member, Published, ServiceMount, SwarmService, Task, Volume
from fleet.topics.services.lending import lent_updates

if TYPE_CHECKING:
    from fleet.inventory import Inventory
    from fleet.look import Look

NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "glusterfs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "lustre",
    "9p",
    "virtiofs",
)
HELPERS = ("runuser", "su", "gosu", "su-exec", "setpriv", "sudo", "chown", "chmod", "setuidgid")

SWARM = Command(
    (
        "sh",
        "-c",
        DOCKER
        + NAMES_ONLY
        + """
swarm=$(docker info --format '{{json .Swarm}}') || exit 71
printf '%s\\n' "$swarm"
all() {
  kind=$1; shift
  if [ $# -gt 0 ]; then inspected docker "$kind" inspect "$@"; else echo '[]'; fi
}
volumes=$(docker volume ls -q) || exit 71
all volume $volumes
case $swarm in *'"ControlAvailable":true'*) ;; *) exit 0 ;; esac
members=$(docker node ls -q) && services=$(docker service ls -q) || exit 71
all node $members && all service $services || exit 71
[ -z "$services" ] || exec docker service ps --no-trunc --format '{{json .}}' $services
""",
        "docker service inspect",
    ),
    sudo=True,
)
MOUNTS = Command(("cat", "/proc/self/mounts"))


def observe(node: Node, inventory: Inventory) -> Look:
    """One round trip: the swarm's state, this node's volumes, and on a manager the members, services and tasks."""
    answer, mounts = yield [SWARM, MOUNTS]
    if answer.rc == ABSENT:
        return Facts("absent")
    return parse(engine_says(answer), remote_mounts(mounts))


def parse(printed: str, remote: tuple[str, ...]) -> Facts:
    """The documents in the order in which the script prints them. Raises Unobservable when one is missing.

    >>> parse('{"LocalNodeState":"inactive","NodeID":"","ControlAvailable":false}\\n[]', ()).swarm
    'inactive'
    """
    found = documents(printed)
    try:
        swarm, volumes = next(found), next(found)
        role = role_of(swarm)
        members, services = (next(found), next(found)) if role == "manager" else ([], [])
    except StopIteration:
        raise Unobservable("the engine's answer about its swarm and volumes was cut short") from None
    return Facts(
        swarm=role,
        node_id=str(swarm.get("NodeID") or ""),
        members=tuple(member(one) for one in members),
        services=tuple(service(one) for one in services),
        tasks=tuple(task(one) for one in found),
        volumes=tuple(volume(one, remote) for one in volumes),
        remote_mounts=remote,
    )


def documents(printed: str) -> Iterator[Any]:
    """JSON documents that follow each other."""
    decoder, at = json.JSONDecoder(), 0
    while rest := printed[at:].lstrip():
        at = len(printed) - len(rest)
        try:
            document, at = decoder.raw_decode(printed, at)
        except ValueError as odd:
            raise Unobservable(f"the engine printed something that is not JSON: {odd}") from None
        yield document


def role_of(swarm: Json) -> Literal["manager", "worker", "inactive"]:
    """Raises Unobservable while the node is neither in a swarm nor out of it (joining, locked, in error)."""
    state = str(swarm.get("LocalNodeState") or "inactive")
    if state not in ("active", "inactive"):
        raise Unobservable(f"its part in the swarm is {state}: {str(swarm.get('Error') or 'no reason given')[:200]}")
    if state == "inactive":
        return "inactive"
    return "manager" if swarm.get("ControlAvailable") else "worker"


def texts(of: Json, key: str) -> dict[str, str]:
    return {str(k): str(v) for k, v in part(of, key).items()}


def member(inspected: Json) -> Member:
    spec, described = part(inspected, "Spec"), part(inspected, "Description")
    status, platform = part(inspected, "Status"), part(described, "Platform")
    return Member(
        id=str(inspected.get("ID") or ""),
        hostname=str(described.get("Hostname") or ""),
        role=str(spec.get("Role") or "worker"),
        address=str(status.get("Addr") or ""),
        state=str(status.get("State") or ""),
        availability=str(spec.get("Availability") or ""),
        labels=texts(spec, "Labels"),
        engine_labels=texts(part(described, "Engine"), "Labels"),
        os=str(platform.get("OS") or ""),
        architecture=str(platform.get("Architecture") or ""),
    )


def service(inspected: Json) -> SwarmService:
    spec = part(inspected, "Spec")
    task = part(spec, "TaskTemplate")
    made = part(task, "ContainerSpec")
    return SwarmService(
        id=str(inspected.get("ID") or ""),
        name=str(spec.get("Name") or ""),
        image=str(made.get("Image") or ""),
        user=str(made.get("User") or ""),
        replicas=replicas(part(spec, "Mode")),
        constraints=tuple(str(one) for one in listed(part(task, "Placement"), "Constraints")),
        mounts=tuple(mount(one) for one in listed(made, "Mounts")),
        version=int(part(inspected, "Version").get("Index") or 0),
        order=str(part(spec, "UpdateConfig").get("Order") or "stop-first"),
        update_state=str(part(inspected, "UpdateStatus").get("State") or ""),
        has_healthcheck=has_healthcheck(made),
        stack=texts(spec, "Labels").get("com.docker.stack.namespace", ""),
        helpers=helpers(made),
        published=published(spec),
        handed=tuple(handed(made)),
        lent=texts(spec, "Labels").get(LENT, ""),
        shape=shape(made),
        lent_updates=lent_updates({"Labels": texts(spec, "Labels"), "UpdateConfig": part(spec, "UpdateConfig")}),
    )


def shape(made: Json) -> str:
    """A short digest of what the tasks are told, except as whom; of `name=value` only the names count.

    >>> shape({"Image": "a", "Env": ["KEY=1"], "User": "web"}) == shape({"Env": ["KEY=2"], "Image": "a"})
    True
    >>> shape({"Image": "a", "Args": ["start"]}) == shape({"Image": "a", "Args": ["other"]})
    False
    """
    words = {key: [str(one).partition("=")[0] for one in listed(made, key)] for key in ("Env", "Command", "Args")}
    rest = {key: value for key, value in made.items() if key not in ("User", "Labels", *words)}
    return hashlib.sha256(json.dumps([rest, words], sort_keys=True, default=str).encode()).hexdigest()[:16]


def replicas(mode: Json) -> int | None:
    """How many tasks are wanted; None for a global service.

    >>> replicas({"Replicated": {"Replicas": 2}}), replicas({"Replicated": {}}), replicas({"Global": {}})
    (2, 1, None)
    """
    if "Global" in mode or "GlobalJob" in mode:
        return None
    wanted = part(mode, "Replicated").get("Replicas")
    return 1 if wanted is None else int(wanted)


def mount(spec: Json) -> ServiceMount:
    driver = part(part(spec, "VolumeOptions"), "DriverConfig")
    name = str(driver.get("Name") or "local")
    return ServiceMount(
        type=str(spec.get("Type") or "volume"),
        source=str(spec.get("Source") or ""),
        target=str(spec.get("Target") or ""),
        read_only=bool(spec.get("ReadOnly")),
        driver=name,
        remote=name != "local" or part(driver, "Options").get("type") in NETWORK,
        mode=number(part(spec, "TmpfsOptions"), "Mode") or None,
    )


def helpers(made: Json) -> tuple[str, ...]:
    """Which programs that need root a service's command line names; all other words of it are forgotten."""
    line = " ".join(str(word) for key in ("Command", "Args") for word in listed(made, key))
    words = {PurePosixPath(word).name for word in re.split(r"[\s;|&()'\"]+", line)}
    return tuple(name for name in HELPERS if name in words)


def published(spec: Json) -> tuple[Published, ...]:
    """The ports that the world sees. One that the swarm is to choose by itself is not known here.

    >>> published({"EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}]}})
    (Published(port=8080, target=80, protocol='tcp', mode='host'),)
    """
    ports = [one for one in listed(part(spec, "EndpointSpec"), "Ports") if isinstance(one, Mapping)]
    return tuple(
        Published(
            int(one["PublishedPort"]),
            int(one.get("TargetPort") or one["PublishedPort"]),
            str(one.get("Protocol") or "tcp"),
            str(one.get("PublishMode") or "ingress"),
        )
        for one in ports
        if one.get("PublishedPort")
    )


def handed(made: Json) -> Iterator[Handed]:
    """The secrets and configs that are files in the containers, with their owners; never what is in them."""
    kinds: tuple[tuple[Literal["secret", "config"], str], ...] = (("secret", "Secrets"), ("config", "Configs"))
    for kind, key in kinds:
        files = (part(one, "File") for one in listed(made, key) if isinstance(one, Mapping))
        yield from (
            Handed(
                kind, str(file["Name"]), number(file, "UID"), number(file, "GID"), number(file, "Mode", 0o444) & 0o777
            )
            for file in files
            if file.get("Name")
        )


def number(of: Json, key: str, default: int = 0) -> int:
    """A number that the engine writes as one or as text."""
    written = str(of.get(key, default))
    return int(written) if written.isascii() and written.isdigit() else default


def task(line: Json) -> Task:
    """One line of `docker service ps`.

    >>> task({"Name": "rodan_db.1", "Node": "vgpu", "DesiredState": "Running", "CurrentState": "Pending 3 hours ago",
    ...       "Error": "\\"no suitable node\\""})
    Task(service='rodan_db', member='vgpu', desired='running', state='pending', error='no suitable node')
    """
    return Task(
        service=str(line.get("Name") or "").rpartition(".")[0],
        member=str(line.get("Node") or ""),
        desired=str(line.get("DesiredState") or "").lower(),
        state=str(line.get("CurrentState") or "").lower().partition(" ")[0],
        error=str(line.get("Error") or "").strip('"…')[:200],
    )


def volume(inspected: Json, remote: Iterable[str]) -> Volume:
    driver, mountpoint = str(inspected.get("Driver") or "local"), str(inspected.get("Mountpoint") or "")
    networked = part(inspected, "Options").get("type") in NETWORK
    return Volume(
        name=str(inspected.get("Name") or ""),
        driver=driver,
        mountpoint=mountpoint,
        remote=driver != "local" or networked or below(mountpoint, remote),
    )


def below(path: str, directories: Iterable[str]) -> bool:
    """Whether a path is one of the directories or lies in one.

    >>> below("/srv/data/db", ["/srv/data"]), below("/srv/database", ["/srv/data"])
    (True, False)
    """
    return any(PurePosixPath(path).is_relative_to(one) for one in directories)


def remote_mounts(mounts: Output) -> tuple[str, ...]:
    """Where file systems of the network are mounted, from /proc/self/mounts (proc(5), fstab(5): octal escapes).

    >>> remote_mounts(Output(0, b"nas:/b /srv/my\\\\040data nfs4 rw 0 0\\n/dev/sda1 / ext4 rw 0 0\\n"))
    ('/srv/my data',)
    """
    lines = (line.split(" ") for line in mounts.text().splitlines())
    found = (line[1] for line in lines if len(line) > 2 and line[2] in NETWORK)
    return tuple(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), one) for one in found)
