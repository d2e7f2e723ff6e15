"""The line that is shown while nodes are looked at: on a terminal only."""

from __future__ import annotations

import io

import pytest

from fleetkeeper.reports.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_told(monkeypatch: pytest.MonkeyPatch, to: io.StringIO, *, quiet: bool = False) -> list[str]:
    monkeypatch.setattr("sys.stderr", to)
    with Progress(3, quiet=quiet) as progress:
        progress("a", True)
        progress("b", False)
    return to.getvalue().split("\r\x1b[K")[1:]


def test_nodes_done_to_come_and_lost_are_counted_and_the_line_goes_away(monkeypatch):
    assert lines_told(monkeypatch, Terminal()) == [
        "looking: 0 nodes done, 3 to come",
        "looking: 1 node done, 2 to come",
        "looking: 1 node done, 1 to come, 1 could not be looked at",
        "",
    ]


def test_nothing_is_shown_without_a_terminal_or_when_quiet(monkeypatch):
    assert lines_told(monkeypatch, io.StringIO()) == []
    assert lines_told(monkeypatch, Terminal(), quiet=True) == []
