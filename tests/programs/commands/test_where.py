"""`fleetkeeper where` on this machine and one that does not answer: quick, and its exit status says what was seen."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.enter_commands import EnterCommands, user_configuration
from fleetkeeper.commands.main import cli
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Without
from tests.helpers.sshd import run_sshd

INVENTORY = """
nodes:
  here: {connection: local}
  there: {address: 127.0.0.1, port: 1}
services: {undecided: "postgres was seen on there"}
backups: {undecided: "no dumps were seen"}
certificates: {none: a test}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "mine.yml").write_text(INVENTORY)
    return tmp_path


def test_a_dead_node_and_an_undecided_inventory_are_no_obstacle_and_are_named() -> None:
    ran = CliRunner().invoke(cli, ["where", "postgres", "--hosts=./mine.yml", "--json"])
    assert ran.exit_code == Exit.NOT_ALL_SEEN, ran.output
    document = json.loads(ran.output)
    assert "refused" in document["not_seen"]["there"]
    assert [entry["service"] for entry in document["services"]] == ["postgres"]


def test_the_text_names_what_was_not_seen() -> None:
    ran = CliRunner().invoke(cli, ["where", "postgres", "--hosts=./mine.yml"])
    assert "runs on no node that was seen; it may run on" in ran.output
    assert "not seen: there: " in ran.output


def test_ssh_itself_takes_the_command_through_two_jump_hosts_whose_keys_only_the_inventory_has(tmp_path: Path) -> None:
    with run_sshd(tmp_path / "server") as server:
        folder = tmp_path / "a folder 100%h"
        shutil.copytree(server.folder, folder)
        jumps = {"near": None, "middle": "near", "last": "middle"}
        nodes = {name: server.node(name, jump=jump, identity=str(folder / "id")) for name, jump in jumps.items()}
        inventory = Inventory(
            name="mine", path="", nodes=nodes, known_hosts=str(folder / "known_hosts"), services=Without(none="a test")
        )
        words = EnterCommands(inventory, user_configuration).ssh_words(nodes["last"])
        ran = subprocess.run(
            ["ssh", "-o", "BatchMode=yes", *words, "echo entered"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.stdout == "entered\n", ran.stderr
        assert server.log.count("Accepted publickey") == len(nodes)
