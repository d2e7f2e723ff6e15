"""The first look: what is read off hosts, and that what is written is an inventory, whatever the hosts say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fleetkeeper.commands.init.dumps import Around, backups_of
from fleetkeeper.commands.init.hosts import Login, node_of
from fleetkeeper.commands.init.inventory_text import text
from fleetkeeper.commands.init.results import Backups, Findings, Found, Machine, Scheduled, Stranger
from fleetkeeper.commands.init.services import services_of
from fleetkeeper.commands.init.survey import Looking, NotTrusted
from fleetkeeper.inventory.schema import Node
from fleetkeeper.topics.containers.facts import Mount, Placement
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import SwarmService, Task
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.local import LocalLink
from tests.helpers.sshd import Sshd, sshd
from tests.programs.remediate.commands.test_trust import NOWHERE, shown
from tests.pure.remediate.commands.init.test_init import container, dumps, seen


def test_a_service_on_a_member_that_was_not_looked_at_is_told_from_one_that_runs_nowhere() -> None:
    told = (SwarmService("1", "rodan_gpu", stack="rodan"),)
    tasks = (Task("rodan_gpu", "data", "shutdown", "failed"), Task("rodan_gpu", "vgpu", "running", "running"))
    [one] = services_of(seen(swarm=Services("manager", services=told, tasks=tasks)))
    assert (one.key, one.note) == ("gpu", "it runs on vgpu, which was not looked at")
    alone = Findings("x", (Machine(Node(name="a", address="192.0.2.7")),), (one,), strangers=(Stranger("vgpu", "::1"),))
    assert 'backups: {none: "vgpu could not be looked at: ' in text(alone, "2026-11-22", Path("/"))


def test_where_not_everything_was_seen_no_section_says_that_there_is_nothing(tmp_path: Path) -> None:
    machine = Machine(Node(name="a", address="192.0.2.7"))
    written = text(Findings("x", (machine,), blind=("a",)), "2026-11-22", tmp_path)
    assert written.count("a could not be looked at") == 3
    load_inventory(tmp_path / "x.yml", written)
    assert "could not" not in text(Findings("x", (machine,)), "2026-11-22", tmp_path)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A directory with dumps of twelve days, in the time zone of Toronto, and two strangers."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    for file in dumps("America/Toronto"):
        (folder / file.name).write_bytes(b"x" * 5000)
        os.utime(folder / file.name, (file.mtime, file.mtime))
    (folder / "notes.txt").write_text("hello")
    return folder


def looked(volume: Path, scheduled: Sequence[Scheduled] = ()) -> tuple[Backups | None, list[str]]:
    """What is found of a database that writes its dumps there; questions are asked of this machine."""
    mounts = (
        Mount("bind", str(volume), "/backups"),
        Mount("bind", str(volume.parent), "/var/lib/postgresql/data"),
        Mount("bind", "/etc", "/conf", rw=False),
    )
    database = container("db", (70,), mounts=mounts)
    machine = Machine(Node(name="a", connection="local"), timezone="America/Toronto")

    def ask(node: str, commands: Sequence[Command]) -> list[Output]:
        return LocalLink().ask(commands)

    around = Around(seen(database), {"a": machine}, scheduled, ask)
    return backups_of(around, Found("db", "db", database=True), [Placement("a", database)])


def test_the_dumps_are_found_with_their_names_zone_and_size(volume: Path) -> None:
    entry = Scheduled("a", "0 0,12 * * *", "backup now", "/etc/cron.d/x:3")
    found, unseen = looked(volume, [entry])
    assert unseen == []
    assert found is not None
    assert (found.pattern, found.timezone) == ("backup_%Y_%m_%dT%H_%M_%S.sql.gz", "America/Toronto")
    assert (found.number, found.newest, found.path) == (24, 5000, str(volume))
    assert (found.schedule, found.command, found.guessed) == ("0 0,12 * * *", "backup now", ())
    assert found.used >= 24 * 4096


def test_an_entry_without_readable_times_leaves_them_to_the_names_of_the_dumps(volume: Path) -> None:
    when = [Scheduled("a", "", "backup", "/etc/cron.daily/x"), Scheduled("a", "7 7 * * *", "backup", "x.timer")]
    found, _ = looked(volume, when[:1])
    assert found is not None
    assert (found.schedule, found.command, found.where) == ("0 0,12 * * *", "backup", "a: /etc/cron.daily/x")
    both, _ = looked(volume, when)
    assert both is not None
    assert both.schedule == "7 7 * * *"


def test_what_no_entry_tells_is_a_guess_and_said_to_be_one(volume: Path) -> None:
    found, _ = looked(volume)
    assert found is not None
    assert "command" in found.guessed


def test_case_39_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    found, unseen = looked(tmp_path / "gone")
    assert found is None
    assert "could not be listed" in unseen[0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with sshd(tmp_path / "sshd") as running:
        (tmp_path / "ssh_config").write_text(NOWHERE)
        yield running


def look_at(server: Sshd, tmp_path: Path, *, trusted: bool) -> Findings:
    print_ = shown(server.folder / "host_ed25519.pub")
    looking = Looking(
        tmp_path / "mine.yml", lambda line: None, None, (print_,) if trusted else (), str(tmp_path / "ssh_config")
    )
    host = node_of(f"{server.user}@127.0.0.1:{server.port}", Login(server.identity))
    return looking.all([host], follow=False)


def test_case_12_nothing_is_asked_of_a_host_whose_key_nobody_trusts(server: Sshd, tmp_path: Path) -> None:
    with pytest.raises(NotTrusted):
        look_at(server, tmp_path, trusted=False)
    assert "Accepted" not in server.log


def test_a_real_host_becomes_an_inventory_that_reaches_it(server: Sshd, tmp_path: Path) -> None:
    found = look_at(server, tmp_path, trusted=True)
    [machine] = found.machines
    assert machine.hostname == os.uname().nodename
    inventory = load_inventory(tmp_path / "mine.yml", text(found, "2026-11-22", tmp_path))
    [node] = inventory.nodes.values()
    assert (node.port, node.user) == (server.port, server.user)
    assert (tmp_path / "known_hosts").exists()


def test_a_host_that_does_not_answer_is_written_down_as_unseen(server: Sshd, tmp_path: Path) -> None:
    server.stop()
    [machine] = look_at(server, tmp_path, trusted=True).machines
    assert "refused" in machine.trouble
