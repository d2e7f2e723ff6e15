"""Our own regular expressions read what nodes say: none may take more than its share of time for any text.

Each pattern of every module searches texts that are made of pieces of what it looks for, at two lengths. Time that
grows with the square of the length is what backtracking costs: 8 times the text would take 64 times as long.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import fleetkeeper
import remediate

SHORT, LONG = 1_000, 8_000
WORST = 20.0
"""How many times longer the long text may take; 8 is linear, 64 is the square."""
NOTICED = 0.03
"""Seconds below which nobody cares, and a clock tells nothing."""
PIECES = (
    *(
        "a",
        "0",
        "a0",
        "A",
        "_",
        "-",
        " ",
        "\t",
        "/",
        "a/",
        ".",
        "a.",
        ":",
        "a:",
        "=",
        "a=",
        "'",
        '"',
        "'\"",
        "\\",
        "\n",
        "\r\n",
    ),
    *(
        "://",
        "a://",
        "://a:",
        "a@",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "----",
        "eyJaaaaaaaa.",
        "sha256:",
        "ssh-a AAAA",
    ),
    *(
        "password",
        "password=",
        "--password ",
        "token: ",
        "curl ",
        "curl -u a",
        "Authorization: ",
        "authorization",
        "sshpass -p",
    ),
    *(
        "mysql ",
        "redis-cli ",
        "Cipher is ",
        "New, ",
        " Protocol",
        "ERROR:  ",
        "certbot ",
        "renew ",
        "-s ",
        "docker ",
        "docker   ",
    ),
    *(
        "kill 1 ",
        "service ",
        "run-parts ",
        "backup",
        "pg_dump",
        "0-9,",
        "*/5 ",
        "<",
        ">",
        "2>&1",
        "$(",
        "((",
        "[",
        "[[",
        "{",
        "}",
        "#",
        ";",
    ),
    *("OnCalendar=", "node.labels.a == ", "é", "\u2028", "\x00", "%", "%d", "2026_01_01", "T", "01"),
)
ENDS = ("", "!")


def make_folder(package: ModuleType) -> Path:
    return Path(package.__path__[0])


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern of text that a module of ours holds, by its name."""
    for package in (fleetkeeper, remediate):
        for walk_package in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(walk_package.name)
            for name, value in vars(module).items():
                for number, pattern in enumerate(value if isinstance(value, tuple | list) else [value]):
                    inner = pattern[0] if isinstance(pattern, tuple) and pattern else pattern
                    if isinstance(inner, re.Pattern) and isinstance(inner.pattern, str):
                        yield f"{walk_package.name}.{name}[{number}]", inner


SOURCES = "".join(
    path.read_text() for package in (fleetkeeper, remediate) for path in make_folder(package).rglob("*.py")
)
ALL = {pattern.pattern + str(pattern.flags): (name, pattern) for name, pattern in patterns()}


@cache
def searches(name: str) -> bool:
    """Whether a pattern is looked for anywhere in a text, and not only at one place of it, such as its beginning."""
    short = re.sub(r"\[[0-9]+\]$", "", name).rpartition(".")[2]
    used = set(re.findall(rf"\b{short}\.(\w+)\b", SOURCES))
    return not used or bool(used & {"search", "sub", "subn", "finditer", "findall", "split"})


def cpu_seconds(name: str, pattern: re.Pattern[str], text: str) -> float:
    """Processor time of what we do with a pattern."""
    anywhere = searches(name)
    begun = time.process_time()
    if anywhere:
        pattern.sub("", text)
    pattern.fullmatch(text)
    pattern.match(text)
    return time.process_time() - begun


@pytest.mark.parametrize(("name", "pattern"), ALL.values(), ids=[name for name, _ in ALL.values()])
def test_a_pattern_takes_no_more_than_its_share_of_time(name: str, pattern: re.Pattern[str]) -> None:
    for piece in PIECES:
        for end in ENDS:
            short, long = ((piece * length)[:length] + end for length in (SHORT, LONG))
            took = cpu_seconds(name, pattern, long)
            if took > NOTICED:
                assert took <= WORST * max(cpu_seconds(name, pattern, short), 0.0005), (name, piece, end)
