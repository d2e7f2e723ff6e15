"""Scripts as administrators write them: guards, retries, locks, options and names in variables, and what ends them."""

from __future__ import annotations

import pytest

from fleetkeeper.judging.verdicts import Outcome
from tests.example_fleets.schedules import (
    DIRECTORY,
    THERE,
    File,
    Machine,
    crontab_with_entry,
    schedule_fleet,
    verdict_of,
)

FOUND = "$(docker ps -q -f name=rodan_postgres)"
RUNS = {
    "a lock in a variable": 'L=/run/b.lock; exec 9>"$L"\nflock -n 9 || exit 1\nCID={F}\ndocker exec "$CID" backup\n',
    "a name in a variable": 'S=rodan_postgres\nC=$(docker ps -q -f "name=${S}" 2>/dev/null)\ndocker exec "$C" backup\n',
    "a pipe of a lookup": 'S=postgres\nC=$(docker ps -qf "name=^rodan_${S}" | head -n 1)\ndocker exec $C backup\n',
    "options": "while getopts v o; do case $o in v) exit 0;; esac; done\nCID={F}\ndocker exec $CID backup\n",
    "a retry": "CID={F}\nfor try in {{1..3}}; do\n  docker exec $CID backup && break; sleep 9; done\n",
    "an empty lookup": 'CID={F}\n[ "$CID" == "" ] && exit 1\ndocker exec "$CID" backup\n',
    "an argument with a default": "DB=${{1:-main}}\nCID={F}\ndocker exec $CID backup\n",
}


def outcome_without_arguments(script: str, shell: str = "#!/bin/bash") -> Outcome:
    """The outcome for a node whose crontab runs this script without arguments."""
    text = f"{shell}\n{script.replace('{F}', FOUND).replace('{{', '{').replace('}}', '}')}"
    files = {**crontab_with_entry("0 0,12 * * * /opt/b.sh"), "/opt/b.sh": File(text, 0o755)}
    programs = (*Machine({}).programs, "/bin/bash", "/bin/sh", "/usr/bin/docker")
    return verdict_of(schedule_fleet(Machine(files, programs=programs, paths={**THERE, "/opt": DIRECTORY}))).outcome


@pytest.mark.parametrize("what", RUNS)
def test_a_script_that_runs_the_backup_holds(what: str) -> None:
    assert outcome_without_arguments(RUNS[what]) is Outcome.HOLDS


ENDS = {
    "no argument": "DB=${{1:?usage}}\nCID={F}\ndocker exec $CID backup\n",
    "no argument at all": ": ${{1?usage}}\ndocker exec {F} backup\n",
    "an empty variable": 'DB=""\n: "${{DB:?usage}}"\ndocker exec {F} backup\n',
    "too few arguments": "if [ $# -lt 1 ]; then exit 1; fi\nCID={F}\ndocker exec $CID backup\n",
    "an end before": "exit 0\nCID={F}\ndocker exec $CID backup\n",
    "a command that fails": "set -e\nfalse\nCID={F}\ndocker exec $CID backup\n",
}


@pytest.mark.parametrize("what", ENDS)
def test_a_script_that_ends_before_the_backup_is_a_finding(what: str) -> None:
    assert outcome_without_arguments(ENDS[what]) is Outcome.FINDING


DOUBTFUL = {
    "a variable that is set in one branch": 'C=other\nif [ -n "$X" ]; then C={F}; fi\ndocker exec $C backup\n',
    "a variable behind a return": 'f() {{ [ "$X" ] && return; C={F}; }}\nC=other\nf\ndocker exec $C backup\n',
    "a variable behind a break": 'C=other\nfor i in 1; do [ "$X" ] && break; C={F}; done\ndocker exec $C backup\n',
    "an end that may come": '[ -f "$X" ] && exit 0\nCID={F}\ndocker exec $CID backup\n',
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_a_script_that_may_not_get_there_or_may_enter_another_container_is_unknown(what: str) -> None:
    assert outcome_without_arguments(DOUBTFUL[what]) is Outcome.UNKNOWN
