"""The database behind the backups: told apart from any other, and what is written down about it."""

from __future__ import annotations

import os
import subprocess

import pytest

from fleetkeeper.topics.backups.database.facts import Records
from fleetkeeper.topics.backups.database.observe import SHELL_RECORDS, parse_records
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script


def test_the_script_asks_psql_for_each_table_and_never_pastes_a_name(tmp_path):
    psql = tmp_path / "psql"
    psql.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\nsql=$(cat)\necho "$sql" >>{tmp_path}/asked\n{ANSWERS}')
    psql.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POSTGRES_USER": "rodan", "POSTGRES_PASSWORD": "hush"}
    words = (
        "sh",
        "-c",
        load_script("fleetkeeper/topics/backups/database/scripts/ask_database.sh"),
        "sh",
        "",
        "",
        "",
        "",
        "auth_user",
        "public.x",
    )
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert known_lines(done.stdout) == ["system 7", "directory /d", "rows 120 auth_user", "rows -1 public.x"]
    text = (tmp_path / "asked").read_text()
    assert "-X -w -qAt -v ON_ERROR_STOP=1 -U rodan -v table=auth_user" in text
    assert "hush" not in text
    assert "FROM auth_user" not in text
    lacking = subprocess.run(words, capture_output=True, text=True, check=True, env=environment | {"KNOWN": "0"})
    assert known_lines(lacking.stdout) == ["system 7", "directory /d", "rows -1 auth_user", "rows -1 public.x"]


def known_lines(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith(("system ", "directory ", "rows "))]


ANSWERS = """
case "$sql" in
  *pg_database*) echo "${KNOWN:-1}" ;;
  *system_identifier*) printf 'system 7\\ndirectory /d\\n' ;;
  *to_regclass*) case "$*" in *auth_user*) echo t ;; *) echo f ;; esac ;;
  *) echo 120 ;;
esac
"""


def test_a_record_under_the_name_of_its_service_is_read_where_there_is_no_other_yet(tmp_path):
    own, older = tmp_path / "own.json", tmp_path / "backups-postgres.json"
    words = ("sh", "-c", SHELL_RECORDS, "read-record", str(own), str(older))
    older.write_text("{}")
    done = subprocess.run(words, check=True, capture_output=True)
    assert done.stdout == b"adopted\n{}"
    own.write_text('{"version": 2}')
    assert subprocess.run(words, check=True, capture_output=True).stdout == b'{"version": 2}'


def test_no_record_is_an_empty_one_and_a_broken_one_is_unknown(tmp_path):
    words = ("sh", "-c", SHELL_RECORDS, "sh", str(tmp_path / "none.json"))
    assert parse_records(Output(subprocess.run(words, check=False).returncode)) == Records()
    with pytest.raises(Unobservable, match="makes no sense"):
        parse_records(Output(0, b'{"accepted": 3}'))
