"""`fleetkeeper waive`, from its words to the inventory that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.main import cli
from fleetkeeper.errors import UsageError
from fleetkeeper.topics.registry import load_inventory
from tests.programs.test_pytest_plugin import INVENTORY, TOPIC


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "promises.py").write_text(TOPIC)
    (tmp_path / "mine.yml").write_text(INVENTORY)
    return tmp_path / "mine.yml"


WORDS = ("waive", "--hosts=./mine.yml", "--until=2999-12-31", "--owner=ops@example.org")


def test_all_that_stands_is_waived_and_then_nothing_stands(mine: Path) -> None:
    first = CliRunner().invoke(cli, [*WORDS, "--all"])
    assert first.exit_code == 4, first.output  # `there` is no server: what it hides is not waived
    rules = {waiver.rule for waiver in load_inventory(mine).waivers[2:]}
    of_this_machine = {"nodes.can_be_looked_at"}  # an engine may be installed here that does not run
    assert rules - of_this_machine == {"promises.is_wrong", "promises.has_expired"}
    assert "nothing stands" in CliRunner().invoke(cli, [*WORDS, "--all"]).output


def test_rules_can_be_named(mine: Path) -> None:
    ran = CliRunner().invoke(cli, [*WORDS, "promises.is_wrong"])
    assert ran.exit_code == 0, ran.output
    assert {waiver.rule for waiver in load_inventory(mine).waivers[2:]} == {"promises.is_wrong"}


@pytest.mark.parametrize(
    "words",
    [WORDS, (*WORDS, "--all", "promises"), ("waive", "--all", "--until=2026-02-31", "--owner=a", "--hosts=./mine.yml"),
     ("waive", "--all", "--until=2020-01-01", "--owner=a", "--hosts=./mine.yml"),
     ("waive", "--all", "--until=2999-01-01", "--owner= ", "--hosts=./mine.yml"), (*WORDS, "no.rule")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(mine: Path, words: tuple[str, ...]) -> None:
    before = mine.read_bytes()
    ran = CliRunner().invoke(cli, list(words))
    assert isinstance(ran.exception, UsageError)
    assert mine.read_bytes() == before
