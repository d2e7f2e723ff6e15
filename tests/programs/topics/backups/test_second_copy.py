"""A second place for backups: listed and digested for real, and held against the first."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from fleetkeeper.topics.backups.second_copy.facts import CopyDirectory, is_one_file, is_other_file, is_same_copy
from fleetkeeper.topics.backups.second_copy.facts import Facts as Copies
from fleetkeeper.topics.backups.second_copy.observe import look_into_copies, parse_copies
from fleetkeeper.topics.backups.second_copy.observe import observe as observe_second_copy
from fleetkeeper.transport.commands import Output, Unobservable
from tests.example_fleets.backups import make_inventory
from tests.pure.topics.backups.test_second_copy import NAMES, SECOND


def test_both_places_are_read_for_real_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    first, second = tmp_path / "first", tmp_path / "second"
    for location in (first, second):
        location.mkdir()
        for day in range(1, 6):
            (location / f"backup_2026_01_0{day}T00_00_00.sql.gz").write_bytes(b"x" * day)
    (second / "backup_2026_01_05T00_00_00.sql.gz").write_bytes(b"other")
    (second / ".fleetkeeper.backup_2026_01_06T00_00_00.sql.gz.part").write_bytes(b"half")
    text = SECOND.replace("budget: 60 GiB", f"path: {first}").replace(
        "vgpu, path: /srv/copies", f"data, path: {second}"
    )
    facts, question = look_at_node(text)
    assert question == 4
    assert len(facts.here.names) == 5
    assert list(facts.there.parts) == [".fleetkeeper.backup_2026_01_06T00_00_00.sql.gz.part"]
    assert is_other_file("backup_2026_01_05T00_00_00.sql.gz", facts.here, facts.there)
    assert is_same_copy("backup_2026_01_04T00_00_00.sql.gz", facts.here, facts.there)
    again, question = look_at_node(text)
    assert (again.here, again.there.digests, question) == (facts.here, facts.there.digests, 2)


def test_a_second_place_that_is_missing_is_seen_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "first").mkdir()
    text = SECOND.replace("budget: 60 GiB", f"path: {tmp_path}/first").replace(
        "vgpu, path: /srv", f"data, path: {tmp_path}"
    )
    facts, _ = look_at_node(text)
    assert facts.here == CopyDirectory(directory=str((tmp_path / "first").resolve()))
    assert facts.there == CopyDirectory(device=tmp_path.resolve().stat().st_dev, free=facts.there.free)
    assert facts.there.free > 0


def test_case_39_a_second_place_below_a_file_or_behind_a_dangling_link_is_not_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    for path in ("file", "file/below", "link", "link/below"):
        with pytest.raises(Unobservable):
            parse_copies(run_command(look_into_copies(f"{tmp_path}/{path}").words))


def test_case_39_a_second_place_whose_disk_is_not_mounted_is_not_seen(tmp_path):
    disks = f"UUID=1 {tmp_path}/mnt ext4 defaults 0 0\nUUID=2 {tmp_path}/my\\040disk ext4 defaults 0 0\n"
    (tmp_path / "fstab").write_text(f"# comment\n{disks}none none swap sw 0 0\n\n")
    (tmp_path / "mnt").mkdir()
    words = tuple(word.replace("/etc/fstab", f"{tmp_path}/fstab") for word in look_into_copies("").words[:-1])
    for path in ("mnt", "mnt/copies", "my disk/copies"):
        with pytest.raises(Unobservable, match="is not mounted"):
            parse_copies(run_command((*words, f"{tmp_path}/{path}")))
    assert parse_copies(run_command((*words, f"{tmp_path}/mnt2"))).directory == ""


def test_the_same_directory_twice_is_told_from_a_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / NAMES[0]).write_bytes(b"x")
    shutil.copytree(first, second)
    text = SECOND.replace("budget: 60 GiB", f"path: {first}")
    for location, shared in ((first, True), (second, False)):
        facts, _ = look_at_node(text.replace("vgpu, path: /srv/copies", f"data, path: {location}"))
        assert is_one_file(NAMES[0], facts.here, facts.there) is shared
        assert is_same_copy(NAMES[0], facts.here, facts.there) is not shared


def look_at_node(text: str) -> tuple[Copies, int]:
    """The facts of node `data`, and how many commands it was asked."""
    inventory = make_inventory(text)
    look = observe_second_copy(inventory.nodes["data"], inventory)
    question = 0
    try:
        commands = next(look)
        while True:
            question += len(commands)
            commands = look.send([run_command(command.words) for command in commands])
    except StopIteration as done:
        return done.value, question


def run_command(words: tuple[str, ...]) -> Output:
    done = subprocess.run(words, capture_output=True, check=False, env=os.environ)
    return Output(done.returncode, done.stdout, done.stderr, command="sh")
