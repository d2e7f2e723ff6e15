"""A small fleet of schedules for unit tests: a good one, of which each test breaks one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Verdict, judge_subject
from fleetkeeper.looking.fleet import Facts, Fleet
from fleetkeeper.readers.marked_blocks import split_lines_exactly
from fleetkeeper.topics import schedules
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.facts import File as BackupsFile
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.topics.schedules.facts import Facts as Schedules
from fleetkeeper.transport.commands import Output, Unobservable

NOW = datetime(2026, 6, 15, 16, 30, tzinfo=UTC)
RUNBOOK = "0 0,12 * * * docker exec $(docker ps -q -f name=postgres) backup"
ROOT = "/var/spool/cron/crontabs/root"
BOOT = 1_780_000_000
RULE = "schedules.backup_runs_where_postgres_runs"

TEXT = """
nodes:
  manager: {address: 192.0.2.11, sudo: true}
  data: {address: 192.0.2.12, sudo: true}
  vgpu: {address: 192.0.2.13, sudo: true}
services:
  postgres: {name: rodan_postgres, user: postgres}
backups:
  service: postgres
  schedule: "0 0,12 * * *"
  command: backup
  volume: {name: rodan_pg_backup, node: data, budget: 60 GiB}
  timezone: America/Toronto
  keep: {last: 4, daily: 14}
certificates: {none: "not here"}
"""
POSTGRES = Container(
    id="612b4ae59567" + "0" * 52,
    name="rodan_postgres.1.abcdefghijklmnop",
    labels={"com.docker.swarm.service.name": "rodan_postgres"},
)
NGINX = Container(id="99" * 32, name="rodan_nginx.1.xyz", labels={"com.docker.swarm.service.name": "rodan_nginx"})


@dataclass(frozen=True)
class File:
    """A file as a node would have it."""

    content: str | bytes
    mode: int = 0o600
    owner: int = 0
    links: int = 1
    link_owner: int = 0
    changed: int = BOOT

    @property
    def bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.encode()


def crontab_with_entry(line: str, **changes: object) -> dict[str, File]:
    """Root's crontab with one line in it."""
    return {ROOT: replace(File(f"# m h dom mon dow command\n{line}\n"), **changes)}  # type: ignore[arg-type]


GOOD = crontab_with_entry(RUNBOOK)


INSTALLED = (
    "nice",
    "ionice",
    "flock",
    "timeout",
    "sudo",
    "env",
    "sh",
    "bash",
    "logger",
    "curl",
    "grep",
    "runuser",
    "systemd-run",
    "systemctl",
    "find",
    "dash",
    "date",
    "setpriv",
)
DIRECTORY, PLAIN = "0:0:41ed", "0:0:81a4"
THERE = dict.fromkeys(("/", "/run", "/root", "/srv", "/srv/rodan", "/srv/wiki", "/var", "/var/log", "/etc"), DIRECTORY)
"""Directories of the usual node, by their owner, group and mode."""


@dataclass(frozen=True)
class Machine:
    """One node: its files and what its tools answer."""

    files: Mapping[str, File]
    cron: bool = True
    account: str = "root"
    docker: Sequence[str] = ("/usr/bin/docker", "/bin/docker")
    programs: Sequence[str] = tuple(f"{directory}/{name}" for directory in ("/usr/bin", "/bin") for name in INSTALLED)
    paths: Mapping[str, str] = field(default_factory=lambda: dict(THERE))
    shell: str = "dash"
    package: str = "cron 3.0pl1-162"
    accounts: Sequence[str] = ("pam", "day 20619")
    users: Sequence[str] = ("root", "ops", "postgres")
    zone: str = "America/Toronto"
    more: Sequence[str] = ("installed", "manager systemd", "unit cron enabled")
    denied: Sequence[str] = ()
    engines: Mapping[str, str] = field(default_factory=dict)
    unseen: Sequence[str] = ()
    boot: int = BOOT

    def printed(self) -> bytes:
        rows = [b"".join(snapshot_lines(path, file)) for path, file in self.files.items() if "/cron" in path]
        lines = [
            *(f"uid {0 if name == 'root' else 1000} {name}" for name in self.users),
            *(f"docker {path}" for path in self.docker),
            f"account {self.account}",
            f"localtime /usr/share/zoneinfo/{self.zone}",
            f"boot {self.boot}",
            "host vgpu",
            f"sh {self.shell}",
            *([f"package {self.package}"] if self.package else []),
            *(f"unseen {path}" for path in self.unseen),
            *(["cron 44 1 cron 500"] if self.cron else []),
            *self.more,
            "end",
        ]
        return b"".join(rows) + "".join(f"{line}\n" for line in lines).encode()

    def own(self) -> Output:
        """What `crontab -l` answers."""
        file = self.files.get(f"/var/spool/cron/crontabs/{self.account}")
        if file is None:
            return Output(1, err=f"no crontab for {self.account}\n".encode(), command="crontab -l")
        return Output(0, file.bytes, command="crontab -l")

    def told(self, words: Sequence[str]) -> Output:
        """What the second script answers."""
        scripts = [self.files[word[1:]] for word in words if word.startswith("=") and word[1:] in self.files]
        rows = [b"".join(snapshot_lines(path, file)) for path, file in self.files.items() if file in scripts]
        lines = [f"user {word}" for word in words if word in self.users]
        lines += [f"program {word}" for word in words if word in (*self.docker, *self.programs)]
        lines += [f"login {word} {uid_of(word)} {uid_of(word)} {home_of(word)}" for word in words if word in self.users]
        lines += [f"at {components_of(word[1:], self.paths)} {word[1:]}" for word in words if word.startswith("?")]
        lines += self.accounts if any(word in self.users for word in words) else []
        lines += [f"settings {word[1:]} {self.engines.get(word[1:], '')}" for word in words if word.startswith("@")]
        lines += [f"denied {word}" for word in words if word in self.denied]
        return Output(0, b"".join(rows) + "".join(f"{line}\n" for line in [*lines, "end"]).encode())

    def seen(self, text: str = TEXT, own: Output | None = None) -> Schedules:
        """Drive the topic's generator against this machine."""
        inventory = load_inventory(Path("world.yml"), text)
        looking = schedules.observe.observe(inventory.nodes["vgpu"], inventory)
        next(looking)
        try:
            [question] = looking.send([Output(0, self.printed(), command="sh -c"), own or self.own()])
            for _ in range(3):
                [question] = looking.send([self.told(question.words[4:])])
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        raise AssertionError("the topic asks too often")


def uid_of(name: str) -> int:
    """The uid of a user of the usual node."""
    return 0 if name == "root" else 1000


def home_of(name: str) -> str:
    """The home directory of a user of the usual node."""
    return "/root" if name == "root" else f"/home/{name}"


def components_of(path: str, paths: Mapping[str, str]) -> str:
    """What a node with these paths prints about one of them, with its flags as root sees them."""
    parts = [part for part in path.split("/") if part]
    way = [paths["/"]]
    for number in range(1, len(parts) + 1):
        place = "/" + "/".join(parts[:number])
        way.append(paths.get(place, "none"))
        if way[-1] == "none":
            break
    return f"{','.join(way)} -wxs"


def snapshot_lines(path: str, file: File) -> list[bytes]:
    kind = "user" if "/spool/" in path else "directory" if "ly/" in path else "system"
    head = (
        f"file {kind} {file.link_owner} {file.owner} {file.mode:o} {file.links} {file.changed} {len(file.bytes)} {path}"
    )
    return [head.encode() + b"\n", *(b"|" + row for row in split_lines_exactly(file.bytes)), b"\n"]


def schedule_fleet(
    vgpu: Machine | Unobservable | None = None,
    *,
    data: Machine | Unobservable | None = None,
    here: Sequence[Container] | Unobservable = (POSTGRES,),
    there: Sequence[Container] = (),
    files: Sequence[BackupsFile] | Unobservable = (),
    text: str = TEXT,
    now: datetime = NOW,
) -> Fleet:
    """One look: postgres and the entry on vgpu, nginx on manager, the backups on data."""
    empty = Machine({})
    machines = {"manager": empty, "data": data or empty, "vgpu": vgpu or Machine(GOOD)}
    running = {"manager": (NGINX,), "data": there, "vgpu": here}
    node = Nodes(ahead=0.0, uncertainty=0.01, hostname="x", timezone="UTC", utc_offset=0, uid=0, root_uid=0)
    facts: dict[tuple[str, str], Facts | Unobservable] = {}
    for name, machine in machines.items():
        facts[name, "schedules"] = machine if isinstance(machine, Unobservable) else machine.seen(text)
        facts[name, "nodes"] = node
        containing = running[name]
        facts[name, "containers"] = (
            containing
            if isinstance(containing, Unobservable)
            else Containers(docker="present", containers=tuple(containing))
        )
    facts["data", "backups"] = Backups("/backups", files if isinstance(files, Unobservable) else tuple(files))
    return Fleet(load_inventory(Path("world.yml"), text), now, facts)


def verdict_of(seen: Fleet, rule: str = RULE, subject: Subject = Subject("service", "postgres")) -> Verdict:  # noqa: B008
    return judge_subject(RULES[rule], seen, subject)
