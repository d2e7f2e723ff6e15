"""Which process is the cron daemon."""

from __future__ import annotations

import pytest

from fleetkeeper.readers.cron.daemon import daemon
from fleetkeeper.readers.cron.snapshot import Snapshot


@pytest.mark.parametrize(
    ("program", "is_cron"),
    [
        ("/usr/sbin/cron", True),
        ("/usr/sbin/cron (deleted)", True),
        ("/bin/busybox", True),
        ("", True),
        ("/usr/bin/dash", False),
        ("/bin/bash", False),
        ("/usr/bin/python3.11", False),
        ("/usr/bin/bash (deleted)", False),
    ],
)
def test_a_script_that_somebody_called_cron_is_no_daemon(program: str, is_cron: bool) -> None:
    printed = Snapshot(lines={"boot": ["1000"], "cron": ["71 1 cron 200"], "exe": [f"71 {program}"]})
    assert (daemon(printed) is not None) is is_cron


def test_beside_a_script_of_that_name_the_daemon_is_seen() -> None:
    printed = Snapshot(
        lines={"cron": ["70 1 cron 1", "71 70 cron 2", "90 1 cron 3"], "exe": ["70 /bin/sh", "71 /x/cron"]}
    )
    match = daemon(printed)
    assert match is not None
    assert match.pid == 71
