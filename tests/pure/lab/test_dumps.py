"""The dumps that fill the lab's backup volume: real, growing, and thinned as the policy says."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab import dumps

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
HEAD = b"--\n-- PostgreSQL database dump\n--\nCOPY public.rodan_runjob (id) FROM stdin;\n"
TAIL = b"\\.\n--\n-- PostgreSQL database dump complete\n--\n"
DUMP = HEAD + b"".join(b"%d\n" % number for number in range(1000)) + TAIL


@pytest.fixture
def volume(tmp_path: Path) -> list[Path]:
    return dumps.fill_directory(tmp_path, NOW, DUMP)


def test_the_newest_is_the_dump_that_was_given(volume: list[Path]) -> None:
    assert volume[-1].name == "backup_2026_11_22T00_00_01.sql.gz"
    assert gzip.decompress(volume[-1].read_bytes()) == DUMP


def test_each_is_whole_and_has_more_rows_than_the_one_before(volume: list[Path]) -> None:
    texts = [gzip.decompress(path.read_bytes()) for path in volume]
    assert all(text.startswith(HEAD) and text.endswith(TAIL) for text in texts)
    assert texts == sorted(texts, key=len)
    assert len(texts[0]) < len(texts[-1])


def test_each_was_written_when_its_name_says(volume: list[Path]) -> None:
    for path in volume:
        named = datetime.strptime(path.name, "backup_%Y_%m_%dT%H_%M_%S.sql.gz").replace(tzinfo=dumps.ZONE)
        assert path.stat().st_mtime == (named + dumps.WRITING).timestamp()


def test_two_dumps_a_day_for_two_years_are_the_kept_and_the_rest(tmp_path: Path) -> None:
    kept, rest = dumps.fill_directory(tmp_path, NOW, DUMP), dumps.overfill_directory(tmp_path, NOW, DUMP)
    assert not set(kept) & set(rest)
    assert len(list(tmp_path.iterdir())) == len(kept) + len(rest) == 1460


def test_thinning_keeps_the_last_the_oldest_and_the_newest_of_each_period() -> None:
    times = dumps.dump_times(NOW)
    kept = sorted(dumps.thinned_times(times))
    assert kept[-dumps.KEEP_LAST :] == times[-dumps.KEEP_LAST :]
    assert kept[0] == times[0]
    assert {moment.date() for moment in kept} >= {moment.date() for moment in times[-27:]}
    assert {moment.strftime("%Y-%m") for moment in kept} >= {f"2026-{month:02}" for month in range(1, 12)}


def test_no_dump_lies_in_the_future() -> None:
    midnight = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    assert dumps.dump_times(midnight)[-1].hour == 12
    assert dumps.dump_times(midnight + timedelta(seconds=2))[-1].hour == 0
