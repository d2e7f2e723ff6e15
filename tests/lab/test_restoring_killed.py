"""Killed before and after each thing that a restore asks the server: the live name can always be connected to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleetkeeper.transport.script_files import load_script
from lab import swarm
from lab.shell import wait_until
from tests.lab.conftest import Lab

NEW, ASIDE = "rodan_restored_20260102_030405", "rodan_before_20260102_030405"
KILLING = r"""#!/bin/sh
left=$(($(cat /tmp/killing/left) - 1)); echo "$left" >/tmp/killing/left
[ "$left" != 0 ] || [ ! -e /tmp/killing/before ] || kill -9 0
/usr/bin/psql "$@"; rc=$?
[ "$left" != 0 ] || kill -9 0
exit "$rc"
"""
"""A psql that ends everything of its process group, with no word to anybody, at the call that is counted down to."""
SET = r"""
mkdir -p /tmp/killing && cd /tmp/killing || exit
printf %s "$1" >psql; chmod +x psql; echo "$2" >left; rm -f before; : >"$3"
"""
QUIET = r"""
session=$(cat /tmp/killing/session 2>/dev/null || echo none)
cat /proc/[0-9]*/stat 2>/dev/null | awk -v session="$session" '$6 == session { left = 1 } END { exit left }' || exit 0
if pg_isready -q; then echo yes; fi
"""
"""Says yes when no process of the last script's session (field 6 of proc(5)'s stat) is left and the server answers."""


@pytest.fixture
def server(lab: Lab) -> Iterator[Lab]:
    """The lab, whose server holds afterwards the databases that it held before."""
    yield lab
    comes_back(lab)
    run_inside(lab, "rm", "-rf", "/tmp/killing", "/tmp/killed.sql", "/tmp/said")
    if "rodan" not in database_names(lab):
        run_sql(lab, f'ALTER DATABASE "{ASIDE}" RENAME TO rodan')
    for name in (NEW, ASIDE):
        run_sql(lab, f'DROP DATABASE IF EXISTS "{name}"')


def run_inside(lab: Lab, *words: str) -> str:
    return swarm.run_within(lab.engine, "postgres", *words)


def run_sql(lab: Lab, text: str, database: str = "postgres") -> str:
    return run_inside(lab, "psql", "-X", "-At", "-U", "rodan", "-d", database, "-c", text).strip()


def database_names(lab: Lab) -> set[str]:
    return set(run_sql(lab, "SELECT datname FROM pg_database").split())


def run_script(lab: Lab, script: str, *words: str, path: str = "$PATH") -> int:
    """The exit status of one of the scripts, in a process group of its own."""
    session = 'exec sh -c "$0" sh rodan rodan "$@"'
    run = (
        f'script=$1; shift; PATH={path}; setsid -w sh -c \'echo $$ >/tmp/killing/session; {session}\' "$script" "$@"'
        " >/tmp/killing/out 2>&1; echo $?"
    )
    return int(run_inside(lab, "sh", "-c", run, "sh", script, *words).strip())


def kill_script(lab: Lab, at: int, when: str, script: str, *words: str) -> bool:
    """Run one script with a psql that kills; whether it was killed."""
    run_inside(lab, "sh", "-c", SET, "sh", KILLING, str(at), when)
    return run_script(lab, script, *words, path="/tmp/killing:$PATH") > 128


def comes_back(lab: Lab) -> None:
    """Wait until nothing of what was killed is left, and the server takes connections.

    All that is killed at once leaves nobody to wait for it but postgres, the container's first process, which takes it
    for a broken process of its own and restarts the others: before it has seen them it answers as ever.
    """
    wait_until(lambda: run_inside(lab, "sh", "-c", QUIET).strip() or None, "the server", limit=60)


def check_data(lab: Lab) -> None:
    comes_back(lab)
    assert run_sql(lab, "SELECT count(*) FROM auth_user", "rodan") == "120"


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_case_42_killed_at_each_question_the_live_name_can_be_connected_to(server: Lab, when: str) -> None:
    run_inside(server, "sh", "-c", "pg_dump -U rodan -f /tmp/killed.sql rodan")
    points = 1
    while kill_script(
        server,
        points,
        when,
        load_script("remediate/backups/scripts/restore_database.sh"),
        NEW,
        "/tmp/killed.sql",
        "sql",
    ):
        check_data(server)
        assert NEW not in database_names(server) or when == "after"
        assert run_script(server, load_script("remediate/backups/scripts/drop_database.sh"), NEW) == 0
        points += 1
    assert points > 6
    points = 1
    while kill_script(server, points, when, load_script("remediate/backups/scripts/swap_databases.sh"), NEW, ASIDE):
        check_data(server)
        if ASIDE in database_names(server):
            assert run_script(server, load_script("remediate/backups/scripts/swap_databases.sh"), ASIDE, NEW) == 0
        points += 1
    assert points > 2
    check_data(server)
    assert {"rodan", ASIDE} <= database_names(server)
