"""Scripts for nodes: what shellcheck says about each, and whether the shells and awks of nodes can parse it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fleetkeeper.transport import script_files
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.shell_protocol import KILL_AFTER

ROOT = Path(__file__).parents[3]
PACKAGES = ("fleetkeeper", "remediate")
SCRIPTS = sorted(str(path.relative_to(ROOT)) for top in PACKAGES for path in (ROOT / top).rglob("scripts/*"))
SHELL_SCRIPTS = [path for path in SCRIPTS if path.endswith(".sh")]
OTHERS = [
    path.relative_to(ROOT)
    for folder in ("lab", ".ci", "tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and re.match(rb"#!/bin/(ba)?sh|#!/usr/bin/env bash", path.read_bytes()[:40])
]
"""Scripts with a first line that says which shell runs them."""
SHELLS = [words for words in (("dash",), ("bash", "--posix"), ("busybox", "sh")) if shutil.which(words[0])]
AWKS = [words for words in (("mawk",), ("gawk",), ("original-awk",), ("busybox", "awk")) if shutil.which(words[0])]
JOINED = "SC2034,SC2154"
"""Variables that are not used, or not set: by itself, a file that another one includes has such."""


def included(path: str) -> list[str]:
    """The files that a script includes by itself, in its order."""
    return re.findall(r"# include (\S+?)'?$", (ROOT / path).read_text(), re.MULTILINE)


def awk_programs() -> Iterator[list[str]]:
    """The files of each awk program: a script may join several."""
    for script in SHELL_SCRIPTS:
        if paths := [path for path in included(script) if path.endswith(".awk")]:
            yield paths


def loaded_by_code() -> set[str]:
    """The paths of scripts in the modules."""
    sources = [path.read_text() for top in PACKAGES for path in (ROOT / top).rglob("*.py")]
    return {path for source in sources for path in re.findall(r'"(\w[\w/]*/scripts/\w+\.\w+)"', source)}


def shellcheck(*words: str, text: str | None = None) -> str:
    program = Path(sys.executable).with_name("shellcheck")
    return subprocess.run(
        [program, "--format=gcc", *words], cwd=ROOT, input=text, capture_output=True, text=True, check=False
    ).stdout


def test_shellcheck_finds_nothing_in_any_script() -> None:
    assert shellcheck("--shell=sh", f"--exclude={JOINED}", *SHELL_SCRIPTS) == ""


def test_shellcheck_finds_nothing_in_the_scripts_of_the_lab_and_of_ci() -> None:
    assert len(OTHERS) > 20
    assert shellcheck(*map(str, OTHERS)) == ""


def test_shellcheck_finds_what_is_wrong() -> None:
    assert "SC2086" in shellcheck("--shell=sh", "-", text="rm $1\n")


def test_what_shellcheck_is_told_to_pass_over_has_a_reason() -> None:
    directives = [
        line for path in (*SCRIPTS, *OTHERS) for line in (ROOT / path).read_text().splitlines() if "shellcheck " in line
    ]
    assert len(directives) > 10
    assert [line for line in directives if not re.search(r"# shellcheck disable=[SC0-9,]+ # \S+ \S+", line)] == []


def test_every_script_is_loaded_or_included_and_no_other_is_asked_for() -> None:
    used = loaded_by_code() | {path for script in SCRIPTS for path in included(script)}
    assert used == set(SCRIPTS)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_script_is_one_that_a_shell_can_parse(shell: Sequence[str]) -> None:
    wrong = {}
    for path in SHELL_SCRIPTS:
        ran = subprocess.run([*shell, "-n"], input=load_script(path), capture_output=True, text=True, check=False)
        if ran.returncode or ran.stderr:
            wrong[path] = ran.stderr
    assert wrong == {}


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_the_awk_programs_of_every_script_are_ones_that_an_awk_can_parse(awk: Sequence[str]) -> None:
    for paths in awk_programs():
        text = "".join(map(load_script, paths))
        ran = subprocess.run([*awk, text, "/dev/null"], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, ""), paths


def test_what_is_for_the_reader_of_a_script_reaches_no_node() -> None:
    for path in SCRIPTS:
        text = load_script(path)
        assert not re.search(r"^ *#( include |!| shellcheck )", text, re.MULTILINE), path


def test_a_script_is_joined_with_what_it_includes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/inner.awk").write_text('# Says it.\n\n{ print "it\'s" }\n')
    (tmp_path / "scripts/say.sh").write_text('#!/bin/sh\n# `say WORD` prints a word.\n\nsay() { echo "$1"; }\n')
    (tmp_path / "scripts/outer.sh").write_text(
        "#!/bin/sh\n# Says all.\n\n# include any/scripts/say.sh\n# shellcheck disable=SC2086 # it may be split\n"
        "say $1 # twice\nawk '# include any/scripts/inner.awk'\n"
    )
    monkeypatch.setattr(script_files, "files", lambda package: tmp_path)
    text = load_script("any/scripts/outer.sh")
    ran = subprocess.run(["sh", "-c", text, "sh", "a"], input="\n", capture_output=True, text=True, check=True)
    assert ran.stdout == "a\nit's\n"
    assert text.split("\n")[:3] == ["", 'say() { echo "$1"; }', "say $1 # twice"]


def test_a_program_gets_the_same_time_to_end_from_us_as_from_timeout() -> None:
    assert f"sleep {KILL_AFTER} " in load_script("fleetkeeper/transport/scripts/run_with_limit.sh")
