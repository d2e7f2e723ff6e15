"""What an older inventory lacks is written behind what stands there, which is left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.init.update import topics_to_decide, unwritten_topics, with_sections
from fleetkeeper.commands.main import cli
from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.survey_results import Findings
from fleetkeeper.topics.registry import load_inventory

FOUND = Findings("mine", ())
PATH = Path("mine.yml")
OLDER = b"""\
# ours: do not touch
nodes: {here: {connection: local}}   # this machine

services: {none: a test}
backups: {none: a test}
certificates: {none: a test}"""


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n\n", b"\n# the end", b"\r\n"])
def test_what_an_inventory_lacks_is_proposed_behind_what_stands_there(end: bytes) -> None:
    content = OLDER + end
    assert [topic.key for topic in unwritten_topics(load_inventory(PATH, content))] == [
        "stacks",
        "mail",
        "gpus",
        "queues",
        "errors",
    ]
    longer = with_sections(PATH, content, FOUND)
    assert longer.startswith(content)
    assert unwritten_topics(load_inventory(PATH, longer)) == []
    assert with_sections(PATH, longer, FOUND).rstrip() == longer.rstrip()


def test_nothing_is_written_behind_the_end_of_a_document() -> None:
    with pytest.raises(UsageError, match="nothing can be added to the end") as why:
        with_sections(PATH, OLDER + b"\n...\n", FOUND)
    assert "mail:" in (why.value.hint or "")


def test_an_inventory_with_every_section_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(with_sections(PATH, OLDER, FOUND))
    before = path.read_bytes()
    ran = CliRunner().invoke(cli, ["init", "--update", str(path)])
    assert (ran.exit_code, path.read_bytes()) == (0, before), ran.output
    assert "has every section" in ran.output


def test_a_section_that_is_undecided_is_proposed_and_the_file_left_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.yml"
    path.write_bytes(
        OLDER.replace(b"backups: {none: a test}", b"backups: {undecided: a database}")
        + b"\nmail: {none: x}\nstacks: {none: x}\ngpus: {none: x}\nqueues: {none: x}\nerrors: {none: x}\n"
    )
    before = path.read_bytes()
    assert [topic.name for topic in topics_to_decide(load_inventory(path))] == ["backups"]
    monkeypatch.setattr("fleetkeeper.commands.init.update.Survey.all", lambda *_, **__: FOUND)
    ran = CliRunner().invoke(cli, ["init", "--update", str(path)])
    assert (ran.exit_code, path.read_bytes()) == (0, before), ran.output
    assert "`backups` is undecided" in ran.output
    assert 'backups: {none: "no database was found"}' in ran.output


@pytest.mark.parametrize("words", [[], ["ops@192.0.2.1", "--update", __file__]])
def test_either_hosts_are_named_or_an_inventory(words: list[str]) -> None:
    ran = CliRunner().invoke(cli, ["init", *words])
    assert isinstance(ran.exception, UsageError | SystemExit)
    assert ran.exit_code != 0
