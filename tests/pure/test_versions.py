"""What an older fleetkeeper wrote is read, what a newer one wrote is said in one line and stays, byte for byte."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper import state
from fleetkeeper.errors import UsageError
from fleetkeeper.looking import recording
from fleetkeeper.readers.marked_blocks import BlockError, block_lines, edit_block, remove_marks
from fleetkeeper.reports import finding_intervals, history
from fleetkeeper.topics.backups import proven_dumps
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.update_settings import CAREFUL, OWN_UPDATES, label_of, lent_updates, own_updates
from fleetkeeper.transport.commands import Unobservable

FILE = File("a.sql.gz", 10, 1.0, 5)
PROOF = DumpProof("a.sql.gz", 5, 10, 1.0, "complete", "")
OLD = b"# BEGIN fleetkeeper a.b\n@daily true\n# END fleetkeeper a.b\n"
NEWER = OLD.replace(b"fleetkeeper ", b"fleetkeeper v2 ")


def says_newer(raised: UsageError | Unobservable, file: str, version: int, ours: int) -> bool:
    message = raised.message if isinstance(raised, UsageError) else raised.why
    line = f"{file} has version {version}, and this fleetkeeper knows versions up to {ours}"
    return message == line and raised.hint.startswith("upgrade fleetkeeper here")


def test_a_new_state_directory_says_its_version(tmp_path: Path) -> None:
    made = state.directory(tmp_path / "state")
    assert {path.name: path.read_text() for path in made.iterdir()} == {"version": f"{state.VERSION}\n"}


def test_an_older_state_directory_gets_its_version_and_keeps_its_files(tmp_path: Path) -> None:
    (tmp_path / "last_audited").write_text("production\n")
    assert state.last_audited(tmp_path) == "production"
    assert (tmp_path / "version").read_text() == f"{state.VERSION}\n"


def test_nothing_is_read_from_or_written_to_a_newer_state_directory(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("2\n")
    for use in (state.last_audited, state.directory, lambda path: state.remember_audited(path, "production")):
        with pytest.raises(UsageError) as why:
            use(tmp_path)
        assert says_newer(why.value, str(tmp_path), 2, state.VERSION)
    assert [path.name for path in tmp_path.iterdir()] == ["version"]


@pytest.mark.parametrize("text", ["", "x\n", "-1\n", "1.5\n", "9" * 5000, "\u0661\n"])
def test_a_state_directory_whose_version_makes_no_sense_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "version").write_text(text)
    with pytest.raises(UsageError, match="version holds no version"):
        state.directory(tmp_path)
    assert (tmp_path / "version").read_text() == text


def test_proofs_of_an_older_file_are_read_and_the_file_gets_its_version(tmp_path: Path) -> None:
    proven_dumps.remember_proofs(str(tmp_path), "here", [PROOF])
    with sqlite3.connect(tmp_path / "verified.sqlite") as db:
        db.execute("PRAGMA user_version = 0")
    db.close()
    [proof] = proven_dumps.recall_proofs(str(tmp_path), "here", [FILE])
    assert (proof.name, proof.state) == ("a.sql.gz", "complete")
    with sqlite3.connect(tmp_path / "verified.sqlite") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (proven_dumps.VERSION,)
    db.close()


def test_a_newer_file_of_proofs_makes_the_look_unknown_and_is_never_written_to(tmp_path: Path) -> None:
    path, given, newer = tmp_path / "verified.sqlite", str(tmp_path), proven_dumps.VERSION + 1
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE verified (otherwise TEXT)")
        db.execute(f"PRAGMA user_version = {newer}")
    db.close()
    content = path.read_bytes()
    recall: list[Callable[[], object]] = [
        lambda: proven_dumps.recall_proofs(given, "here", [FILE]),
        lambda: proven_dumps.recall_digests(given, "here", [FILE]),
    ]
    for read in recall:
        with pytest.raises(Unobservable) as why:
            read()
        assert says_newer(why.value, str(path), newer, proven_dumps.VERSION)
    proven_dumps.remember_proofs(given, "here", [PROOF])
    proven_dumps.remember_digests(given, "here", [FILE], {"a.sql.gz": "d"})
    proven_dumps.forget_digests(given, "here")
    assert path.read_bytes() == content


def test_a_file_of_proofs_that_is_no_database_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "verified.sqlite").write_text("these are not the bytes of a database " * 50)
    assert proven_dumps.recall_proofs(str(tmp_path), "here", [FILE]) == ()


def test_what_a_newer_audit_left_open_is_not_compared(tmp_path: Path) -> None:
    location = tmp_path / "open.json"
    location.write_text(json.dumps({"schema": history.VERSION + 1, "entries": []}))
    with pytest.raises(UsageError) as why:
        history.recall_findings(location)
    assert says_newer(why.value, str(location), history.VERSION + 1, history.VERSION)


def test_a_newer_history_is_refused_by_whole_and_partial_audits_and_stays(tmp_path: Path) -> None:
    path, newer = tmp_path / "history.sqlite", finding_intervals.VERSION + 1
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE finding (otherwise TEXT)")
        db.execute(f"PRAGMA user_version = {newer}")
    db.close()
    content = path.read_bytes()
    for write in (True, False):
        with (
            pytest.raises(UsageError) as why,
            finding_intervals.open_history(tmp_path, datetime(2026, 11, 30, tzinfo=UTC), [], write=write),
        ):
            pass
        assert says_newer(why.value, str(path), newer, finding_intervals.VERSION)
    assert [file.name for file in tmp_path.iterdir()] == ["history.sqlite"]
    assert path.read_bytes() == content


def test_a_newer_recording_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    sections = "".join(f"{name}: {{none: a test}}\n" for name in ("services", "backups", "certificates"))
    (tmp_path / "mine.yml").write_text(f"nodes: {{here: {{connection: local}}}}\n{sections}")
    inventory = load_inventory(tmp_path / "mine.yml")
    with pytest.raises(UsageError) as why:
        recording.load_recording('{"schema": 2, "facts": [{"in": "another way"}]}', inventory, {})
    assert says_newer(why.value, "the recording", 2, recording.VERSION)


def test_an_older_block_of_a_crontab_is_read_and_gets_its_version_when_it_is_set() -> None:
    assert block_lines(OLD, "a.b") == ("@daily true",)
    assert (
        edit_block(OLD, "a.b", ["@hourly true"])
        == b"# BEGIN fleetkeeper v1 a.b\n@hourly true\n# END fleetkeeper v1 a.b\n"
    )
    assert edit_block(OLD, "a.b", None) == b""
    assert remove_marks(OLD) == b"@daily true\n"


@pytest.mark.parametrize("name", ["a.b", "c.d"])
def test_a_crontab_with_a_newer_block_is_not_edited(name: str) -> None:
    line = "a block of lines of ours has version 2, .* up to 1: upgrade fleetkeeper"
    for use in (
        lambda: block_lines(NEWER, name),
        lambda: edit_block(NEWER, name, ["x"]),
        lambda: remove_marks(b"x\n" + NEWER),
    ):
        with pytest.raises(BlockError, match=line):
            use()


def labelled(label: str) -> dict[str, object]:
    return {"Labels": {OWN_UPDATES: label}, "UpdateConfig": {"Parallelism": 2, **CAREFUL}}


def test_the_label_of_lent_settings_says_its_version_and_an_older_one_is_believed() -> None:
    own = {"Order": "start-first", "Parallelism": 2}
    assert json.loads(label_of(own)) == {"fleetkeeper": 1, **own}
    assert own_updates(labelled(label_of(own))) == own_updates(labelled(json.dumps(own))) == own


def test_a_newer_label_of_lent_settings_makes_the_swarm_unknown() -> None:
    for read in (own_updates, lent_updates):
        with pytest.raises(Unobservable) as why:
            read(labelled('{"fleetkeeper": 2, "settings": {}}'))
        assert says_newer(why.value, f"the label {OWN_UPDATES}", 2, 1)


@pytest.mark.parametrize("version", ["0", '"2"', "null", "[]"])
def test_a_label_whose_version_makes_no_sense_is_not_believed(version: str) -> None:
    assert own_updates(labelled(f'{{"fleetkeeper": {version}, "Parallelism": 2}}')) is None
