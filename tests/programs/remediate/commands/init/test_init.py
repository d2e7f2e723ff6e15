"""The first look: what is read off hosts, and that what is written is an inventory, whatever the hosts say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.init.dump_listings import SurveyContext, backups_of
from fleetkeeper.commands.init.hosts import Login, node_of
from fleetkeeper.commands.init.inventory_text import inventory_text
from fleetkeeper.commands.init.survey import NotTrusted, Survey
from fleetkeeper.commands.main import cli
from fleetkeeper.inventory.schema import Node
from fleetkeeper.inventory.survey_results import Backups, Findings, FoundService, Machine, Scheduled
from fleetkeeper.topics.containers.facts import Mount, Placement
from fleetkeeper.topics.mail.policy import Policy as MailPolicy
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.local import LocalLink
from tests.helpers.sshd import Sshd, run_sshd
from tests.programs.remediate.commands.test_trust import NOWHERE, shown_text
from tests.pure.remediate.commands.init.test_init import facts_seen, make_container, make_dumps


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A directory with dumps of twelve days, in the time zone of Toronto, and two strangers."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    for file in make_dumps("America/Toronto"):
        (folder / file.name).write_bytes(b"x" * 5000)
        os.utime(folder / file.name, (file.mtime, file.mtime))
    (folder / "notes.txt").write_text("hello")
    return folder


def look_at_node(volume: Path, scheduled: Sequence[Scheduled] = ()) -> tuple[Backups | None, list[str]]:
    """What is found of a database that writes its dumps there; questions are asked of this machine."""
    mounts = (
        Mount("bind", str(volume), "/backups"),
        Mount("bind", str(volume.parent), "/var/lib/postgresql/data"),
        Mount("bind", "/etc", "/conf", rw=False),
    )
    database = make_container("db", (70,), mounts=mounts)
    machine = Machine(Node(name="a", connection="local"), timezone="America/Toronto")

    def ask(node: str, commands: Sequence[Command]) -> list[Output]:
        return LocalLink().ask(commands)

    around = SurveyContext(facts_seen(database), {"a": machine}, scheduled, ask)
    return backups_of(around, FoundService("db", "db", database=True), [Placement("a", database)])


def test_the_dumps_are_found_with_their_names_zone_and_size(volume: Path) -> None:
    entry = Scheduled("a", "0 0,12 * * *", "backup now", "/etc/cron.d/x:3")
    match, unseen = look_at_node(volume, [entry])
    assert unseen == []
    assert match is not None
    assert (match.pattern, match.timezone) == ("backup_%Y_%m_%dT%H_%M_%S.sql.gz", "America/Toronto")
    assert (match.number, match.newest, match.path) == (24, 5000, str(volume))
    assert (match.schedule, match.command, match.guessed) == ("0 0,12 * * *", "backup now", ())
    assert match.used >= 24 * 4096


def test_an_entry_without_readable_times_leaves_them_to_the_names_of_the_dumps(volume: Path) -> None:
    when = [Scheduled("a", "", "backup", "/etc/cron.daily/x"), Scheduled("a", "7 7 * * *", "backup", "x.timer")]
    match, _ = look_at_node(volume, when[:1])
    assert match is not None
    assert (match.schedule, match.command, match.where) == ("0 0,12 * * *", "backup", "a: /etc/cron.daily/x")
    both, _ = look_at_node(volume, when)
    assert both is not None
    assert both.schedule == "7 7 * * *"


def test_an_entry_where_the_database_runs_comes_before_that_of_another_node(volume: Path) -> None:
    """It enters a container of its own node, which may be that of another database."""
    elsewhere, own = Scheduled("b", "9 9 * * *", "dump", "b.timer"), Scheduled("a", "", "backup", "/etc/cron.daily/x")
    match, _ = look_at_node(volume, [elsewhere, own])
    assert match is not None
    assert (match.schedule, match.command, match.where) == ("0 0,12 * * *", "backup", "a: /etc/cron.daily/x")
    left_over, _ = look_at_node(volume, [elsewhere])
    assert left_over is not None
    assert (left_over.schedule, left_over.where) == ("9 9 * * *", "b: b.timer")


def test_what_no_entry_tells_is_a_guess_and_said_to_be_one(volume: Path) -> None:
    match, _ = look_at_node(volume)
    assert match is not None
    assert "command" in match.guessed


def test_case_39_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    match, unseen = look_at_node(tmp_path / "gone")
    assert match is None
    assert "could not be listed" in unseen[0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with run_sshd(tmp_path / "sshd") as running:
        (tmp_path / "ssh_config").write_text(NOWHERE)
        yield running


def look_at(server: Sshd, tmp_path: Path, *, trusted: bool) -> Findings:
    print_ = shown_text(server.folder / "host_ed25519.pub")
    looking = Survey(
        tmp_path / "mine.yml", lambda line: None, None, (print_,) if trusted else (), str(tmp_path / "ssh_config")
    )
    host = node_of(f"{server.user}@127.0.0.1:{server.port}", Login(server.identity))
    return looking.all([host], follow=False)


def test_case_12_nothing_is_asked_of_a_host_whose_key_nobody_trusts(server: Sshd, tmp_path: Path) -> None:
    with pytest.raises(NotTrusted):
        look_at(server, tmp_path, trusted=False)
    assert "Accepted" not in server.log


def test_a_real_host_becomes_an_inventory_that_reaches_it(server: Sshd, tmp_path: Path) -> None:
    match = look_at(server, tmp_path, trusted=True)
    [machine] = match.machines
    assert machine.hostname == os.uname().nodename
    inventory = load_inventory(tmp_path / "mine.yml", inventory_text(match, "2026-11-22", tmp_path))
    [node] = inventory.nodes.values()
    assert (node.port, node.user) == (server.port, server.user)
    assert (tmp_path / "known_hosts").exists()


def test_a_host_that_does_not_answer_is_written_down_as_unseen(server: Sshd, tmp_path: Path) -> None:
    server.stop()
    [machine] = look_at(server, tmp_path, trusted=True).machines
    assert "refused" in machine.trouble


def test_when_no_host_answers_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(cli, ["init", "127.0.0.1:1", "--name", "mine"])
    assert ran.exit_code == 4, ran.output
    assert not (tmp_path / "mine.yml").exists()


def test_an_older_inventory_of_this_machine_gets_the_section_that_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    older = "nodes: {here: {connection: local}}\n" + "".join(
        f"{name}: {{none: a test}}\n" for name in ("services", "backups", "certificates")
    )
    path.write_text(older)
    ran = CliRunner().invoke(cli, ["init", "--update", str(path)])
    assert ran.exit_code == 0, ran.output
    assert path.read_text().startswith(older)
    assert "\nmail: {without: {}}" in path.read_text()
    assert load_inventory(path).sections[MailPolicy] == MailPolicy()
