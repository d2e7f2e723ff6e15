"""The script that converts recorded looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.convert_recordings import RECORDINGS, convert_look, read_look, rename_field, write_look


@pytest.fixture
def look() -> dict:
    mounts = [{"source": "/a", "rw": True}, {"source": "/b"}]
    seen = {"containers": [{"name": "db", "mounts": mounts}], "accounts": {"web": {"uid": 5}}}
    dark = {"node": "b", "topic": "containers", "unobservable": {"why": "no Docker"}}
    other = {"node": "a", "topic": "volumes", "facts": {"containers": [{"mounts": [{"rw": True}]}]}}
    return {"facts": [{"node": "a", "topic": "containers", "facts": seen}, dark, other]}


def test_a_renamed_field_keeps_its_value_and_its_order(look: dict) -> None:
    number = convert_look(look, "containers", "containers.mounts.source", lambda at, key: rename_field(at, key, "from"))
    mounts = look["facts"][0]["facts"]["containers"][0]["mounts"]
    assert (number, [list(mount.items()) for mount in mounts]) == (
        2,
        [[("from", "/a"), ("rw", True)], [("from", "/b")]],
    )


def test_an_added_field_is_set_only_where_it_is_missing_and_only_in_its_topic(look: dict) -> None:
    assert convert_look(look, "containers", "containers.mounts.rw", lambda at, key: at.setdefault(key, False)) == 2
    assert [mount["rw"] for mount in look["facts"][0]["facts"]["containers"][0]["mounts"]] == [True, False]
    assert look["facts"][2]["facts"] == {"containers": [{"mounts": [{"rw": True}]}]}


def test_a_star_enters_every_key_of_a_mapping_and_what_was_not_seen_stays_so(look: dict) -> None:
    assert convert_look(look, "containers", "accounts.*.gid", lambda at, key: at.setdefault(key, 5)) == 1
    assert look["facts"][0]["facts"]["accounts"] == {"web": {"uid": 5, "gid": 5}}
    assert "facts" not in look["facts"][1]


def test_a_path_that_leads_nowhere_converts_nothing(look: dict) -> None:
    assert convert_look(look, "containers", "pods.name", lambda at, key: at.setdefault(key, 5)) == 0


def test_a_recording_is_written_as_it_was_read(tmp_path: Path) -> None:
    for path in RECORDINGS:
        write_look(tmp_path / path.name, read_look(path))
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
