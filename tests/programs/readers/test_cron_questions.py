"""The scripts that ask a node about its crontabs, run here: what they print is all understood."""

from __future__ import annotations

import subprocess

from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.transport.commands import Command


def snapshot_of(command: Command) -> snapshot.Snapshot:
    """The snapshot that a command prints here."""
    return snapshot.read(subprocess.run(command.words, capture_output=True, check=True, text=True).stdout)


def test_everything_that_is_printed_about_a_user_is_read():
    answers, words = Answers(snapshot.Snapshot()), ["root", "daemon", "/bin/sh", "?/etc/passwd", "&init"]
    answers.add(words, snapshot_of(snapshot.ask(words)))
    assert "unseen" not in answers.lines.lines
    assert answers.users["root"].shell.startswith("/")
    assert "nologin" in answers.users["daemon"].shell
