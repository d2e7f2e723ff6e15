"""What a survey found on hosts that no inventory describes yet: the facts for writing one."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetkeeper.inventory.schema import Node


@dataclass(frozen=True)
class Machine:
    """One host: how it is reached, and its properties. `trouble` is why nothing could be observed there, or "".

    `missing` are rights that this account lacks there, with what each would be good for. `gpu`: it has devices of
    NVIDIA's driver.
    """

    node: Node
    hostname: str = ""
    swarm: str = ""
    member: str = ""
    timezone: str = ""
    trouble: str = ""
    missing: tuple[str, ...] = ()
    gpu: bool = False


@dataclass(frozen=True)
class Stranger:
    """A member of the swarm that was not looked at."""

    hostname: str
    address: str


@dataclass(frozen=True)
class FoundService:
    """One service. `users` are the users of its processes, `master` that of the first one if it differs.

    `nodes` are where it runs; `database` and `web`: its processes look like one. `hidden`: its processes could not be
    seen, so neither is known. `note` is for a person. `broker`: it is RabbitMQ; `workers`: it runs Celery.
    """

    key: str
    name: str
    users: tuple[str, ...] = ()
    master: str = ""
    nodes: tuple[str, ...] = ()
    database: bool = False
    web: bool = False
    note: str = ""
    hidden: bool = False
    broker: bool = False
    workers: bool = False


@dataclass(frozen=True)
class FoundDatabase:
    """One Postgres server that runs. `name` is its service, its container, or its data directory (`directory`)."""

    node: str
    name: str
    directory: str = ""

    def __str__(self) -> str:
        """`NAME on NODE (DIRECTORY)`, the directory only where it says more than the name."""
        at = f" ({self.directory})" if self.directory not in ("", self.name) else ""
        return f"{self.name} on {self.node}{at}"


@dataclass(frozen=True)
class Scheduled:
    """An entry of a crontab that runs something like a backup in a container."""

    node: str
    times: str
    command: str
    where: str


@dataclass(frozen=True)
class Backups:
    """Where dumps of the database are. Sizes in bytes, `newest` that of a typical recent one.

    `path` is for a directory that is no volume. `maker` is the service, other than the database's, that has them
    mounted and must make them; empty where the database has them mounted itself.
    `below` is the directory below the volume's root, or empty. `nodes` are all that have these files. `guessed` are the
    fields whose values nothing on the servers confirms. `others` are names of files there that no pattern fits.
    `sidecars` are containers beside the database that may write there by a clock of their own.
    """

    service: str
    volume: str
    node: str
    directory: str
    path: str = ""
    pattern: str = ""
    timezone: str = ""
    schedule: str = ""
    command: str = ""
    where: str = ""
    nodes: tuple[str, ...] = ()
    number: int = 0
    used: int = 0
    newest: int = 0
    free: int = 0
    guessed: tuple[str, ...] = ()
    below: str = ""
    maker: str = ""
    others: tuple[str, ...] = ()
    sidecars: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackFile:
    """A file, relative to the inventory's folder, that has all running services of a stack.

    `environment` are the names of its variables without a default.
    """

    stack: str
    file: str
    environment: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServedSite:
    """One name that is served with TLS. `issuer` and `until` (a day) are of the certificate that is served now.

    `foreign`: the server has neither nginx nor files of certbot, so something else keeps its certificate.
    """

    name: str
    service: str
    issuer: str = ""
    until: str = ""
    note: str = ""
    foreign: bool = False


@dataclass(frozen=True)
class FoundProject:
    """A project of Compose on a node: from which directory it was started there, and from which files."""

    name: str
    node: str
    directory: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundGpus:
    """The nodes that have GPUs, the services (keys) whose constraints lead there, and the labels by which they do."""

    nodes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    label: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Findings:
    """Everything that goes into an inventory.

    `blind` are the nodes whose containers could not be listed, `scheduled` the jobs that look like backups. `databases`
    are all Postgres servers that run, in a container or not, and `tls` what serves TLS, or publishes a port for it:
    each in words, with its node. `stacks` are the names of the stacks of the swarm, `stack_files` what may be theirs.
    `projects` are those of Compose.
    """

    name: str
    machines: tuple[Machine, ...]
    services: tuple[FoundService, ...] = ()
    backups: Backups | None = None
    sites: tuple[ServedSite, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    unseen: tuple[str, ...] = field(default=())
    blind: tuple[str, ...] = field(default=())
    scheduled: tuple[Scheduled, ...] = field(default=())
    databases: tuple[FoundDatabase, ...] = field(default=())
    tls: tuple[str, ...] = field(default=())
    stacks: tuple[str, ...] = field(default=())
    stack_files: tuple[StackFile, ...] = field(default=())
    projects: tuple[FoundProject, ...] = field(default=())
    gpus: FoundGpus = FoundGpus()


AGAIN = "run `fleetkeeper init` again once that is mended"


def left_open(findings: Findings, absent: str, seen: str = "") -> dict[str, str]:
    """The content, one key and its text, of a section for which no policy can be proposed.

    `undecided` with what was `seen`, or with the hosts that could not be looked at; `none` with `absent` only where
    everything was seen and there was nothing.
    """
    dark = unseen_hosts(findings)
    unseen = f"{', '.join(dark)} could not be looked at: {AGAIN}" if dark else ""
    if seen or unseen:
        return {"undecided": "; ".join(text for text in (seen, unseen) if text)}
    hidden = ", ".join(service.key for service in findings.services if service.hidden)
    return {"undecided": f"what runs in {hidden} could not be seen: {AGAIN}"} if hidden else {"none": absent}


def unseen_hosts(findings: Findings) -> list[str]:
    """The names of the hosts of which not everything could be seen, each once."""
    poor = [machine.node.name for machine in findings.machines if machine.trouble or machine.missing]
    return list(dict.fromkeys([*findings.blind, *poor, *(stranger.hostname for stranger in findings.strangers)]))
