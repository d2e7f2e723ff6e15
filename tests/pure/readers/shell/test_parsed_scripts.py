"""A script is parsed once, however often it is read; what is kept is bounded."""

from __future__ import annotations

import pytest

from fleetkeeper.readers.shell import parsed_scripts
from fleetkeeper.readers.shell.parsed_scripts import SHORTEST, ParsedScripts
from fleetkeeper.readers.shell.syntax import parse_script
from fleetkeeper.readers.shell.words import Unreadable

SCRIPTS = ("", "backup", "if test -f x; then docker ps; fi", "for x in 1 2; do { echo $x | cat; }; done")
LONG = "backup # " + "x" * 200


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that were parsed, one after the other."""
    texts: list[str] = []

    def parse(text: str):
        texts.append(text)
        return parse_script(text)

    monkeypatch.setattr(parsed_scripts, "parse_script", parse)
    return texts


def test_a_script_is_parsed_once_and_reads_the_same_each_time(parsed: list[str]) -> None:
    scripts = ParsedScripts()
    for text in SCRIPTS * 2:
        assert scripts.parse(text) == parse_script(text)
    assert parsed == list(SCRIPTS)


def test_what_cannot_be_read_is_said_in_the_same_words_each_time(parsed: list[str]) -> None:
    scripts = ParsedScripts()
    with pytest.raises(Unreadable) as first:
        scripts.parse("if true; then")
    with pytest.raises(Unreadable) as second:
        scripts.parse("if true; then")
    assert str(first.value) == str(second.value) != ""
    assert parsed == ["if true; then"]


def test_when_there_are_too_many_all_are_forgotten(parsed: list[str]) -> None:
    scripts = ParsedScripts(most=2 * SHORTEST)
    for text in ("a", "b", "c", "c", "a"):
        scripts.parse(text)
        assert len(scripts.kept) <= 2
    assert parsed == ["a", "b", "c", "a"]


def test_a_script_that_is_longer_than_all_that_may_be_kept_pushes_out_nothing(parsed: list[str]) -> None:
    scripts = ParsedScripts(most=2 * SHORTEST)
    for text in ("a", LONG, "a", LONG):
        scripts.parse(text)
    assert parsed == ["a", LONG, LONG]
