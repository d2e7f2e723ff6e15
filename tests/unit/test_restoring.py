"""Restoring: what is planned, what is shown to be lost, and what the scripts ask of psql."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest
from click.testing import CliRunner

from fleet.discovery import Placement
from fleet.topics.backups.catalog import catalog
from fleet.topics.containers.facts import Container
from remediate.backups.restoring import Swap, lost
from remediate.backups.scripts import DROP, RESTORE, SWAP
from remediate.backups_cli import backups
from remediate.steps import Run
from tests.backups import GOOD, NOW, policy, proofs

BACKUP = catalog(GOOD, proofs(GOOD), policy(), NOW).backups[0]
PLACE = Placement("vgpu", Container("f" * 64, "rodan_postgres.1"))
RESTORING = Swap(policy(), PLACE, BACKUP, f"/backups/{BACKUP.name}", "rodan", "rodan", "20260615_163000")
PROOF = Run("data", ("true",), changes=False)


def test_it_is_restored_beside_the_live_database_first_and_the_way_back_is_to_drop_it():
    proof, step = RESTORING.beside(PROOF).steps
    assert proof is PROOF
    assert step.words[4:] == ("rodan", "rodan", "rodan_restored_20260615_163000", f"/backups/{BACKUP.name}", "sql.gz")
    assert step.undo == ("sh", "-c", DROP, "sh", "rodan", "rodan", "rodan_restored_20260615_163000")


def test_the_change_of_names_is_one_step_whose_way_back_is_itself_turned_round():
    plan = RESTORING.change()
    [step] = plan.steps
    assert step.words[4:] == ("rodan", "rodan", "rodan_restored_20260615_163000", "rodan_before_20260615_163000")
    assert step.undo[4:] == ("rodan", "rodan", "rodan_before_20260615_163000", "rodan_restored_20260615_163000")
    assert plan.disturbs == ("restart",)


def test_names_stay_within_what_postgres_keeps_of_them():
    long = replace(RESTORING, live="x" * 63)
    assert len(long.new) <= 63
    assert len(long.aside) <= 63
    assert len({long.live, long.new, long.aside}) == 3


def test_what_was_written_since_the_dump_is_named_before_anybody_agrees():
    live = {"public.runjob": 4002, "public.new": 3, "public.user": 120, "public.draft": 1, "public.bare": 0}
    restored = {"public.runjob": 4000, "public.user": 120, "public.draft": 5}
    assert [line.text for line in lost(RESTORING, live, restored)] == [
        f"{BACKUP.name} was made at 2026-06-15 16:01 UTC.",
        "  lost: 3 rows of public.new (the whole table)",
        "  lost: 2 rows of public.runjob",
        "  lost: 0 rows of public.bare (the whole table)",
        "  come back: rows of public.draft",
    ]


# ── the scripts, with a psql that writes down what it is asked ──


@pytest.fixture
def asking(tmp_path):
    """Run a script; its exit status and everything psql was asked, in order."""

    def run(script: str, *words: str, psql: str = "cat >>LOG", dump: bytes = b"SELECT 1;\n"):
        (tmp_path / "dump.sql").write_bytes(dump)
        log = tmp_path / "log"
        log.write_bytes(b"")
        tool = tmp_path / "psql"
        tool.write_text(f'#!/bin/sh\necho "[$*]" >>{log}\n{psql.replace("LOG", str(log))}\n')
        tool.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POSTGRES_PASSWORD": "hush"}
        arguments = ("rodan", "rodan", *(word.replace("DUMP", str(tmp_path / "dump.sql")) for word in words))
        done = subprocess.run(
            ("sh", "-c", script, "sh", *arguments), capture_output=True, text=True, check=False, env=environment
        )
        assert "hush" not in done.stdout + done.stderr + log.read_text()
        return done.returncode, log.read_text()

    return run


ANSWER = 'sql=$(cat); echo "$sql" >>LOG; case "$sql" in *pg_database_size*) echo 1;; *data_directory*) echo /;; esac'


def test_case_42_a_dump_that_does_not_restore_is_dropped_and_the_live_name_never_appears_in_a_change(asking):
    failing = f'{ANSWER}; case "$*" in *rodan_new*) case "$sql" in *SELECT\\ 1*) exit 3;; esac;; esac'
    rc, asked = asking(RESTORE, "rodan_new", "DUMP", "sql", psql=failing)
    assert rc == 66
    assert 'DROP DATABASE IF EXISTS :"new";' in asked
    assert "ALTER DATABASE" not in asked


def test_case_42_a_restore_creates_fills_and_analyses_the_new_database_only(asking):
    rc, asked = asking(RESTORE, "rodan_new", "DUMP", "sql", psql=ANSWER)
    assert rc == 0
    filled = [line for line in asked.splitlines() if line.startswith("[") and "-d rodan_new" in line]
    assert len(filled) == 2
    assert all("-X -w -qAt -v ON_ERROR_STOP=1" in line for line in filled)
    assert "DROP" not in asked


def test_a_dump_that_cannot_be_read_changes_nothing(asking):
    assert asking(RESTORE, "rodan_new", "DUMP.gone", "sql") == (74, "")


def test_case_42_both_renames_are_in_one_transaction(asking):
    rc, asked = asking(SWAP, "rodan_new", "rodan_old")
    assert rc == 0
    lines = [line for line in asked.splitlines() if line.startswith(("BEGIN", "ALTER", "COMMIT"))]
    assert lines == [
        "BEGIN;",
        'ALTER DATABASE :"live" RENAME TO :"aside";',
        'ALTER DATABASE :"takes" RENAME TO :"live";',
        "COMMIT;",
    ]
    assert "-d postgres -v live=rodan -v takes=rodan_new -v aside=rodan_old" in asked


def test_a_change_of_names_that_sessions_prevent_is_tried_ten_times_and_then_fails(asking):
    rc, asked = asking(SWAP, "rodan_new", "rodan_old", psql="cat >/dev/null; exit 3")
    assert (rc, asked.count("[")) == (66, 10)


def test_case_42_the_live_database_is_never_dropped(asking):
    assert asking(DROP, "rodan") == (65, "")
    rc, asked = asking(DROP, "rodan_old")
    assert rc == 0
    assert 'DROP DATABASE IF EXISTS :"gone";' in asked


def test_every_command_says_what_it_does():
    said = CliRunner().invoke(backups, ["--help"]).output
    for command in ("list", "create", "verify", "drill", "restore", "accept"):
        assert f"  {command} " in said
