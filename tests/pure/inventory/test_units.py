"""Sizes and durations: what is read, and what is refused with the grammar."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from fleetkeeper.inventory.units import (
    BYTES,
    SECONDS,
    Duration,
    Size,
    exact_duration,
    exact_size,
    parse_duration,
    parse_size,
    show_size,
)

NOT_SIZES = [
    "50,5 GB",
    "50 GBB",
    "-1h",
    "3M",
    "0",
    "0 GB",
    "",
    " 1 GB",
    "1  GB",
    "1 gb",
    "1 GB ",
    "1e3 GB",
    "\uff11 GB",
]
NOT_DURATIONS = [
    "50 GB",
    "-1h",
    "3M",
    "3m",
    "0",
    "0 s",
    "1,5 h",
    "36",
    "36 H",
    "1 h 30 min",
    "1:30",
    "inf h",
    "9999999 w",
]


@pytest.mark.parametrize("written", NOT_SIZES)
def test_what_is_not_exactly_a_size_is_refused_with_the_grammar_case_8(written: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_size(written)
    assert "60 GiB" in (refused.value.context or {})["hint"]


@pytest.mark.parametrize("written", NOT_DURATIONS)
def test_what_is_not_exactly_a_duration_is_refused_with_the_grammar_case_8(written: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_duration(written)
    assert "36 h" in (refused.value.context or {})["hint"]


@pytest.mark.parametrize("written", [60, 1.5, True, None, ["60 GiB"]])
def test_a_number_without_a_unit_is_no_size(written: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(written)


def test_decimal_and_binary_units_differ() -> None:
    assert (parse_size("1 GB"), parse_size("1 GiB")) == (10**9, 2**30)


def test_part_of_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size("0.5 B")


@given(st.integers(1, 10**15 - 1), st.sampled_from(sorted(BYTES)), st.sampled_from(["", " "]))
def test_every_number_of_every_unit_is_read_exactly(number: int, unit: str, space: str) -> None:
    assert parse_size(f"{number}{space}{unit}") == number * BYTES[unit]


@given(st.integers(1, 5000), st.sampled_from(sorted(SECONDS)))
def test_every_duration_is_read_exactly(number: int, unit: str) -> None:
    assert parse_duration(f"{number} {unit}").total_seconds() == number * SECONDS[unit]


@given(st.text())
def test_any_text_is_a_size_above_nothing_or_a_value_error(written: str) -> None:
    try:
        count = parse_size(written)
    except ValueError:
        return
    assert count > 0


@given(st.integers(1, 10**14))
def test_a_size_survives_being_written_out_exactly(count: int) -> None:
    assert parse_size(exact_size(count)) == count


@given(
    st.timedeltas(timedelta(seconds=1), timedelta(days=20000)).map(lambda span: span - span % timedelta(milliseconds=1))
)
def test_a_duration_survives_being_written_out_exactly(span: timedelta) -> None:
    assert abs(parse_duration(exact_duration(span)) - span) < timedelta(milliseconds=1)


def test_fields_of_these_types_refuse_numbers_even_from_json() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Size).validate_json("60")
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_json("60")


def test_a_size_is_shown_in_the_largest_unit_that_fits() -> None:
    assert [show_size(count) for count in (0, 1023, 1024, 64 * 2**30, 5 * 2**40)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "64 GiB",
        "5 TiB",
    ]
