"""Copying one file from node to node through this machine: a stream, held here neither in memory nor on disk.

The source sends the digest of what it sent after the content; the target keeps what arrives under a name of our own,
and gives it its real name only when length and digest are right, it is on the disk, and nobody has that name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import plain_path
from remediate.steps import copy_scripts as scripts
from remediate.steps.delete_files import Identified, size_in_words
from remediate.steps.put_content import ask_one
from remediate.steps.step import ABSENT, AlreadyBack, Done, Lost, Stale, StepContext, StepFailed

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import Stream, WritingLink

CHECK_FILE = "remediate/steps/scripts/check_file.sh"
READY_FOR_COPY = "remediate/steps/scripts/ready_for_copy.sh"
SEND_COPY = "remediate/steps/scripts/send_copy.sh"
TAKE_COPY = "remediate/steps/scripts/take_copy.sh"
COPY_STATE = "remediate/steps/scripts/copy_state.sh"
REMOVE_COPY = "remediate/steps/scripts/remove_copy.sh"

CHUNK = 1 << 18
PACE = 2 * 10**6
"""Bytes per second over the slowest connection between two nodes."""
DISK_PACE = 10 * 10**6
EVERY = 5.0
"""Seconds between two reports of progress."""
DIGEST = 64


@dataclass(frozen=True)
class CopyFile:
    """Copy `file` from `directory` on the node `source` into `target` on `node`, under the same name and time.

    `sha256` is the digest of its content (hex). `reserve` are the bytes that stay free at the target. A `target` that
    is missing is made, for root only (`makes`); one that is reached through a link is refused.
    """

    node: str
    target: str
    source: str
    directory: str
    file: Identified
    sha256: str
    reserve: int = 0
    makes: bool = False
    kind: Literal["copy_file"] = "copy_file"

    def __post_init__(self) -> None:
        """Raises Untrusted, a ValueError, unless both directories are plain absolute paths."""
        plain_path(self.target)
        plain_path(self.directory)

    @property
    def also(self) -> tuple[str, ...]:
        """The nodes besides its own that the step needs."""
        return (self.source,)

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    @property
    def limit(self) -> float:
        """Seconds after which the copy is given up."""
        return 120 + self.file.size / PACE

    def show(self) -> str:
        """Four lines at most: file, size, both nodes and directories, whether the target is made, and how it goes."""
        what = f"copy {self.file.name} ({size_in_words(self.file.size)}) from {self.source} into {self.target}"
        made = [f"  {self.target} is made, for root only (mode 0700)"] if self.makes else []
        how = "  through this machine, as it goes; mode 0600; kept only if its SHA-256 is the source's"
        return "\n".join([what, *made, f"  from {self.source}:{self.directory}", how])

    def directories(self) -> tuple[str, ...]:
        """The directory of the copy."""
        return (self.target,)

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the source is the file that was seen, and that the target has room and no file of its name.

        Nothing is read of its content. Raises Stale for another source, StepFailed for the target, or Unobservable.
        """
        words = (
            "sh",
            "-c",
            load_script(CHECK_FILE),
            "look-at-backup",
            self.directory,
            self.file.name,
            self.file.identity,
        )
        answer = ask_one(context.reach(self.source), Command(words, sudo=True))
        if answer.rc in scripts.STALE:
            raise Stale(f"{self.file.name} on {self.source} {scripts.STALE[answer.rc]}")
        answer.text()
        words = (
            "sh",
            "-c",
            load_script(READY_FOR_COPY),
            "look-at-copies",
            self.target,
            self.file.name,
            str(self.needed),
        )
        answer = ask_one(link, Command(words, sudo=True))
        if answer.rc in scripts.WHY:
            raise self.refused(answer.rc)
        answer.text()

    @property
    def needed(self) -> int:
        """KiB that must be free at the target: the file's, and `reserve`."""
        return (self.file.size + self.reserve) // 1024 + 1

    def inverse(self, link: Link, context: StepContext) -> RemoveCopy:
        """The step that removes the copy again, and a directory that was made for it."""
        return RemoveCopy(self.node, self.target, self.file.name, self.file.size, self.sha256, self.makes)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Stream the file. A copy that ends early leaves no file under the real name.

        Raises StepFailed (see `refused`), Lost when how it ended is unknown, Unobservable when either command was not
        started. The result says size and speed, and how the file was (absent) and is (its digest).
        """
        begun = time.monotonic()
        sending = ("sh", "-c", load_script(SEND_COPY), "sh", self.directory, self.file.name, self.file.identity)
        taking = (
            "sh",
            "-c",
            load_script(TAKE_COPY),
            "sh",
            self.target,
            self.file.name,
            str(self.file.size),
            self.sha256,
        )
        where = (f"@{self.file.mtime}", str(self.needed))
        with (
            link.open((*taking, *where), sudo=True) as target,
            context.reach(self.source).open(sending, sudo=True) as source,
        ):
            rc = self.stream_file(source, target, context)
        if rc != 0:
            raise self.refused(rc)
        seconds = max(time.monotonic() - begun, 0.001)
        speed = f"{size_in_words(self.file.size)} in {seconds:.0f} s"
        return Done(ABSENT, self.sha256, 0, f"{self.file.name} copied, {speed}, its digest is the source's")

    def stream_file(self, source: Stream, target: Stream, context: StepContext) -> int:
        """Stream from `source` to `target`, and return the target's exit status.

        Raises Lost when the status is unknown, StepFailed when the source failed, had another digest or took longer
        than `limit` seconds. A source that takes longer than `limit` is ended, and the copy given up.
        """
        watch = threading.Timer(self.limit, getattr(source, "abort", source.close))
        watch.daemon = True
        watch.start()
        trouble = ""
        try:
            trouble = stream_to_target(source, target, self, CopyProgress(context, self))
        except Unobservable as why:
            trouble = str(why)
        finally:
            watch.cancel()
        rc = exit_status(target, 60 + self.file.size / DISK_PACE)
        if rc is None:
            raise Lost(trouble or "the connection was lost while the copy was being checked")
        if trouble and rc == scripts.SHORT:
            raise StepFailed(f"{self.file.name} was not copied: {trouble}", changed=False, rc=rc)
        return rc

    def refused(self, rc: int) -> StepFailed:
        """The error for an exit status of the target's script; `changed` is False when it left nothing."""
        why = scripts.WHY.get(rc, f"could not be written there (exit {rc})")
        return StepFailed(f"{self.target} on {self.node}: {self.file.name} {why}", changed=rc not in scripts.WHY, rc=rc)


class CopyProgress:
    """Reports the progress of a copy, at most once in EVERY seconds."""

    def __init__(self, context: StepContext, step: CopyFile) -> None:
        """Reports go to the context's `say`, every five seconds, about this step."""
        self.context, self.step, self.next = context, step, time.monotonic() + EVERY

    def about(self, done: int) -> None:
        """Report that `done` bytes are copied, if EVERY seconds have passed since the last report."""
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + EVERY
            whole = self.step.file.size
            self.context.say(
                f"  {self.step.file.name}: {size_in_words(done)} of {size_in_words(whole)}, {100 * done // whole} %"
            )


def stream_to_target(source: Stream, target: Stream, step: CopyFile, progress: CopyProgress) -> str:
    """Pass on the bytes of the source, the last ones only when its digest is right. Returns what is wrong, or "".

    To withhold them is how a copy is given up: the target sees that something is missing, and keeps nothing. Raises
    Unobservable when a connection is lost.
    """
    held, passed = b"", 0
    for data in content_of_length(source, step.file.size):
        target.write(held)
        passed += len(held)
        held = data
        progress.about(passed)
    text = b"".join(iter(lambda: source.read(CHUNK), b""))
    if passed + len(held) < step.file.size or len(text) < DIGEST:
        return f"the source {scripts.STALE.get(exit_status(source, 5) or 0, 'ended early')}"
    if text.decode("ascii", "replace").strip() != step.sha256:
        return "the source has another digest than it had"
    target.write(held)
    return ""


def content_of_length(source: Stream, length: int) -> Iterator[bytes]:
    """The first `length` bytes of a stream, in pieces; fewer when it ends before. Raises Unobservable."""
    while length and (data := source.read(min(CHUNK, length))):
        length -= len(data)
        yield data


def exit_status(stream: Stream, limit: float) -> int | None:
    """The exit status of a command; None when it did not end within `limit` seconds, or the connection was lost."""
    with suppress(Unobservable, OSError, ValueError):  # a stream that was closed under us says so in its own words
        return stream.wait(limit)
    return None


@dataclass(frozen=True)
class RemoveCopy:
    """Remove a copy that was made, if it is still exactly that: the way back of `CopyFile`. Never planned by a remedy.

    `size` is in bytes. `unmake`: the directory is removed too, when nothing else is in it.
    """

    node: str
    target: str
    name: str
    size: int
    sha256: str
    unmake: bool = False
    kind: Literal["remove_copy"] = "remove_copy"

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def show(self) -> str:
        """One line with the path of the copy."""
        return f"remove {self.target}/{self.name}, the copy that was made"

    def directories(self) -> tuple[str, ...]:
        """Empty: a removal needs no room."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the copy is what was written, or a part of it.

        Raises AlreadyBack when there is none, Stale when it is another file, Unobservable.
        """
        words = ("sh", "-c", load_script(COPY_STATE), "look-at-copy", self.target, self.name)
        now = ask_one(link, Command(words, sudo=True, limit=60 + self.size / DISK_PACE)).text().strip()
        if now == ABSENT:
            raise AlreadyBack(f"{self.name} is not in {self.target}")
        if now not in {self.sha256, "part"}:
            raise Stale(f"{self.target}/{self.name} is no longer the copy that was made")

    def inverse(self, link: Link, context: StepContext) -> None:
        """None: a copy that was removed is not made again."""

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Remove the copy if its content is still what was written, and any part of one. Raises Lost, StepFailed.

        With `unmake` the directory goes too; one that is not empty stays, which is no failure.
        """
        words = ("sh", "-c", load_script(REMOVE_COPY), "remove-copy", self.target, self.name, self.sha256)
        unmake = "unmake" if self.unmake else ""
        answer = ask_one(link, Command((*words, unmake), sudo=True, limit=60 + self.size / DISK_PACE))
        if answer.lost or answer.rc is None:
            raise Lost(f"the connection was lost while {self.name} was being removed: {answer.lost}")
        if answer.rc != 0:
            raise StepFailed(f"{self.target}/{self.name} could not be removed (exit {answer.rc})", rc=answer.rc)
        return Done(self.sha256, ABSENT, 0)
