"""Restoring: what is planned, what is shown to be lost, and what the scripts ask of psql."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest
from click.testing import CliRunner

from fleetkeeper.topics.backups.catalog import build_catalog
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.backups.database_contents import DatabaseContents, parse_contents
from remediate.backups.database_swap import Swap
from remediate.backups.restore_messages import left_behind_lines, lost_lines, way_back
from remediate.commands.backups import backups
from remediate.steps import Run, dump, load
from tests.example_fleets.backups import GOOD, NOW, make_policy, proofs_of

BACKUP = build_catalog(GOOD, proofs_of(GOOD), make_policy(), NOW).backups[0]
PLACE = Placement("vgpu", Container("f" * 64, "rodan_postgres.1"))
RESTORING = Swap(make_policy(), PLACE, BACKUP, f"/backups/{BACKUP.name}", "rodan", "rodan", "20260615_163000")
PROOF = Run("data", ("true",), changes=False)


def test_it_is_restored_beside_the_live_database_first_and_the_way_back_is_to_drop_it():
    proof, step = RESTORING.fill_plan(PROOF).steps
    assert proof is PROOF
    assert step.words[4:] == ("rodan", "rodan", "rodan_restored_20260615_163000", f"/backups/{BACKUP.name}", "sql.gz")
    assert step.inverse(None, None).words == (
        "sh",
        "-c",
        load_script("remediate/backups/scripts/drop_database.sh"),
        "sh",
        "rodan",
        "rodan",
        "rodan_restored_20260615_163000",
    )


def test_the_change_of_names_is_one_step_whose_way_back_is_itself_turned_round():
    plan = RESTORING.change_plan()
    [step] = plan.steps
    names = ("rodan_restored_20260615_163000", "rodan_before_20260615_163000")
    assert step.words[4:8] == ("rodan", "rodan", *names)
    back = step.inverse(None, None)
    assert back.words[4:8] == ("rodan", "rodan", *reversed(names))
    assert back.show().startswith(
        f"end all sessions, rename rodan back to {names[0]} and rename {names[1]} back to rodan"
    )
    assert plan.disturbs == ("restart",)
    assert load(dump(back)) == back


@pytest.mark.parametrize("live", ["x" * 63, 'My-"Rodan" db', "a=b dbname=c", "Füße'; DROP", "ü" * 30])
def test_new_names_are_plain_and_stay_within_what_postgres_keeps_of_them(live):
    unusual = replace(RESTORING, live=live)
    for name in (unusual.new, unusual.aside):
        assert len(name) <= 63
        assert name.isascii()
        assert name.replace("_", "").isalnum()
    assert len({live, unusual.new, unusual.aside}) == 3


LIVE = DatabaseContents(
    {"public.runjob": 4002, "public.new": 3, "public.user": 120, "public.draft": 1, "public.bare": 0},
    ("plpgsql", "pg_trgm"),
    content={"public.user": 7, "public.runjob": 1},
)
RESTORED = DatabaseContents(
    {"public.runjob": 4000, "public.user": 120, "public.draft": 5}, ("plpgsql",), content={"public.user": 8}
)


def lines_told(live: DatabaseContents | Unobservable, restored: DatabaseContents) -> list[str]:
    return [line.text.strip() for line in lost_lines(RESTORING, live, restored)][1:]


def test_what_was_written_since_the_dump_is_named_before_anybody_agrees():
    assert lines_told(LIVE, RESTORED) == [
        "lost: the whole table, 3 rows, of public.new",
        "lost: at least 2 rows of public.runjob",
        "lost: the whole table, 0 rows, of public.bare",
        "lost: the extension pg_trgm",
        "lost: changes within rows of public.user",
        "come back: rows of public.draft",
        "Not compared within rows: public.runjob, public.draft",
    ]


def test_a_live_database_that_holds_the_same_loses_nothing():
    same = replace(RESTORED, content=dict.fromkeys(RESTORED.rows, 1))
    assert lines_told(same, same) == ["Nothing that could be compared has changed since then."]


def test_a_damaged_live_database_does_not_keep_anybody_from_restoring():
    assert lines_told(Unobservable("invalid page in block 3"), RESTORED) == [
        "what would be lost is not known: invalid page in block 3"
    ]


def test_where_the_live_database_is_gone_the_restored_one_only_takes_its_name():
    gone = replace(RESTORING, there=False)
    [step] = gone.change_plan().steps
    assert step.inverse(None, None) is None
    assert step.words[-1] == "-", "a database of that name that is there by then is left alone"
    assert "end all sessions" not in step.show()
    assert [line.text for line in way_back(gone, "run")] == [f"rodan is now what {BACKUP.name} held."]


def test_replication_slots_that_stay_behind_are_named():
    [line] = left_behind_lines(RESTORING, parse_contents(Output(0, b"slot|mirror\n")))
    assert "the replication slots mirror" in line.text


def test_the_way_back_names_the_run_that_changed_the_names():
    lines = [line.text.strip() for line in way_back(RESTORING, "20261122-1")]
    assert "`remediate undo 20261122-1`" in lines[1]
    assert lines[2].endswith(
        'ALTER DATABASE "rodan" RENAME TO "rodan_restored_20260615_163000"; '
        'ALTER DATABASE "rodan_before_20260615_163000" RENAME TO "rodan";'
    )


# ── the scripts, with a psql that writes down what it is asked ──


@pytest.fixture
def asking(tmp_path):
    """Run a script; its exit status and everything psql was asked, in order."""

    def run(script: str, *words: str, psql: str = "cat >>LOG", dump: bytes = b"SELECT 1;\n"):
        (tmp_path / "dump.sql").write_bytes(dump)
        log = tmp_path / "log"
        log.write_bytes(b"")
        tool = tmp_path / "psql"
        tool.write_text(f'#!/bin/sh\necho "[$PGDATABASE $*]" >>{log}\n{psql.replace("LOG", str(log))}\n')
        tool.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POSTGRES_PASSWORD": "hush"}
        arguments = ("rodan", "rodan", *(word.replace("DUMP", str(tmp_path / "dump.sql")) for word in words))
        done = subprocess.run(
            ("sh", "-c", script, "sh", *arguments), capture_output=True, text=True, check=False, env=environment
        )
        assert "hush" not in done.stdout + done.stderr + log.read_text()
        run.said = done.stderr
        return done.returncode, log.read_text()

    return run


ANSWER = """sql=$(cat); echo "$sql" >>LOG
case "$sql" in *pg_database_size*) echo 1;; *data_directory*) echo /;; esac
case "$sql $*" in *SELECT\\ oid*name=rodan_new) echo 7;; *SELECT\\ oid*name=rodan) echo 5;; esac"""
FAILING = f"""{ANSWER}
case $PGDATABASE-$sql in rodan_new-SELECT\\ 1*) echo 'psql:<stdin>:1: ERROR:  no such type' >&2; exit 3;; esac"""


def test_case_42_a_dump_that_does_not_restore_is_dropped_and_the_live_name_never_appears_in_a_change(asking):
    rc, question = asking(
        load_script("remediate/backups/scripts/restore_database.sh"), "rodan_new", "DUMP", "sql", psql=FAILING
    )
    assert rc == 66
    assert 'DROP DATABASE IF EXISTS :"new";' in question
    assert "RENAME" not in question


def test_case_42_a_restore_creates_fills_analyses_and_furnishes_the_new_database_only(asking):
    rc, question = asking(
        load_script("remediate/backups/scripts/restore_database.sh"), "rodan_new", "DUMP", "sql", psql=ANSWER
    )
    assert rc == 0
    filled = [line for line in question.splitlines() if line.startswith("[rodan_new ")]
    assert len(filled) == 4, "filled, analysed, counted, added up"
    assert all("-X -w -qAt -v ON_ERROR_STOP=1" in line for line in filled)
    assert "DROP DATABASE" not in question
    assert question.index("CREATE DATABASE") < question.index("SELECT 1;") < question.index("REVOKE ALL")
    assert question.index("-v mark=fleetkeeper: rodan_new was never live; being restored") < question.index("SELECT 1;")


def test_a_setting_that_cannot_be_carried_over_is_said_and_prevents_nothing(asking):
    unknown = f"""{ANSWER}
case $sql in *REVOKE*) echo 'ERROR:  unrecognized configuration parameter "old"' >&2;; esac"""
    rc, _ = asking(
        load_script("remediate/backups/scripts/restore_database.sh"), "rodan_new", "DUMP", "sql", psql=unknown
    )
    assert rc == 0
    assert 'not carried over from the live database: ERROR:  unrecognized configuration parameter "old"' in asking.said


@pytest.mark.parametrize("line", ["\\connect shop", "\\c rodan", "\\connect -reuse-previous=on \"dbname='x'\""])
def test_a_dump_that_goes_to_a_database_of_its_own_choice_is_never_given_to_psql(asking, line):
    dump = f"DROP DATABASE rodan;\n{line}\nSELECT 1;\n".encode()
    rc, question = asking(
        load_script("remediate/backups/scripts/restore_database.sh"), "rodan_new", "DUMP", "sql", psql=ANSWER, dump=dump
    )
    assert (rc, question) == (65, "")


@pytest.mark.parametrize(
    "dump",
    [
        b"DROP DATABASE rodan;\n\\connect rodan\nSELECT 1;\n",
        b"--\n-- PostgreSQL database cluster dump\n--\n\nALTER ROLE rodan WITH PASSWORD 'old';\nDROP DATABASE rodan;\n",
    ],
    ids=["its own database", "roles"],
)
def test_what_a_dump_says_about_databases_and_roles_is_never_given_to_psql(asking, dump):
    rc, question = asking(
        load_script("remediate/backups/scripts/restore_database.sh"), "rodan_new", "DUMP", "sql", psql=ANSWER, dump=dump
    )
    assert rc == 0
    assert [text for text in ("DROP", "\\connect", "ALTER ROLE") if text in question] == []


def test_rows_that_look_like_going_elsewhere_are_rows(asking):
    dump = b"COPY t FROM stdin;\n\\\\connect rodan\n\\.\nSELECT 1;\n"
    assert (
        asking(
            load_script("remediate/backups/scripts/restore_database.sh"),
            "rodan_new",
            "DUMP",
            "sql",
            psql=ANSWER,
            dump=dump,
        )[0]
        == 0
    )


def test_a_dump_that_cannot_be_read_changes_nothing(asking):
    assert asking(load_script("remediate/backups/scripts/restore_database.sh"), "rodan_new", "DUMP.gone", "sql") == (
        74,
        "",
    )


def test_case_42_both_renames_are_in_one_transaction(asking):
    rc, question = asking(
        load_script("remediate/backups/scripts/swap_databases.sh"), "rodan_new", "rodan_old", psql=ANSWER
    )
    assert rc == 0
    change = question[question.index("BEGIN;") : question.index("COMMIT;")]
    assert change.count("RENAME TO") == 2
    assert "ROLLBACK" not in question
    assert (
        "[postgres -X -w -qAt -v ON_ERROR_STOP=1 -U rodan -v live=rodan -v takes=rodan_new -v aside=rodan_old"
        in question
    )


def test_a_change_of_names_that_sessions_prevent_is_tried_five_times_and_then_fails(asking):
    preventing = f"{ANSWER}\ncase $sql in BEGIN*) exit 3;; esac"
    rc, question = asking(
        load_script("remediate/backups/scripts/swap_databases.sh"), "rodan_new", "rodan_old", psql=preventing
    )
    assert (rc, question.count("BEGIN;")) == (66, 5)


def test_case_42_the_live_database_is_never_dropped(asking):
    assert asking(load_script("remediate/backups/scripts/drop_database.sh"), "rodan") == (65, "")


def test_every_command_says_what_it_does():
    output = CliRunner().invoke(backups, ["--help"]).output
    for command in ("list", "create", "verify", "drill", "restore", "accept"):
        assert f"  {command} " in output


def test_a_disk_without_room_for_a_second_database_is_noticed_before_anything_is_made(asking):
    rc, question = asking(
        load_script("remediate/backups/scripts/restore_database.sh"),
        "rodan_new",
        "DUMP",
        "sql",
        psql=ANSWER.replace("echo 1;;", "echo 999999999999999;;"),
    )
    assert rc == 73
    assert "CREATE DATABASE" not in question
