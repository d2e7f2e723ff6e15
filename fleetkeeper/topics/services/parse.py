"""Facts from what the engine prints about its swarm and its volumes: JSON documents, one after the other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Literal

from fleetkeeper.readers.docker.inspection import ROOT_HELPERS, has_healthcheck
from fleetkeeper.readers.docker.own_jobs import jobs_of_service
from fleetkeeper.readers.json_documents import (
    Json,
    flag_in,
    json_documents,
    listed,
    mapping,
    part,
    parts,
    text_in,
    texts,
)
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.numbers import number_in
from fleetkeeper.topics.services.facts import (
    LENT,
    Facts,
    Member,
    MountedSecret,
    Published,
    ServiceMount,
    SwarmService,
    Task,
    Validity,
    Volume,
)
from fleetkeeper.topics.services.secret_names import secret_names
from fleetkeeper.topics.services.update_settings import lent_updates
from fleetkeeper.transport.commands import Output, Unobservable

NETWORK = (
    *("nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.glusterfs"),
    *("fuse.sshfs", "lustre", "9p", "virtiofs"),
)
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def parse(printed: str, remote: tuple[str, ...]) -> Facts:
    """The facts from the documents, in the order in which the script prints them.

    Raises Unobservable when one is missing. `remote` are the directories on which network file systems are mounted.
    Raises it too for a document of another shape.

    >>> parse('{"LocalNodeState":"inactive","NodeID":"","ControlAvailable":false}\\n[]', ()).swarm
    'inactive'
    """
    matches = json_documents(printed, "the engine")
    try:
        swarm, volumes = mapping(next(matches), "swarm"), parts({"volumes": next(matches)}, "volumes")
        role = role_of(swarm)
        held = {} if role == "inactive" else mapping(next(matches), "certificate")
        kinds = ("members", "services") if role == "manager" else ()
        by_kind = {kind: parts({kind: next(matches)}, kind) for kind in kinds}
    except StopIteration:
        raise Unobservable("the engine's answer about its swarm and volumes was cut short") from None
    return Facts(
        swarm=role,
        node_id=text_in(swarm, "NodeID"),
        members=tuple(parse_member(item) for item in by_kind.get("members", [])),
        services=tuple(parse_service(item) for item in by_kind.get("services", [])),
        tasks=tuple(parse_task(mapping(match, "task")) for match in matches),
        volumes=tuple(parse_volume(item, remote) for item in volumes),
        remote_mounts=remote,
        certificate=certificate_validity(text_in(held, "NodeCertificate")),
    )


def certificate_validity(printed: str) -> Validity | Unobservable | None:
    """The validity of a certificate in PEM, its lines joined by blanks; None for an empty text.

    An Unobservable where it cannot be read.
    """
    if not printed.strip():
        return None
    from cryptography.x509 import InvalidVersion, load_pem_x509_certificate

    body = printed.partition(BEGIN)[2].partition(END)[0].split()
    pem = "\n".join([BEGIN, *body, END, ""])
    try:
        match = load_pem_x509_certificate(pem.encode("ascii", "replace"))
        return Validity(match.not_valid_before_utc.timestamp(), match.not_valid_after_utc.timestamp())
    except (ValueError, OverflowError, InvalidVersion):
        return Unobservable("its certificate in the swarm cannot be read")


def role_of(swarm: Json) -> Literal["manager", "worker", "inactive"]:
    """The node's role in a swarm.

    Raises Unobservable while it is neither in one nor out (joining, locked, in error). "inactive" is in none.
    """
    state = text_in(swarm, "LocalNodeState", "inactive")
    if state not in ("active", "inactive"):
        raise Unobservable(f"its part in the swarm is {state}: {text_in(swarm, 'Error', 'no reason given')[:200]}")
    if state == "inactive":
        return "inactive"
    return "manager" if flag_in(swarm, "ControlAvailable") else "worker"


def parse_labels(document: Json, key: str) -> dict[str, str]:
    """The labels in a mapping under `key`, by name; empty without one. Raises Unobservable for one that is no text."""
    return {name: text_in(part(document, key), name) for name in part(document, key)}


def parse_member(inspected: Json) -> Member:
    """One member of the swarm, from `docker node inspect`. Raises Unobservable for a field of the wrong kind."""
    spec, described = part(inspected, "Spec"), part(inspected, "Description")
    status, platform = part(inspected, "Status"), part(described, "Platform")
    return Member(
        id=text_in(inspected, "ID"),
        hostname=text_in(described, "Hostname"),
        role=text_in(spec, "Role", "worker"),
        address=text_in(status, "Addr"),
        state=text_in(status, "State"),
        availability=text_in(spec, "Availability"),
        labels=parse_labels(spec, "Labels"),
        engine_labels=parse_labels(part(described, "Engine"), "Labels"),
        os=text_in(platform, "OS"),
        architecture=text_in(platform, "Architecture"),
        reachability=text_in(part(inspected, "ManagerStatus"), "Reachability"),
    )


def parse_service(inspected: Json) -> SwarmService:
    """One service of the swarm, from `docker service inspect`. What is left out there has Docker's default.

    Raises Unobservable for another shape, and for a label that a newer fleetkeeper wrote.
    """
    spec = part(inspected, "Spec")
    task = part(spec, "TaskTemplate")
    made = part(task, "ContainerSpec")
    return SwarmService(
        id=text_in(inspected, "ID"),
        name=text_in(spec, "Name"),
        image=text_in(made, "Image"),
        user=text_in(made, "User"),
        replicas=parse_replicas(part(spec, "Mode")),
        constraints=texts(part(task, "Placement"), "Constraints"),
        mounts=tuple(parse_mount(item) for item in parts(made, "Mounts")),
        version=number_in(part(inspected, "Version"), "Index"),
        order=text_in(part(spec, "UpdateConfig"), "Order", "stop-first"),
        update_state=text_in(part(inspected, "UpdateStatus"), "State"),
        has_healthcheck=has_healthcheck(made),
        stack=parse_labels(spec, "Labels").get("com.docker.stack.namespace", ""),
        helpers=root_helpers_in(made),
        published=parse_published(spec),
        handed=tuple(parse_handed_files(made)),
        lent=parse_labels(spec, "Labels").get(LENT, ""),
        shape=spec_digest(made),
        restart_delay=number_in(part(task, "RestartPolicy"), "Delay", 5_000_000_000) / 1e9,
        jobs=jobs_of_service(spec),
        restart=text_in(part(task, "RestartPolicy"), "Condition", "any"),
        attempts=number_in(part(task, "RestartPolicy"), "MaxAttempts"),
        exposed=tuple(secret_names(texts(made, "Env"))),
        lent_updates=lent_updates({"Labels": parse_labels(spec, "Labels"), "UpdateConfig": part(spec, "UpdateConfig")}),
    )


def spec_digest(made: Json) -> str:
    """A digest (16 hex digits) of a container spec without user and labels.

    Of `NAME=VALUE` only the names are included. Raises Unobservable for a field of the wrong kind.

    >>> spec_digest({"Image": "a", "Env": ["KEY=1"], "User": "web"}) == spec_digest({"Env": ["KEY=2"], "Image": "a"})
    True
    >>> spec_digest({"Image": "a", "Args": ["start"]}) == spec_digest({"Image": "a", "Args": ["other"]})
    False
    """
    words = {key: [str(item).partition("=")[0] for item in listed(made, key)] for key in ("Env", "Command", "Args")}
    rest = {key: value for key, value in made.items() if key not in ("User", "Labels", *words)}
    return hashlib.sha256(json.dumps([rest, words], sort_keys=True, default=str).encode()).hexdigest()[:16]


def parse_replicas(mode: Json) -> int | None:
    """How many tasks a service should have; None for a global service.

    Raises Unobservable for a number that is none.

    >>> [parse_replicas(mode) for mode in ({"Replicated": {"Replicas": 2}}, {"Replicated": {}}, {"Global": {}})]
    [2, 1, None]
    """
    if "Global" in mode or "GlobalJob" in mode:
        return None
    return number_in(part(mode, "Replicated"), "Replicas", 1)


def parse_mount(spec: Json) -> ServiceMount:
    """One mount of a service, from its container spec.

    `remote`: it is on the network. Raises Unobservable for a field of the wrong kind.
    """
    driver = part(part(spec, "VolumeOptions"), "DriverConfig")
    name = text_in(driver, "Name", "local")
    return ServiceMount(
        type=text_in(spec, "Type", "volume"),
        source=text_in(spec, "Source"),
        target=text_in(spec, "Target"),
        read_only=flag_in(spec, "ReadOnly"),
        driver=name,
        remote=name != "local" or part(driver, "Options").get("type") in NETWORK,
        mode=number_in(part(spec, "TmpfsOptions"), "Mode") or None,
    )


def root_helpers_in(made: Json) -> tuple[str, ...]:
    """The helpers (programs that need root) in a service's command line; all other words of it are dropped.

    In the order of ROOT_HELPERS. Raises Unobservable for a field of the wrong kind.
    """
    line = " ".join(word for key in ("Command", "Args") for word in texts(made, key))
    words = {PurePosixPath(word).name for word in re.split(r"[\s;|&()'\"]+", line)}
    return tuple(name for name in ROOT_HELPERS if name in words)


def parse_published(spec: Json) -> tuple[Published, ...]:
    """The published ports of a service. One whose number the swarm chooses by itself is left out.

    Raises Unobservable for a field of the wrong kind.

    >>> parse_published({"EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}]}})
    (Published(port=8080, target=80, protocol='tcp', mode='host'),)
    """
    ports = parts(part(spec, "EndpointSpec"), "Ports")
    return tuple(
        Published(
            number_in(port, "PublishedPort"),
            number_in(port, "TargetPort") or number_in(port, "PublishedPort"),
            text_in(port, "Protocol", "tcp"),
            text_in(port, "PublishMode", "ingress"),
        )
        for port in ports
        if port.get("PublishedPort")
    )


def parse_handed_files(made: Json) -> Iterator[MountedSecret]:
    """The secrets and configs that are files in the containers, with their owners and modes; never their content.

    Raises Unobservable for a field of the wrong kind.
    """
    kinds: tuple[tuple[Literal["secret", "config"], str], ...] = (("secret", "Secrets"), ("config", "Configs"))
    for kind, key in kinds:
        files = (part(item, "File") for item in parts(made, key))
        yield from (
            MountedSecret(
                kind,
                text_in(file, "Name"),
                number_in(file, "UID"),
                number_in(file, "GID"),
                number_in(file, "Mode", 0o444) & 0o777,
            )
            for file in files
            if file.get("Name")
        )


def parse_task(line: Json) -> Task:
    """One task, from a line of `docker service ps` as JSON.

    Its age is in seconds. Raises Unobservable for a field of the wrong kind.

    >>> parse_task({"Name": "rodan_db.1", "Node": "vgpu", "DesiredState": "Running",
    ...             "CurrentState": "Pending 3 hours ago", "Error": "\\"no suitable node\\""})
    Task(service='rodan_db', member='vgpu', desired='running', state='pending', error='no suitable node', slot='1', \
age=10800.0)
    """
    service, _, slot = text_in(line, "Name").removeprefix("\\_ ").rpartition(".")
    state, _, since = text_in(line, "CurrentState").lower().partition(" ")
    return Task(
        service=service,
        member=text_in(line, "Node"),
        desired=text_in(line, "DesiredState").lower(),
        state=state,
        error=text_in(line, "Error").strip('"…')[:200],
        slot=slot,
        age=seconds_ago(since),
    )


UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}
AGO = re.compile(r"(less than a|about an?|[0-9]{1,6}) (second|minute|hour|day|week|month|year)s? ago")


def seconds_ago(text: str) -> float | None:
    """How many seconds ago something was, as Docker's client writes it (units.HumanDuration): the least; else None.

    >>> [seconds_ago(f"{text} ago") for text in ("less than a second", "45 seconds", "about an hour", "soon")]
    [0.0, 45.0, 3600.0, None]
    """
    read = AGO.fullmatch(text)
    if not read:
        return None
    number = 0 if read[1].startswith("less") else 1 if read[1].startswith("about") else int(read[1])
    return float(number * UNITS[read[2]])


def parse_volume(inspected: Json, remote: Iterable[str]) -> Volume:
    """One volume, from `docker volume inspect`. `remote` are the directories of network file systems.

    Raises Unobservable for a field of the wrong kind.
    """
    driver, mountpoint = text_in(inspected, "Driver", "local"), text_in(inspected, "Mountpoint")
    networked = part(inspected, "Options").get("type") in NETWORK
    return Volume(
        name=text_in(inspected, "Name"),
        driver=driver,
        mountpoint=mountpoint,
        remote=driver != "local" or networked or below(mountpoint, remote),
    )


def below(path: str, directories: Iterable[str]) -> bool:
    """Whether a path is one of the directories or is below one.

    >>> below("/srv/data/db", ["/srv/data"]), below("/srv/database", ["/srv/data"])
    (True, False)
    """
    return any(PurePosixPath(path).is_relative_to(directory) for directory in directories)


def remote_mounts(mounts: Output) -> tuple[str, ...]:
    """The directories on which network file systems are mounted.

    From /proc/self/mounts (proc(5), fstab(5): octal escapes). Raises Unobservable when they could not be read.

    >>> remote_mounts(Output(0, b"nas:/b /srv/my\\\\040data nfs4 rw 0 0\\n/dev/sda1 / ext4 rw 0 0\\n"))
    ('/srv/my data',)
    """
    rows = (line.split(" ") for line in split_lines(mounts.text()))
    lines = (line[1] for line in rows if len(line) > 2 and line[2] in NETWORK)
    return tuple(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line) for line in lines)
