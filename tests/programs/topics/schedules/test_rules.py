"""Where the backup is scheduled: the good fleet is clean, and each way to break it is found with its own reason."""

from __future__ import annotations

import os
import subprocess

from fleetkeeper.readers.cron import snapshot
from fleetkeeper.transport.script_files import load_script


def test_the_script_runs_here_and_can_be_read():
    done = subprocess.run(
        ["sh", "-c", load_script("fleetkeeper/readers/cron/scripts/list_schedules.sh"), "sh"],
        capture_output=True,
        check=True,
    )
    printed = snapshot.read(done.stdout.decode("utf-8", "surrogateescape"))
    assert printed.one("account")
    assert done.stderr == b""


def test_the_script_shows_files_exactly(tmp_path):
    contents = [b"", b"a\n", b"a", b"a\n\n", b"\n", b"\xff\r\n|x\nend\n"]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}").write_bytes(content)
    shell = (
        load_script("fleetkeeper/readers/cron/scripts/list_schedules.sh")[
            : load_script("fleetkeeper/readers/cron/scripts/list_schedules.sh").index("for spool in")
        ]
        + f'shown system "{tmp_path}"\nsay end\n'
    )
    done = subprocess.run(["sh", "-c", shell, "sh"], capture_output=True, check=True)
    printed = snapshot.read(done.stdout.decode("utf-8", "surrogateescape"))
    assert [file.content for file in printed.files] == contents
    assert {file.owner for file in printed.files} == {os.getuid()}


def test_the_second_script_tells_programs_and_users_apart():
    words = ["/bin/sh", "/no/such/docker", "root", "no-such-user"]
    done = subprocess.run(
        ["sh", "-c", load_script("fleetkeeper/readers/cron/scripts/ask_about_words.sh"), "sh", *words],
        capture_output=True,
        check=True,
        text=True,
    )
    lines = done.stdout.split("\n")
    assert {line for line in lines if line.startswith(("program", "user"))} == {"program /bin/sh", "user root"}
    assert lines[-2:] == ["end", ""]
