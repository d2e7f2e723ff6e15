"""Our lines in somebody else's crontab: everything else stays as it is, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.readers.marked_blocks import (
    BlockError,
    block_lines,
    drop_block,
    edit_block,
    put_block,
    split_lines_exactly,
)

NAME = "schedules.backup_runs_where_postgres_runs"
OURS = ["0 0,12 * * * docker exec x backup", "# why"]
ANY = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b'MAILTO="a b"',
                b"0 0 * * * echo 50%",
                b"not a line",
                b"\t 5  4 * * *   x",
                b"x\r",
                b"\xff\xfe",
                b"",
                b"#",
            ]
        )
    ).map(b"\n".join),
)


@given(ANY)
def test_case_23_every_other_line_is_byte_identical(text: bytes):
    kept = text if text.endswith(b"\n") or not text else text + b"\n"
    assert put_block(text, NAME, OURS).startswith(kept)
    assert drop_block(put_block(text, NAME, OURS), NAME) == kept


@given(ANY)
def test_putting_twice_is_putting_once(text: bytes):
    once = put_block(text, NAME, OURS)
    assert put_block(once, NAME, OURS) == once


@given(ANY)
def test_what_was_put_is_read_back(text: bytes):
    assert block_lines(put_block(text, NAME, OURS), NAME) == tuple(OURS)


@given(ANY, ANY)
def test_a_block_is_replaced_where_it_stands(before: bytes, after: bytes):
    text = put_block(before, NAME, ["old"]) + after
    changed = put_block(text, NAME, OURS)
    assert changed == put_block(before, NAME, OURS) + after


@given(ANY)
def test_a_file_without_our_block_is_not_touched_by_dropping_it(text: bytes):
    assert drop_block(text, NAME) == text
    assert block_lines(text, NAME) is None


@given(st.binary(max_size=100))
def test_splitting_loses_nothing(text: bytes):
    assert b"".join(split_lines_exactly(text)) == text


def test_a_line_is_taken_out_once_and_its_first_occurrence_stays():
    assert edit_block(b"a\nb\na\n", NAME, None, ["a"]) == b"a\nb\n"


def test_a_line_is_taken_out_and_the_block_is_set_in_one_edit():
    assert edit_block(b"a\n x\n", NAME, ["new"], [" x"]) == put_block(b"a\n", NAME, ["new"])


def test_a_line_of_our_own_block_is_not_taken_for_somebody_elses():
    text = put_block(b"", NAME, ["a"])
    with pytest.raises(BlockError, match="not there"):
        edit_block(text, NAME, ["b"], ["a"])


def test_a_line_that_is_not_there_any_more_stops_the_edit():
    with pytest.raises(BlockError):
        edit_block(b"a\n", NAME, ["b"], ["0 0 * * * gone"])


def test_a_line_in_a_strange_encoding_can_be_taken_out():
    assert edit_block(b"a\n\xff x\n", NAME, None, [b"\xff x".decode("utf-8", "surrogateescape")]) == b"a\n"


@pytest.mark.parametrize(
    "text",
    [
        b"# BEGIN fleetkeeper %s\n0 0 * * * x\n",
        b"0 0 * * * x\n# END fleetkeeper %s\n",
        b"# END fleetkeeper %s\n# BEGIN fleetkeeper %s\n",
        b"# BEGIN fleetkeeper %s\n# BEGIN fleetkeeper %s\n# END fleetkeeper %s\n",
    ],
)
def test_broken_marks_are_never_edited(text: bytes):
    broken = text.replace(b"%s", NAME.encode())
    for attempt in (
        lambda: put_block(broken, NAME, OURS),
        lambda: drop_block(broken, NAME),
        lambda: block_lines(broken, NAME),
    ):
        with pytest.raises(BlockError, match="broken"):
            attempt()


def test_a_line_cannot_smuggle_in_another_line():
    with pytest.raises(BlockError):
        put_block(b"", NAME, ["0 0 * * * x\n* * * * * evil"])
