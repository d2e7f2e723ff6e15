"""Only a newline ends a line of what a node said, everywhere; and only ASCII digits are digits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.readers import nginx
from fleetkeeper.topics.backups.second_copy.observe import parse as digests
from fleetkeeper.topics.containers.facts import Mount
from fleetkeeper.topics.containers.preflight import parse_helpers, unsaved_files
from fleetkeeper.topics.schedules.command_lines import running_anywhere
from fleetkeeper.topics.services.parse import remote_mounts
from fleetkeeper.transport.commands import Output, Unobservable

ROOT = Path(__file__).parents[3]
CUTS_TOO = ("splitlines", "isnumeric", "isdecimal")
ALLOWED = {
    # A secret is struck out in every way in which a program may print it: also line by line as Python cuts lines.
    ("remediate/steps/task_log.py", "spellings_of"),
}
SEPARATORS = ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"]


def uses(path: Path) -> Iterator[tuple[str, str, str]]:
    """Every method of that kind that a file calls: where, in which function, and its name."""
    where = path.relative_to(ROOT).as_posix()
    for outer in ast.walk(ast.parse(path.read_text())):
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((where, outer.name, item.attr) for item in ast.walk(outer) if isinstance(item, ast.Attribute))


@pytest.mark.parametrize("folder", ["fleetkeeper", "remediate", "checks"])
def test_nothing_cuts_what_a_node_said_at_anything_but_a_newline(folder: str) -> None:
    match = {use for path in sorted((ROOT / folder).rglob("*.py")) for use in uses(path) if use[2] in CUTS_TOO}
    assert {(where, function) for where, function, _ in match} <= ALLOWED, "use fleetkeeper.readers.lines instead"


@pytest.mark.parametrize("folder", ["fleetkeeper", "remediate", "checks"])
def test_a_digit_is_an_ascii_digit(folder: str) -> None:
    question = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text().split("\n")
        if ".isdigit()" in line and ".isascii()" not in line
    ]
    assert [
        item
        for item in question
        if not item.startswith(("fleetkeeper/transport/answer_frames.py", "fleetkeeper/inventory/secret_scan.py"))
    ] == [], "see fleetkeeper.readers.numbers"


@pytest.mark.parametrize("cut", SEPARATORS)
def test_a_name_with_a_separator_stays_one_record(cut: str) -> None:
    name = f"/srv/a{cut}A /etc/shadow"
    assert unsaved_files(f"A {name}\n", [Mount("bind", "/d", "/data")]) == (name,)
    assert parse_helpers(f"starts with x{cut}helper gosu\n") == ()
    assert digests(Output(0, f"e3b0 ./a{cut}f00d ./b\n".encode())) == {f"a{cut}f00d ./b": "e3b0"}
    assert remote_mounts(Output(0, f"x:/y{cut}nas:/ /srv nfs4 rw 0 0\n".encode())) == ("/srv",)
    assert "forged" in nginx.first_error(f"nginx: [emerg] a{cut}nginx: [emerg] forged\n")


@pytest.mark.parametrize("cut", SEPARATORS)
def test_a_script_is_cut_where_a_shell_cuts_it(cut: str) -> None:
    assert running_anywhere(f"case x{cut}docker exec pg backup\n", ["backup"]) == []


@pytest.mark.parametrize("cut", SEPARATORS)
def test_why_a_command_failed_is_its_whole_last_line(cut: str) -> None:
    with pytest.raises(Unobservable, match="exited 1: one"):
        Output(1, err=f"zero\none{cut}two\n".encode()).text()
