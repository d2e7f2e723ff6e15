"""`fleetkeeper where` on this machine and one that does not answer: quick, and its exit status says what was seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.main import cli
from fleetkeeper.exit_codes import Exit

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
