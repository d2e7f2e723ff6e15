"""The lab for tests: used as it is when it is up, else brought up for this run and taken down after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import bringup, faults
from lab.engine import Engine, NoEngine
from lab.names import NODES, Node
from lab.shell import LabError

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Ran:
    """A command that ended: exit status, and what it said on both outputs."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Lab:
    """A lab that is up, and a place for what a test leaves behind."""

    engine: Engine
    place: Path

    def run(self, *words: str, limit: float = 300) -> Ran:
        """Run one of our commands as a person without a terminal would."""
        env = {**os.environ, "FLEETKEEPER_STATE": str(self.place / "state"), "NO_COLOR": "1", "COLUMNS": "140"}
        done = subprocess.run(
            [BIN / words[0], *words[1:]], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=limit, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def audit(self, *arguments: str) -> dict[str, Any]:
        """The results of `pytest --hosts=lab`."""
        path = self.place / "results.json"
        path.unlink(missing_ok=True)
        ran = self.run("pytest", "--hosts=lab", f"--results={path}", "-p", "no:cacheprovider", *arguments)
        assert path.exists(), ran.said
        return dict(json.loads(path.read_text()), said=ran.said)

    def remediate(self, *arguments: str) -> Ran:
        return self.run("remediate", "--hosts=lab", *arguments)

    def on(self, node: str, *words: str) -> str:
        """Run words as root in a node, past ssh: what it prints."""
        return self.engine.ask("exec", self.node(node).container, *words)

    def run_script(self, node: str, script: str) -> str:
        """Run a script of any length as root in a node, past ssh: what it prints."""
        words = ("exec", "--interactive", self.node(node).container, "sh", "-eu")
        return self.engine.ask(*words, given=script.encode())

    def node(self, name: str) -> Node:
        return next(item for item in NODES if item.name == name)


def portable_inventory() -> str:
    """The lab's inventory, for another folder: with the full paths of the files that it names."""
    text = (ROOT / "inventories" / "lab.yml").read_text()
    return text.replace("../.lab/", f"{ROOT}/.lab/").replace("../lab/", f"{ROOT}/lab/")


def rules_ending_so(results: dict[str, Any], *which: str) -> set[str]:
    """The rules whose items ended so."""
    return {item["rule"] for item in results["items"] if item["outcome"] in which}


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    """The engine of a lab that is up. One run of tests at a time has it: they would mend each other's faults.

    It goes down with the last of its tests: at the end of the session it would stand in the way of pure tests, whose
    teardown may start no process.

    In CI nobody works on a lab by hand: what another clone's run left, when it was killed, is in nobody's use.
    """
    with bringup.one_at_a_time("tests", "another run of the lab's tests"):
        was_up = is_up()
        try:
            with bringup.one_at_a_time():
                engine = bringup.up(take_over=bool(os.environ.get("CI")))
        except NoEngine as why:
            pytest.skip(f"no lab here: {why}")
        yield engine
        if not was_up:
            with bringup.one_at_a_time():
                bringup.down()


def is_up() -> bool:
    try:
        return bool(bringup.require_lab())
    except LabError:
        return False


@pytest.fixture
def lab(engine: Engine, tmp_path: Path) -> Lab:
    """A lab in which nothing is broken."""
    for name in reversed(faults.broken()):
        faults.mend(engine, name)
    return Lab(engine, tmp_path)


@pytest.fixture
def broken(lab: Lab) -> Iterator[Callable[..., Lab]]:
    """Break the lab by name; it is mended after the test."""

    def break_(*names: str) -> Lab:
        for name in names:
            faults.break_(lab.engine, name)
        return lab

    yield break_
    for name in reversed(faults.broken()):
        faults.mend(lab.engine, name)
