"""Running programs, saying what takes long, and failing with a hint."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

T = TypeVar("T")
SCRIPTS = Path(__file__).parent / "scripts"


class LabError(Exception):
    """What went wrong, in one sentence, and what to try."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def load_script(name: str) -> str:
    """The text of a file in `lab/scripts`, for `sh -c`."""
    return (SCRIPTS / name).read_text(encoding="utf-8")


def run(
    words: Sequence[str],
    *,
    limit: float = 60,
    given: bytes | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
) -> str:
    """Run to success within `limit` seconds and return standard output."""
    done = attempt_command(words, limit=limit, given=given, env=env)
    if done.returncode:
        text = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(f"`{in_short(words)}` failed ({done.returncode}): {text[-1500:]}", hint)
    return done.stdout.decode(errors="replace")


def attempt_command(
    words: Sequence[str],
    *,
    limit: float = 60,
    given: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run, whatever the exit code; a program that is missing or too slow is a `LabError`."""
    try:
        return subprocess.run(list(words), input=given or b"", capture_output=True, timeout=limit, env=env, check=False)
    except FileNotFoundError:
        raise LabError(f"`{words[0]}` is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{in_short(words)}` took longer than {limit:.0f} s") from None


def in_short(words: Sequence[str]) -> str:
    line = " ".join(words).splitlines()[0]
    return line if len(line) <= 120 else line[:117] + "..."


def say(message: str) -> None:
    click.echo(f"lab: {message}", err=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took when that was noticeable."""
    say(f"{what} ...")
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    if took >= 2:
        say(f"{what}: {took:.0f} s")


def wait_until(look: Callable[[], T | None], what: str, *, limit: float, every: float = 0.1) -> T:
    """Ask again until `look` gives something true; after `limit` seconds give up."""
    end = time.monotonic() + limit
    while True:
        if seen := look():
            return seen
        if time.monotonic() > end:
            raise LabError(f"waited {limit:.0f} s for {what}, in vain")
        time.sleep(every)
