"""Drills: what is compared, what the throwaway container may do, and when the promise holds."""

from __future__ import annotations

import os
import subprocess

import pytest

from fleetkeeper.transport.script_files import load_script


def test_the_node_keeps_the_standard_input_open_and_lets_it_go_with_the_command(tmp_path):
    seen = tmp_path / "seen"
    script = 'timeout 1 cat >/dev/null; echo $? >"$1"; exit 7'
    done = subprocess.run(
        [
            "sh",
            "-c",
            load_script("remediate/backups/scripts/hold_input_open.sh"),
            "sh",
            "60",
            "sh",
            "-c",
            script,
            "sh",
            str(seen),
        ],
        timeout=20,
        check=False,
    )
    assert (done.returncode, seen.read_text()) == (7, "124\n")


OWN_TMP = 'mount -t tmpfs none /tmp && drill=$1 && shift && exec sh -c "$drill" sh "$@"'
NOTHING = ("/nowhere.sql", "sql", "30", "0", "rodan", "rodan", "UTF8", "")


def test_a_drill_that_would_end_the_processes_of_its_node_starts_nothing():
    """With the node's process numbers (`pidns=host` of podman) it is not the first process, and `kill -1` means all."""
    done = subprocess.run(
        ["sh", "-c", load_script("remediate/backups/scripts/drill.sh"), "sh", *NOTHING],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr == "drill: this is no container of its own (not process 1): nothing was started\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a namespace of processes here")
def test_a_drill_with_processes_of_its_own_goes_on_to_its_dump():
    words = [
        "unshare",
        "--pid",
        "--mount",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        OWN_TMP,
        "sh",
        load_script("remediate/backups/scripts/drill.sh"),
        *NOTHING,
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as drill:
        assert drill.wait(20) == 74
        assert drill.stderr is not None
        assert "/nowhere.sql cannot be read" in drill.stderr.read()
