"""The options of an audit on pytest's command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest


def add_options(parser: pytest.Parser) -> None:
    """Add the options of an audit to pytest's command line: --limit, --quick, --results, --facts, --record …"""
    group = parser.getgroup(
        "fleetkeeper", "audit of the servers that --hosts names (pytest's --strict makes warnings count)"
    )
    group.addoption(
        "--limit", action="append", default=[], metavar="NODE", help="judge only this node (repeatable); all are seen"
    )
    group.addoption("--owner", metavar="NAME", help="judge only what may be this person's or team's (`owners`)")
    group.addoption(
        "--quick",
        action="store_true",
        help="leave out what takes long, such as reading whole backups; it is then skipped",
    )
    group.addoption(
        "--results", type=Path, metavar="FILE", help="where to write results.json (default: the state directory)"
    )
    group.addoption("--sarif", type=Path, metavar="FILE", help="also write what is open as SARIF, if all was judged")
    group.addoption("--sarif-waived", action="store_true", help="put accepted findings into it too, as suppressed")
    group.addoption(
        "--page", type=Path, metavar="FILE", help="also write a page about the audit: one HTML file for a browser"
    )
    group.addoption(
        "--metrics", type=Path, metavar="FILE", help="also write metrics for Prometheus' textfile collector, if whole"
    )
    group.addoption(
        "--summary",
        type=Path,
        metavar="FILE",
        help="also append a summary in Markdown to it: $GITHUB_STEP_SUMMARY",
    )
    group.addoption(
        "--facts", metavar="NODE[/TOPIC]", help="look, print the facts of a node or of a topic there, and judge nothing"
    )
    group.addoption(
        "--show-facts", action="store_true", help="show what each rule read (-vv: of each promise that does not hold)"
    )
    group.addoption("--record", type=Path, metavar="FILE", help="save the look, to be judged again offline")
    group.addoption("--replay", type=Path, metavar="FILE", help="judge a saved look instead of looking")
    group.addoption(
        "--state",
        type=Path,
        metavar="DIR",
        help="state directory, as --state=DIR (default: $FLEETKEEPER_STATE or XDG's)",
    )


PATH_OPTIONS = ("--state", "--results", "--sarif", "--page", "--metrics", "--summary", "--record", "--replay")


def misread_options(args: Sequence[str]) -> Iterator[str]:
    """`OPTION=VALUE` for each of our path options that was given as two words and whose path exists.

    Before pytest knows our options it takes such a path for one of tests, and looks for its settings there.

    >>> list(misread_options(["--state", "/tmp", "--replay=/tmp", "--record", "/not/there/yet"]))
    ['--state=/tmp']
    """
    for option, value in pairwise(args):
        if (
            option in ("--state", "--results", "--sarif", "--page", "--metrics", "--summary", "--record", "--replay")
            and Path(value).exists()
        ):
            yield f"{option}={value}"
