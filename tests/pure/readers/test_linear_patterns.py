"""Regular expressions of a node: what is followed is matched as everybody else matches it, the rest is unknown."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleetkeeper.readers.docker.docker_exec import docker_executions
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.readers.linear_patterns import LONGEST, occur_in_order, path_pattern, pattern_of
from fleetkeeper.readers.nginx import Site, matches_server_name, site_of
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Unobservable
from tests.helpers.processor_time import work_of

NESTED = ["(.+)+!", "((.+)+)+!", "^((.+)+)+!$", "(a*)*b", "(a+)*$", "((a?)+)+", "(x+x+)+y", "([a-z]+)*1", "(a|b*)+c"]
FOREIGN = [
    *[
        r"a{2}",
        r"a{,5}",
        r"\bx",
        r"\Aa",
        r"(a)\1",
        r"(?i)a",
        r"(?=a)",
        r"(?!a)",
        r"(?<!a)b",
        r"a++",
        r"a**",
        r"[[:alpha:]]",
    ],
    *[r"\pL", r"\Qa\E", r"(?#x)", r"[z-a]", r"(a", r"a)", r"[a", r"*a", r"a|*", r"^*", r"(?P<a-b>x)"],
    "\\",
    "(" * 40 + ")" * 40,
    "a" * 600,
]
alphabet = st.sampled_from("ab.^$[]()|*+?-\\c1/B")


@pytest.mark.parametrize("written", NESTED + FOREIGN)
def test_what_is_not_read_alike_everywhere_or_repeats_itself_is_unknown(written: str) -> None:
    with pytest.raises(Unobservable, match="is not followed here"):
        pattern_of(written)


@given(st.text(alphabet, max_size=10), st.lists(st.text("abABcC1/.-]", max_size=7), max_size=5), st.booleans())
def test_what_is_followed_is_matched_as_python_matches_it(written: str, texts: list[str], ignore_case: bool) -> None:
    try:
        ours = pattern_of(written, ignore_case=ignore_case)
    except Unobservable:
        assume(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = re.compile(written, re.IGNORECASE if ignore_case else 0)
    for text in texts:
        assert ours.found_in(text) == (theirs.search(text) is not None)


@given(st.text(max_size=LONGEST + 2))
def test_any_text_is_an_expression_or_unknown(written: str) -> None:
    with suppress(Unobservable):
        assert pattern_of(written).found_in("rodan_db.1.x0h3") in (True, False)
        assert path_pattern(written).found_in("/etc/nginx/conf.d/a.conf") in (True, False)


@pytest.mark.parametrize(
    "written", ["a*" * 200 + "b", "(a|a|a)*" * 60 + "b", "(a|aa)*b", ".*.*.*.*=.*", "[ab]*a" + "." * 99]
)
def test_the_hardest_expressions_take_twice_as_long_for_twice_as_much(written: str) -> None:
    once, twice = (work_of(partial(pattern_of(written).found_in, "a" * size)) for size in (1500, 3000))
    assert twice < 4 * once


@pytest.mark.parametrize(
    ("pattern", "fits", "other"),
    [
        ("/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/x/a.conf"),
        ("/etc/a?c/[ab]/*", "/etc/abc/b/x", "/etc/abc/c/x"),
        ("/etc/[!a-c]/x.y", "/etc/d/x.y", "/etc/b/x.y"),
        (r"/etc/\*/x", "/etc/*/x", "/etc/a/x"),
        ("/etc/é+(b)$", "/etc/é+(b)$", "/etc/éé(b)$"),
    ],
)
def test_paths_of_an_include_are_found_as_glob_finds_them(pattern: str, fits: str, other: str) -> None:
    assert (path_pattern(pattern).found_in(fits), path_pattern(pattern).found_in(other)) == (True, False)


@pytest.mark.parametrize("depth", ["(.+)+!", "((.+)+)+!", "^(([a-z_]+)*)*$"])
def test_a_crontab_line_of_any_user_cannot_hold_the_look_up(depth: str) -> None:
    [run] = docker_executions(f"docker exec $(docker ps -q -f 'name={depth}') backup")
    with pytest.raises(Unobservable, match="is not followed here"):
        resolve_target(run.target, [Container("f" * 64, "rodan_postgres.1.x0h3k5l6m7n8p9q0r1s2t3u4v", state="running")])


@pytest.mark.parametrize(
    ("filter_", "found"),
    [("postgres", True), ("^rodan_postgres", True), (r"^/rodan_(postgres|db)\.[0-9]+\.", True), ("^postgres$", False)],
)
def test_a_crontab_line_finds_its_container_as_docker_finds_it(filter_: str, found: bool) -> None:
    [run] = docker_executions(f"docker exec $(docker ps -q -f 'name={filter_}') backup")
    present = Container("f" * 64, "rodan_postgres.1.x0h3", state="running")
    assert resolve_target(run.target, [present]) == ((present,) if found else ())


ODD, PLAIN = Site(("~^((.+)+)+!$",), (443,)), Site(("a.example.org",), (443,))


def test_a_site_that_cannot_be_told_matters_only_where_no_better_name_fits() -> None:
    assert site_of([ODD, PLAIN], "a.example.org", 443) == PLAIN
    with pytest.raises(Unobservable, match="server_name"):
        site_of([ODD, PLAIN], "b.example.org", 443)
    before = Site((r"~^b\.example\.(org|net)$",), (443,))
    assert site_of([before, ODD], "b.example.org", 443) == before


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        (r"~^(www\.)?example\.org$", "www.example.org", True),
        (r"~^(?<sub>.+)\.example\.org$", "a.b.example.org", True),
        (r"~^(?<sub>.+)\.example\.org$", "example.org", False),
        (r"~^WWW\d+\.Example\.org$", "www12.example.org", True),
        (r"~^www\D\.", "www1.", False),
        (r"~.*", "anything", True),
        (".example.org", "a.example.org", True),
        ("www.example.*", "www.example.net", True),
    ],
)
def test_names_of_a_server_are_matched_as_nginx_does(pattern: str, name: str, fits: bool) -> None:
    assert matches_server_name(pattern, name) is fits


@given(st.text("ab;\nx", max_size=30))
def test_one_thing_behind_another_is_what_the_slow_pattern_finds(text: str) -> None:
    slow = re.search(r"a[^;\n]*b", text) is not None
    assert occur_in_order(text, re.compile("a"), re.compile("b"), re.compile(r"[;\n]")) == slow
