"""The demo: a broken miniature production, what the audit says of it, the plan, the repair, and the audit again."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

from lab import bringup, faults
from lab.engine import Engine
from lab.names import CLONE, STATE
from lab.shell import LabError, say, step

BIN = Path(sys.executable).parent
MEMORY = STATE / "state"
"""The demo's own state directory: what `remediate` remembers of it has no place among one's own servers."""
AUDIT = ("pytest", "--hosts=lab")
PLAN = ("remediate", "--hosts=lab")
FIX = ("remediate", "--hosts=lab", "--fix", "--yes", "--allow", "restart,delete")
FAILED, OK = 1, 0


def run() -> None:
    """Play the whole demo. Raises LabError as soon as one act ends otherwise than it should."""
    broken = prepare_demo()
    run_act("1. The audit. Five things are broken on purpose:", AUDIT, FAILED)
    run_act("2. The plan. It is only shown:", PLAN, FAILED)
    run_act("3. The repair. Each fix is proven by the check that failed:", FIX, OK)
    run_act("4. The audit again:", AUDIT, OK)
    write_epilogue(broken)


def prepare_demo() -> tuple[str, ...]:
    """A lab that is up and broken in the demo's ways; a lab left from an earlier demo is mended first.

    What other labs were seen to do is forgotten: a remedy that was rolled back there would not be tried here.
    """
    shutil.rmtree(MEMORY, ignore_errors=True)
    with bringup.one_at_a_time():
        engine = bringup.up()
        for name in reversed(faults.broken()):
            faults.mend(engine, name)
        break_all(engine)
    return tuple(faults.DEMO)


def break_all(engine: Engine) -> None:
    for name in faults.DEMO:
        with step(f"breaking it: {faults.FAULTS[name].description}"):
            faults.break_(engine, name)


def run_act(title: str, words: tuple[str, ...], expected: int) -> None:
    """Show a command, run it as a person would, and insist on its exit status."""
    click.secho(f"\n{title}", bold=True)
    click.secho(f"$ {shlex.join(words)}", fg="cyan")
    program, *arguments = words
    env = {**os.environ, "FLEETKEEPER_STATE": str(MEMORY)}
    status = subprocess.run([BIN / program, *arguments], env=env, check=False).returncode
    if status != expected:
        raise LabError(f"`{shlex.join(words)}` exited {status}, the demo expected {expected}", "look above for why")


def write_epilogue(broken: tuple[str, ...]) -> None:
    faults.remember_faults(())
    click.secho("\nWhat you saw", bold=True)
    say(f"  {len(broken)} faults were found, explained, repaired, and proven repaired by the same checks:")
    say(f"  {', '.join(broken)}.")
    say("  results:      results.json, at the path that the audit printed; every step:")
    say(f"                FLEETKEEPER_STATE={MEMORY.relative_to(CLONE)} .venv/bin/remediate log")
    say("  look around:  .venv/bin/python -m lab status | ssh vgpu | faults | break NAME")
    say("  take it down: make demo-down")
