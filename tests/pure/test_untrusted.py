"""Ways out of data, one by one: what each function lets through, over everything that Unicode and shells have."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.redact import masked
from fleetkeeper.untrusted import (
    NOT_REPEATED,
    Untrusted,
    annotation_text,
    installed_word,
    one_line,
    plain_path,
    printable_text,
    without_values,
    yaml_text,
)

HIDDEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def test_no_character_that_does_not_show_reaches_a_terminal() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = one_line(everything)
    assert {unicodedata.category(char) for char in set(shown)} & set(HIDDEN) == set()
    invisible = "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2066\ufeff\ufe0f\u3164\U000e0001\U000e0100"
    assert not set(invisible) & set(shown)


@given(st.text())
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    assert printable_text(printable_text(text)) == printable_text(text)
    assert one_line("Größe → 3 µs, été\u00a0!") == "Größe → 3 µs, été\u00a0!"


@given(st.text(max_size=20))
def test_only_names_are_installed(text: str) -> None:
    try:
        assert installed_word(text) == text
    except Untrusted:
        assert not text.isascii() or not text or not text[0].isalnum() or not text.replace("_", "").isalnum()


@pytest.mark.parametrize("text", ["", "-a", ".a", "_a", "a b", "a\n", "a$", "é", "٣", "a" * 254, "a%b", "a/b"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(Untrusted):
        installed_word(text)


@pytest.mark.parametrize("path", ["", "a", "/a/../b", "/a//b", "/a/", "/a\nb", "//a"])
def test_only_a_plain_absolute_path_is_one(path: str) -> None:
    with pytest.raises(Untrusted):
        plain_path(path)


@given(st.text())
def test_a_value_in_yaml_comes_back_as_it_was_and_shows_nothing_hidden(text: str) -> None:
    written = yaml_text(text)
    assert yaml.safe_load(f"{{a: {written}, b: 1}}") == {"a": text, "b": 1}
    assert one_line(written) == written


@given(st.text())
def test_an_annotation_is_one_line_and_begins_no_command(text: str) -> None:
    sentence = annotation_text(text, ":,")
    assert not set("\r\n:,") & set(sentence)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('psql:<stdin>:9: ERROR:  relation "auth_user" does not exist', 'relation "auth_user" does not exist'),
        (
            'ERROR:  duplicate key value violates unique constraint "users_pkey"',
            'duplicate key value violates unique constraint "users_pkey"',
        ),
        (
            'pg_restore: error: COPY failed for table "users": ERROR:  invalid input syntax for type integer: "secret"',
            "invalid input syntax for type integer",
        ),
        ('ERROR:  value "4111" is out of range for type integer', NOT_REPEATED),
        ('ERROR:  invalid byte sequence for encoding "UTF8": 0xe9 0x73', 'invalid byte sequence for encoding "UTF8"'),
        ("DETAIL:  Key (email)=(a@example.org) already exists.", NOT_REPEATED),
        ('FEHLER:  ungültige Eingabesyntax für Typ integer: "secret"', NOT_REPEATED),
        ("ERROR:  customer Smith, born 1970, is unknown", NOT_REPEATED),
        ('ERROR:  syntax error at or near "secret"', "syntax error"),
        ("no room: 5 MiB are free", "no room: 5 MiB are free"),
    ],
)
def test_the_values_of_a_row_are_not_repeated(line: str, told: str) -> None:
    assert without_values(line) == told


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a-",
        "-",
        "pass",
        "password ",
        "://",
        "://a:",
        "curl ",
        "mysql -p ",
        "eyJ",
        "eyJaaaaaaaa-",
        "=",
        "secret\"'",
    ],
)
def test_a_long_text_is_masked_in_a_moment(unit: str) -> None:
    began = time.process_time()
    masked(unit * (20_000 // len(unit)))
    assert time.process_time() - began < 2
