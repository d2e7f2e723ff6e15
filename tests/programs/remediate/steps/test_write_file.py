"""Writing files and crontabs: the old content or the new, never a mix, and always a way back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.local import LocalLink
from remediate.steps import ABSENT, AlreadyBack, EditCrontab, EditFile, Lost, Stale, StepFailed, WriteFile, dump, load
from tests.helpers.local_nodes import FaultyLink, files_below, sha_of, step_context

LINK = LocalLink()
OLD, NEW = b"old\n", b"brand new content\n"


def writing_step(path: Path, expect: bytes | None = OLD) -> WriteFile:
    owner = f"{os.getuid()}:{os.getgid()}"
    return WriteFile("a", str(path), NEW, ABSENT if expect is None else sha_of(expect), 0o640, owner)


def test_a_file_is_replaced_and_its_old_content_is_kept_for_root_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    here = step_context(tmp_path)
    done = writing_step(path).do(LINK, here)
    assert (path.read_bytes(), oct(path.stat().st_mode & 0o777)) == (NEW, "0o640")
    assert (done.before, done.after) == (sha_of(OLD), sha_of(NEW))
    assert Path(here.kept).read_bytes() == OLD
    assert Path(here.directory).stat().st_mode & 0o077 == 0


def test_a_file_that_was_not_there_is_made_and_the_way_back_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    step = writing_step(path, None)
    back = step.inverse(LINK, step_context(tmp_path))
    step.do(LINK, step_context(tmp_path))
    assert path.read_bytes() == NEW
    back.still_true(LINK, step_context(tmp_path, number=2))
    back.do(LINK, step_context(tmp_path, number=2))
    assert files_below(tmp_path).keys() == {"crontab"}


def test_the_way_back_restores_content_mode_and_survives_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    path.chmod(0o604)
    step = writing_step(path)
    back = load(dump(step.inverse(LINK, step_context(tmp_path))))
    step.do(LINK, step_context(tmp_path))
    back.do(LINK, step_context(tmp_path, number=2))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (OLD, 0o604)


def test_the_way_back_of_the_way_back_brings_the_change_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    step = writing_step(path)
    back = step.inverse(LINK, step_context(tmp_path))
    step.do(LINK, step_context(tmp_path))
    forth = back.inverse(LINK, step_context(tmp_path, number=2))
    back.do(LINK, step_context(tmp_path, number=2))
    forth.do(LINK, step_context(tmp_path, number=3))
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("now", [b"somebody else's\n", None], ids=["changed", "gone"])
def test_case_30_a_file_that_changed_after_the_plan_is_not_touched(tmp_path: Path, now: bytes | None) -> None:
    path = tmp_path / "file"
    if now:
        path.write_bytes(now)
    before = files_below(tmp_path)
    with pytest.raises(Stale, match=r"changed since|is gone"):
        writing_step(path).still_true(LINK, step_context(tmp_path))
    with pytest.raises(Stale):
        writing_step(path).do(LINK, step_context(tmp_path))
    assert {name: text for name, text in files_below(tmp_path).items() if name != "crontab"} == before


def test_a_symlink_is_never_written_through(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_bytes(OLD)
    path.symlink_to(other)
    with pytest.raises(Stale, match="regular file"):
        writing_step(path).still_true(LINK, step_context(tmp_path))
    with pytest.raises(Stale):
        writing_step(path).do(LINK, step_context(tmp_path))
    assert other.read_bytes() == OLD


def test_the_way_back_refuses_what_somebody_changed_since(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    step = writing_step(path)
    back = step.inverse(LINK, step_context(tmp_path))
    with pytest.raises(AlreadyBack):
        back.still_true(LINK, step_context(tmp_path))
    step.do(LINK, step_context(tmp_path))
    path.write_bytes(b"a third version\n")
    with pytest.raises(Stale, match="by somebody else"):
        back.still_true(LINK, step_context(tmp_path))
    with pytest.raises(Stale):
        back.do(LINK, step_context(tmp_path, number=2))
    assert path.read_bytes() == b"a third version\n"


@pytest.mark.parametrize("cut", range(len(NEW) + 1))
def test_case_29_cut_at_any_byte_there_is_the_old_file_or_the_new_one(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with pytest.raises(Lost):
        writing_step(path).do(FaultyLink(cut_after=cut), step_context(tmp_path))
    assert path.read_bytes() == (NEW if cut == len(NEW) else OLD)
    assert [name for name in files_below(tmp_path) if name not in {"file", "crontab"}] == []


def test_content_that_arrives_damaged_is_not_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)

    class Garbling(FaultyLink):
        def open(self, words, sudo=False):
            stream = self.inner.open(words, sudo)
            write = stream.write
            stream.write = lambda data: write(bytes(reversed(data)))
            return stream

    with pytest.raises(StepFailed, match="did not arrive completely") as failed:
        writing_step(path).do(Garbling(), step_context(tmp_path))
    assert not failed.value.changed
    assert path.read_bytes() == OLD


def test_a_folder_that_is_not_there_is_a_failure_that_changed_nothing(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="disk full, read-only") as failed:
        writing_step(tmp_path / "nowhere" / "file", None).do(LINK, step_context(tmp_path))
    assert not failed.value.changed


def test_what_a_killed_step_left_lying_does_not_hinder_the_next(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    (tmp_path / ".fleetkeeper.file.new").write_bytes(b"half")
    writing_step(path).do(LINK, step_context(tmp_path))
    assert path.read_bytes() == NEW
    assert not (tmp_path / ".fleetkeeper.file.new").exists()


@pytest.mark.parametrize("path", ["etc/passwd", "/etc/../etc/passwd", "/etc/pass\nwd", "/etc//x", "/etc/x/"])
def test_case_2_a_path_with_surprises_is_no_step(path: str) -> None:
    with pytest.raises(ValueError, match="plain absolute path"):
        WriteFile("a", path, b"", ABSENT)


def test_the_content_is_not_in_the_journal_and_cannot_be_loaded_from_it(tmp_path: Path) -> None:
    step = replace(writing_step(tmp_path / "file"), content=b"canary-4711")
    assert "canary" not in str(dump(step))
    with pytest.raises(ValueError, match="not kept"):
        load(dump(step))


def crontab_with(expect: bytes | None, lines: tuple[str, ...] | None = ("@daily true",), without: tuple[str, ...] = ()):
    return EditCrontab("a", "ops", "x.y", lines, ABSENT if expect is None else sha_of(expect), without)


def test_case_23_only_our_lines_of_a_crontab_change_and_the_way_back_is_byte_identical(tmp_path: Path) -> None:
    old = b'MAILTO="a b"\n%odd\xff line\r\n0 0 * * * old one\n\n# end, no newline'
    here = step_context(tmp_path)
    table = tmp_path / "spool" / "ops"
    table.write_bytes(old)
    step = crontab_with(old, without=("0 0 * * * old one",))
    step.still_true(LINK, here)
    back = step.inverse(LINK, here)
    step.do(LINK, here)
    assert table.read_bytes().startswith(
        b'MAILTO="a b"\n%odd\xff line\r\n\n# end, no newline\n# BEGIN fleetkeeper v1 x.y\n'
    )
    back.still_true(LINK, step_context(tmp_path, number=2))
    back.do(LINK, step_context(tmp_path, number=2))
    assert table.read_bytes() == old


def test_a_user_without_crontab_gets_one_and_has_none_again_after_the_way_back(tmp_path: Path) -> None:
    here = step_context(tmp_path)
    step = crontab_with(None)
    step.still_true(LINK, here)
    back = step.inverse(LINK, here)
    step.do(LINK, here)
    assert b"@daily true" in (tmp_path / "spool" / "ops").read_bytes()
    back.do(LINK, step_context(tmp_path, number=2))
    assert not (tmp_path / "spool" / "ops").exists()


def test_case_22_a_crontab_that_cannot_be_read_is_unknown_and_never_written(tmp_path: Path) -> None:
    here = step_context(tmp_path)
    Path(here.crontab).write_text("#!/bin/sh\necho 'you are not allowed to use this program' >&2\nexit 1\n")
    for act in (crontab_with(None).still_true, crontab_with(None).inverse, crontab_with(None).do):
        with pytest.raises(Unobservable):
            act(LINK, here)


def test_a_crontab_that_cron_refuses_stays_as_it_was(tmp_path: Path) -> None:
    here = step_context(tmp_path)
    table = tmp_path / "spool" / "ops"
    table.write_bytes(OLD)
    with pytest.raises(StepFailed):
        crontab_with(OLD, ("not a crontab",)).do(LINK, here)
    assert table.read_bytes() == OLD


def test_case_30_a_crontab_that_changed_after_the_plan_is_not_written(tmp_path: Path) -> None:
    here = step_context(tmp_path)
    (tmp_path / "spool" / "ops").write_bytes(b"* * * * * somebody was faster\n")
    with pytest.raises(Stale, match="the crontab of ops has been changed"):
        crontab_with(OLD).still_true(LINK, here)
    with pytest.raises(Stale):
        crontab_with(OLD).do(LINK, here)


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_case_29_a_crontab_cut_at_any_byte_is_old_or_new(tmp_path: Path, cut: int) -> None:
    here = step_context(tmp_path)
    table = tmp_path / "spool" / "ops"
    table.write_bytes(OLD)
    with pytest.raises(Lost):
        crontab_with(OLD).do(FaultyLink(cut_after=cut), here)
    assert table.read_bytes() == OLD


def test_a_line_that_should_go_and_is_not_there_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    step = EditFile("a", str(tmp_path / "file"), "x.y", None, sha_of(OLD), without=("not there",))
    with pytest.raises(StepFailed, match="not there any more"):
        step.do(LINK, step_context(tmp_path))


def test_editing_keeps_the_files_own_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    path.chmod(0o600)
    EditFile("a", str(path), "x.y", ("line",), sha_of(OLD)).do(LINK, step_context(tmp_path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"old\n# BEGIN fleetkeeper v1 x.y\nline\n# END fleetkeeper v1 x.y\n"


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=st.binary(max_size=200), new=st.binary(max_size=200))
def test_any_bytes_arrive_as_they_are_and_come_back_as_they_were(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(old)
    step = replace(writing_step(path, old), content=new)
    back = step.inverse(LINK, step_context(tmp_path))
    step.do(LINK, step_context(tmp_path))
    assert path.read_bytes() == new
    if old != new:
        back.do(LINK, step_context(tmp_path, number=2))
        assert path.read_bytes() == old


def test_what_a_step_shows_has_no_context_lines_and_no_secret() -> None:
    step = crontab_with(OLD, ("@daily new",), without=("@daily PGPASSWORD=hunter2 old",))
    assert step.show().split("\n") == [
        "edit the crontab of ops",
        "  - @daily PGPASSWORD=*** old",
        "  + @daily new",
    ]
