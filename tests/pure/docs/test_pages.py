"""The pages are current, lead somewhere, and name only commands and options that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from docs.pages import PAGES
from fleetkeeper.commands.main import cli as fleetkeeper
from remediate.commands.main import cli as remediate

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
WRITTEN = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.glob("*.md"))
PROGRAMS = {"fleetkeeper", "remediate", "pytest", "make"}
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    text = FENCED.sub("", page.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|mailto:", link):
            location, _, anchor = link.partition("#")
            target = page.parent / location if location else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of ours that a page shows, in a block or between backquotes: page and words."""
    for page in WRITTEN:
        text = page.read_text()
        blocks = [
            line for _, kind, body in FENCED.findall(text) if kind in ("sh", "console", "") for line in lines_of(body)
        ]
        quoted = re.findall(r"`((?:fleetkeeper|remediate|pytest|make) [^`]+)`", FENCED.sub("", text))
        for line in [*blocks, *(item.replace("\n", " ") for item in quoted)]:
            for part in re.split(r" && | > | \| |; ", line.partition(" #")[0].replace("…", "")):
                words = shlex.split(re.sub(r"[\[\]]", "", part.strip().removeprefix("$ ")))
                program = words[0].rpartition("/")[2] if words else ""
                if program in PROGRAMS:
                    yield page.name, [program, *words[1:]]


def lines_of(body: str) -> list[str]:
    return [line.strip() for line in body.replace("\\\n", " ").splitlines() if re.match(r" *(\$ |\.venv/|make )", line)]


SHOWN = list(commands())


def test_the_pages_show_commands() -> None:
    assert {words[0] for _, words in SHOWN} == PROGRAMS
    assert len(SHOWN) > 50


@pytest.mark.parametrize("words", [words for _, words in SHOWN], ids=[f"{page} {shlex.join(w)}" for page, w in SHOWN])
def test_a_command_that_a_page_shows_is_one(words: list[str], pytestconfig: pytest.Config) -> None:
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        named = [word for word in rest if "=" not in word and not word.startswith(("-", "/"))]
        assert set(named) <= set(targets)
    elif program == "pytest":
        ours = {option.partition("=")[0] for option in rest if option.startswith("--")}
        assert ours <= known(pytestconfig)
    else:
        understood({"fleetkeeper": fleetkeeper, "remediate": remediate}[program], rest)


def known(config: pytest.Config) -> set[str]:
    """The long options of pytest and its plugins."""
    groups = [config._parser._anonymous, *config._parser._groups]
    return {name for group in groups for option in group.options for name in option.names()}


def understood(command: click.Command, words: list[str]) -> None:
    """Hold words against a command and those below it; words in capitals (`NAME`, `RULE`) stand for any."""
    named = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    for before, word in pairwise(["", *words]):
        if word.startswith("-"):
            assert word.partition("=")[0] in {*named, "--help", "--version"}, word
        elif isinstance(command, click.Group) and not word.isupper() and not takes_a_value(command, before):
            below = command.get_command(click.Context(command), word)
            assert below is not None, word
            understood(below, words[words.index(word) + 1 :])
            return


def takes_a_value(command: click.Command, word: str) -> bool:
    """Whether the word after this one is an option's value."""
    options = [param for param in command.params if isinstance(param, click.Option) and word in param.opts]
    return any(not option.is_flag for option in options)
