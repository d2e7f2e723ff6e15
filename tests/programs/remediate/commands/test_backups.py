"""`remediate backups`: what it lists, what verifying says, and what is written down."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from fleetkeeper.errors import UsageError
from remediate.commands.backups import backups

DUMP = b"--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n"


# ── the whole way, on this machine as a node ──

HERE = """
nodes:
  here: {{connection: local}}
services:
  postgres: {{name: nothing_of_this_name}}
backups:
  service: postgres
  schedule: "0 0,12 * * *"
  volume: {{name: here, node: here, path: {path}}}
  timezone: UTC
  keep: {{last: 4}}
certificates: {{none: "not here"}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An inventory of this machine, whose backups stand in a directory of their own."""
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    directory = tmp_path / "backups"
    directory.mkdir()
    (tmp_path / "here.yml").write_text(HERE.format(path=directory))

    def run(*words: str):
        return CliRunner().invoke(backups, [*words, "--hosts", str(tmp_path / "here.yml")])

    return directory, run


def test_list_and_verify_work_on_real_files(here):
    directory, run = here
    now = datetime.now(UTC)
    for hours in (1, 13):
        then = now - timedelta(hours=hours)
        path = directory / then.strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")
        path.write_bytes(gzip.compress(DUMP if hours == 1 else b""))
        os.utime(path, (then.timestamp(), then.timestamp()))
    process = run("list", "--json")
    assert [row["state"] for row in json.loads(process.stdout)["backups"]] == ["complete", "broken"]
    checked = run("verify")
    assert (checked.exit_code, checked.stdout.splitlines()[-1]) == (1, "1 complete, 1 broken, 0 unknown")


def test_verify_refuses_a_name_that_is_not_there(here):
    _, run = here
    assert isinstance(run("verify", "backup_2020_01_01T00_00_00.sql.gz").exception, UsageError)


def test_state_says_where_proofs_are_remembered(here, tmp_path):
    directory, run = here
    then = datetime.now(UTC) - timedelta(hours=1)
    path = directory / then.strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")
    path.write_bytes(gzip.compress(DUMP))
    os.utime(path, (then.timestamp(), then.timestamp()))
    assert run("verify", "--state", str(tmp_path / "own")).exit_code == 0
    assert (tmp_path / "own" / "verified.sqlite").exists()
    assert not (tmp_path / "state").exists()


def test_what_is_still_written_to_is_not_called_broken(here):
    directory, run = here
    name = datetime.now(UTC).strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")
    (directory / name).write_bytes(gzip.compress(DUMP)[:-9])
    checked = run("verify")
    assert (checked.exit_code, checked.stdout.splitlines()[0]) == (4, f"unknown: {name}: it is still being written")


def test_verify_again_reads_the_copies_too_and_names_one_that_has_rotted(here, tmp_path):
    directory, run = here
    then = datetime.now(UTC) - timedelta(hours=1)
    path = directory / then.strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")
    path.write_bytes(gzip.compress(DUMP))
    os.utime(path, (then.timestamp(), then.timestamp()))
    second = tmp_path / "second"
    shutil.copytree(directory, second)
    text = (tmp_path / "here.yml").read_text()
    (tmp_path / "here.yml").write_text(
        text.replace("  timezone", f"  elsewhere: {{node: here, path: {second}}}\n  timezone")
    )
    assert run("verify", "--again").exit_code == 0
    rotted = bytearray(path.read_bytes())
    rotted[20] ^= 1
    (second / path.name).write_bytes(rotted)
    shutil.copystat(path, second / path.name)  # as a disk that loses a bit: nothing else tells
    assert run("verify").exit_code == 0
    checked = run("verify", "--again")
    assert checked.exit_code == 1
    assert f"broken: {second}/{path.name}: it is not what it is a copy of" in checked.stdout
