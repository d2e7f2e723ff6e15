"""What is done to servers does not depend on whether anybody reads of it, and neither does the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleetkeeper.commands.program import exit_code_of
from fleetkeeper.exit_codes import Changes, Exit
from remediate.backups.restore import person_agrees
from remediate.journal import Journal

FIX = """
import sys
from pathlib import Path
from fleetkeeper.commands.program import exit_code_of
from remediate.render.console import Screen
from remediate.runner import Runner
from tests.helpers.local_nodes import LocalNodes, step_context

folder = Path(sys.argv[1])
local = LocalNodes(folder)
runner = Runner(local.journal, "local", "", local.link, Screen(), step_context(folder))
def work(run):
    local.apply(run)
    return run.code()
sys.exit(exit_code_of(lambda: sys.exit(runner.run(work))))
"""


def unread() -> int:
    """The end of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        (unread, unread, Exit.NOTHING_LEFT),
        (nowhere, unread, Exit.NOTHING_LEFT),
        (nowhere, full, Exit.NOTHING_LEFT),
        (full, nowhere, Exit.REMEDY_FAILED),
    ],
)
def test_a_fix_of_which_nobody_reads_is_done_to_its_end_and_its_exit_code_is_true(tmp_path, out, err, code):
    words, project = (sys.executable, "-c", FIX, str(tmp_path)), Path(__file__).parents[3]
    with os.fdopen(out(), "wb") as stdout, os.fdopen(err(), "wb") as stderr:
        ended = subprocess.run(words, check=False, stdout=stdout, stderr=stderr, cwd=project, timeout=60)
    assert [(tmp_path / node / "paper").read_text() for node in "ab"] == ["new a\n", "new b\n"]
    [run] = Journal(tmp_path / "state" / "journal.sqlite").runs()
    assert run.exit == Exit.NOTHING_LEFT
    assert ended.returncode == code


def test_a_terminal_that_has_gone_does_not_agree_to_a_restore_and_leaves_it_to_be_taken_back(monkeypatch):
    monkeypatch.setattr(sys, "stdin", os.fdopen(nowhere(), "w"))
    assert person_agrees("live") is False


def test_a_code_that_a_command_exits_with_is_held_against_what_was_changed():
    def work() -> None:
        Changes.begun = True
        sys.exit(Exit.LOCKED)

    assert exit_code_of(work) == Exit.REMEDY_FAILED
