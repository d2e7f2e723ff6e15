"""What a volume takes and what is left: measured by the real script on a directory here, and judged."""

from __future__ import annotations

import os
import subprocess

import pytest

from fleetkeeper.topics.volumes.facts import Facts as Volumes
from fleetkeeper.topics.volumes.observe import usage_of
from fleetkeeper.topics.volumes.parse import parse as parse_volumes
from fleetkeeper.transport.commands import Output, Unobservable
from tests.example_fleets.backups import make_policy


def measured(path) -> Volumes:
    volume = {"name": "here", "node": "data", "path": str(path)}
    done = subprocess.run(usage_of(make_policy(volume=volume)).words, capture_output=True, check=False)
    return parse_volumes(Output(done.returncode, done.stdout, done.stderr, command="sh"))


def test_the_script_counts_bytes_and_entries_of_a_directory(tmp_path):
    (tmp_path / "a\nb").write_bytes(b"x" * 100_000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "big").write_bytes(os.urandom(900_000))
    seen = measured(tmp_path)
    assert seen.entries == 4
    assert 1_000_000 <= seen.used <= 1_100_000
    assert seen.biggest[0].path == "sub"
    assert seen.free > 0
    assert seen.disk > seen.free


def test_a_hard_link_is_counted_once(tmp_path):
    (tmp_path / "one").write_bytes(os.urandom(500_000))
    alone = measured(tmp_path).used
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert measured(tmp_path).used - alone < 100_000


def test_case_39_a_directory_that_is_missing_is_unknown(tmp_path):
    with pytest.raises(Unobservable, match="exited 5"):
        measured(tmp_path / "gone")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
@pytest.mark.parametrize("below", ["", "/volumes/dumps"])
def test_a_directory_that_the_account_may_not_enter_is_told_in_words_with_what_to_do(tmp_path, below):
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o005)
    (tmp_path / "closed/volumes/dumps").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o710)
    command = usage_of(make_policy(volume={"name": "here", "node": "data", "path": f"{tmp_path}/closed{below}"}))
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command.words)
    done = subprocess.run(words, capture_output=True, check=False)
    with pytest.raises(Unobservable) as refusal:
        parse_volumes(Output(done.returncode, done.stdout, done.stderr, command="sh"))
    assert refusal.value.why == f"{tmp_path}/closed may not be entered by nobody: what lies below it was not seen"
    assert "sudo: true" in refusal.value.hint


def test_a_volume_that_could_not_be_measured_whole_is_unknown():
    text = b"at /v\ndisk 1000 400\ninodes 0 0\nentries 3\n2 24\t.\n"
    with pytest.raises(Unobservable, match="not be measured completely"):
        parse_volumes(Output(0, text, b"du: cannot read directory './x': Permission denied\n"))


def test_a_name_that_holds_a_line_of_du_is_not_counted_as_the_sum(tmp_path):
    (tmp_path / "c\n1 99999999999999\t.").mkdir()
    names = ("a\n999999999999\t.", "b\n2 999999999999\t.", "c\n1 99999999999999\t./fake", "d\x0b1\t.", "e\x85\u2028f")
    for name in (*names, os.fsdecode(b"\xff\xfe\n7")):
        (tmp_path / name).write_bytes(b"x" * 5000)
    seen = measured(tmp_path)
    assert seen.used < 200_000
    assert all(item.used <= seen.used for item in seen.biggest)
