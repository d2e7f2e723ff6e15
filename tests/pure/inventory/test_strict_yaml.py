"""The YAML that inventories are written in: what it means, and what is refused at which line."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.inventory.strict_yaml import DEEPEST, LARGEST, YamlError, plain_scalar, read_document, why_surprising

GOOD = """\
# a comment
nodes:
  web: {port: 22, roles: [a, b]}   # another
list:
  - one
  - two: 0.5
text: |
  several
  lines
none: ~
quoted: "010"
"""
BOMB = "a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b]\n"


def refusal_of(content: bytes | str) -> YamlError:
    with pytest.raises(YamlError) as unusual:
        read_document(content.encode() if isinstance(content, str) else content)
    return unusual.value


def oddity(content: bytes) -> YamlError | None:
    try:
        json.dumps(read_document(content).data)
    except YamlError as odd:
        return odd
    return None


def test_good_yaml_is_read_as_it_looks() -> None:
    assert read_document(GOOD.encode()).data == {
        "nodes": {"web": {"port": 22, "roles": ["a", "b"]}},
        "list": ["one", {"two": 0.5}],
        "text": "several\nlines\n",
        "none": None,
        "quoted": "010",
    }


def test_every_path_has_the_line_it_stands_on() -> None:
    document = read_document(GOOD.encode())
    places = {("nodes",): 2, ("nodes", "web", "port"): 3, ("list", 1, "two"): 6, ("quoted",): 11}
    assert {location: document.line(location) for location in places} == places


def test_a_path_that_is_not_written_has_the_line_of_what_is_above_it() -> None:
    assert read_document(GOOD.encode()).line(("nodes", "web", "address")) == 3


@pytest.mark.parametrize(
    "written", ["22:22", "on", "off", "yes", "no", "010", "0x1f", "1_000", "1e3", "+1", ".5", "True"]
)
def test_what_other_readers_coerce_stays_text_case_6(written: str) -> None:
    assert read_document(f"key: {written}\n".encode()).data == {"key": written}


@pytest.mark.parametrize("written", ["22:22", "on", "010"])
def test_a_surprise_is_explained_case_6(written: str) -> None:
    assert why_surprising(written)


def test_a_date_stays_text() -> None:
    assert read_document(b"until: 2027-01-31\n").data == {"until": "2027-01-31"}


def test_a_duplicate_key_is_told_with_both_lines_and_the_first_value_stays_case_5() -> None:
    document = read_document(b"a: 1\nb: 2\na: {c: 3}\n")
    [(location, unusual)] = document.twice
    assert (document.data, location, unusual.line) == ({"a": 1, "b": 2}, ("a",), 3)
    assert "first on line 1" in unusual.what
    assert document.line(("a",)) == 1


def test_an_alias_bomb_is_refused_at_its_first_anchor_case_7() -> None:
    assert refusal_of(BOMB).line == 1


def test_a_merge_key_is_no_way_around_it_case_7() -> None:
    assert "alias" in refusal_of("base: {x: 1}\nweb: {<<: *base}\n").what


def test_a_large_file_is_refused_before_it_is_parsed_case_7() -> None:
    began = time.monotonic()
    assert str(LARGEST) in refusal_of(b"a: [" + b"x, " * (10 * 1024 * 1024 // 3) + b"]").hint
    assert time.monotonic() - began < 0.5


def test_what_is_not_utf_8_is_refused_at_its_line_case_7() -> None:
    unusual = refusal_of(b"a: 1\nb: caf\xe9\n")
    assert (unusual.line, unusual.what) == (2, "this is not UTF-8")


def test_a_tab_is_refused_with_the_right_hint_case_7() -> None:
    unusual = refusal_of("nodes:\n\tweb: {}\n")
    assert (unusual.line, unusual.hint) == (2, "indent with spaces, not tabs")


def test_a_byte_order_mark_and_crlf_are_accepted_case_7() -> None:
    document = read_document(b"\xef\xbb\xbfa: 1\r\nb: text\r\n")
    assert (document.data, document.line(("b",))) == ({"a": 1, "b": "text"}, 2)


def test_nul_is_refused_at_its_line_case_2() -> None:
    assert refusal_of(b"a: 1\nb: x\0y\n").line == 2


@pytest.mark.parametrize("written", ["a: !!python/object:os.system x\n", "a: !x y\n", "a: !!str 1\n"])
def test_tags_are_refused(written: str) -> None:
    assert "tag" in refusal_of(written).what


def test_a_second_document_is_refused() -> None:
    assert refusal_of("a: 1\n---\nb: 2\n").line == 3


def test_endless_nesting_is_refused_at_once() -> None:
    began = time.monotonic()
    assert "deep" in refusal_of("[" * (LARGEST - 1)).what
    assert time.monotonic() - began < 1


def test_nesting_up_to_the_bound_is_read() -> None:
    read_document(("a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)).encode())


@pytest.mark.parametrize("written", ["1: x\n", "~: x\n", "true: x\n", "? [a]\n: x\n", "{a: 1}: x\n"])
def test_a_key_that_is_not_a_word_is_refused(written: str) -> None:
    assert "not a word" in refusal_of(written).what


@pytest.mark.parametrize(
    "written", ["a: b: c\n", "a: [\n", "a: 'x\n", "a: {b\n", "- a\nb\n", "a: @x\n", "%FOO\n---\na: *\n"]
)
def test_what_is_not_yaml_is_refused_with_a_line(written: str) -> None:
    assert refusal_of(written).line >= 1


def test_an_empty_file_is_empty() -> None:
    assert read_document(b"# nothing\n").data == {}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    unusual = oddity(content)
    assert unusual is None or 1 <= unusual.line <= content.count(b"\n") + content.count(b"\r") + 2


@given(st.text(alphabet="ab:[]{}-,#&*!|>'\"\n\t 01?~%@`\r\x85\u2028", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    unusual = oddity(text.encode())
    assert unusual is None or unusual.what


WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_whatever_json_says_is_read_as_json(data: dict[str, object]) -> None:
    assert read_document(json.dumps(data, ensure_ascii=False).encode()).data == data


@given(st.dictionaries(WORDS, st.booleans() | st.integers(-(10**9), 10**9) | st.none(), max_size=4))
def test_where_nothing_is_surprising_we_read_what_pyyaml_reads(data: dict[str, object]) -> None:
    written = yaml.safe_dump(data, allow_unicode=True)
    assert read_document(written.encode()).data == yaml.safe_load(written)


@given(st.integers(-(10**17), 10**17))
def test_decimal_numbers_are_numbers(number: int) -> None:
    assert plain_scalar(str(number)) == number
