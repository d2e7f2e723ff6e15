"""Numbers of a node: what is absurd is unknown, whatever `int` and `float` would make of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.readers.numbers import (
    LATEST,
    MOST,
    decimal_number,
    epoch_seconds,
    moment_from_epoch,
    number_in,
    whole_number,
)
from fleetkeeper.transport.commands import Unobservable

PLAIN_ODD = ["", " 7", "7 ", "7\n", "+7", "1_000", "0x7", "nan", "inf", "1e3", "1e999", "--7", "-", "9" * 4301]
ODD = [*PLAIN_ODD, "\N{ARABIC-INDIC DIGIT SEVEN}", "\N{SUPERSCRIPT TWO}", "\N{FULLWIDTH DIGIT SEVEN}"]


@pytest.mark.parametrize("written", ODD)
@pytest.mark.parametrize("read", [whole_number, decimal_number, epoch_seconds])
def test_what_no_program_prints_is_no_number(read: Callable[[str], float], written: str) -> None:
    with pytest.raises(Unobservable):
        read(written)


@pytest.mark.parametrize("written", [str(MOST + 1), "-1", "9999999999999999999"])
def test_a_number_that_nothing_counts_with_is_none(written: str) -> None:
    with pytest.raises(Unobservable):
        whole_number(written)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_unknown(written: str) -> None:
    for read in (whole_number, decimal_number, epoch_seconds):
        with suppress(Unobservable):
            assert math.isfinite(read(written))
            assert set(written) <= set("-.0123456789")


@given(st.floats() | st.integers())
def test_any_number_of_seconds_is_a_moment_that_can_be_reckoned_with_or_unknown(seconds: float) -> None:
    try:
        made = moment_from_epoch(seconds)
    except Unobservable:
        assert not 0 <= seconds < LATEST
    else:
        assert 1970 <= made.year < 9001


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_any_json_is_a_number_or_unknown(found: Any) -> None:
    document = json.loads(json.dumps({"Pid": found}))
    with suppress(Unobservable):
        assert 0 <= number_in(document, "Pid") <= MOST
