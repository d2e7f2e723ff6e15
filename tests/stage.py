"""A stage for the engine: this machine as a node whose files live in a temporary folder, and links that fail on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fleet.commands import Command, Output, Unobservable
from fleet.links.local import LocalLink
from fleet.links.writing import Stream
from remediate.steps import Place

CRONTAB = r"""#!/bin/sh
# As Debian's: -u USER, then -l, -r or a file; the table is replaced by a rename.
spool={spool}
user=$2; shift 2
case $1 in
-l) [ -f "$spool/$user" ] || {{ echo "no crontab for $user" >&2; exit 1; }}; cat "$spool/$user" ;;
-r) rm "$spool/$user" ;;
*) grep -q 'not a crontab' "$1" && exit 1; cp "$1" "$spool/.new" && mv "$spool/.new" "$spool/$user" ;;
esac
"""


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def place(tmp_path: Path, run: str = "run", number: int = 1) -> Place:
    """Where a step keeps things, all below a temporary folder, with a crontab program of its own."""
    spool = tmp_path / "spool"
    spool.mkdir(exist_ok=True)
    program = tmp_path / "crontab"
    if not program.exists():
        program.write_text(CRONTAB.format(spool=spool))
        program.chmod(0o755)
    return Place(run, number, str(tmp_path / "kept"), str(tmp_path / "lock"), str(program))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, without what the engine itself keeps."""
    own = ("kept/", "lock", "state/")
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(found.items()) if not name.startswith(own)}


class Cut(BaseException):
    """The controller was killed here: nothing of ours may catch it."""


class FaultyStream:
    """A stream that is cut after `bytes_left` bytes have been written to it."""

    def __init__(self, inner: Stream, bytes_left: int) -> None:
        self.inner, self.left = inner, bytes_left

    def write(self, data: bytes) -> None:
        part = data[: self.left]
        self.inner.write(part)
        self.left -= len(part)
        if len(part) < len(data) or self.left == 0:
            self.inner.close()
            raise Unobservable("the cable was cut")

    def close_write(self) -> None:
        self.inner.close_write()

    def read(self, size: int = 65536) -> bytes:
        return self.inner.read(size)

    def wait(self, limit: float = 30.0) -> int | None:
        return self.inner.wait(limit)

    @property
    def err(self) -> bytes:
        return self.inner.err

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class FaultyLink:
    """The local link, with a hook before and after everything that is asked and opened.

    `before` and `after` may raise. `cut_after` cuts the next stream that carries content after so many bytes.
    """

    before: Callable[[tuple[str, ...]], None] = lambda words: None
    after: Callable[[tuple[str, ...]], None] = lambda words: None
    cut_after: int | None = None

    def __post_init__(self) -> None:
        self.inner = LocalLink()

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        for command in commands:
            self.before(command.words)
        answers = self.inner.ask(commands)
        for command in commands:
            self.after(command.words)
        return answers

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        self.before(words)
        stream = self.inner.open(words, sudo)
        if self.cut_after is not None and words[4] in {"file", "crontab"}:
            stream = FaultyStream(stream, self.cut_after)
        self.after(words)
        return stream

    def close(self) -> None:
        self.inner.close()
