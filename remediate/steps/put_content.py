"""Bringing content to its place on a node: asked for, sent, compared there, and only then renamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetkeeper.transport.commands import Command, Output, Unobservable
from remediate.steps import file_scripts
from remediate.steps.step import ABSENT, Lost, Place, Stale, StepFailed, digest

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import Stream, WritingLink

What = Literal["file", "crontab"]
ANSWER = 60.0


@dataclass(frozen=True)
class Put:
    """One replacement: `what` and `target` say where, `expected` and `wanted` are digests (or ABSENT) before and after.

    `content` is sent; when it is None, the file `kept` on the node is put back or, with ABSENT wanted, nothing is.
    """

    what: What
    target: str
    expected: str
    wanted: str
    content: bytes | None = None
    kept: str = ""
    mode: int | None = None
    owner: str = ""

    def words(self, place: Place) -> tuple[str, ...]:
        """The command that does it; the content, if any, follows on its standard input."""
        return (
            *("sh", "-c", file_scripts.PUT, "sh", self.what, self.target, self.size, self.wanted, self.expected),
            *(place.directory, "" if self.mode is None else f"{self.mode:04o}", self.owner, self.kept, place.crontab),
        )

    @property
    def size(self) -> str:
        if self.content is not None:
            return str(len(self.content))
        return "none" if self.wanted == ABSENT else "kept"


def put(link: WritingLink, place: Place, wish: Put) -> None:
    """Do it. Raises Stale, StepFailed or Lost."""
    rc = send(link, wish.words(place), wish.content or b"")
    if rc == file_scripts.STALE:
        raise Stale(f"{name(wish.what, wish.target)} has been changed since the plan was made")
    if rc != 0:
        why = file_scripts.WHY.get(rc, f"could not be written (exit {rc})")
        raise StepFailed(
            f"{name(wish.what, wish.target)} {why}", changed=rc not in {file_scripts.NO_ROOM, file_scripts.SHORT}, rc=rc
        )


def send(link: WritingLink, words: tuple[str, ...], content: bytes) -> int:
    """Start a command, feed it, and wait for its exit status. Raises Lost when nobody knows how it ended.

    Raises Unobservable when it was never started.
    """
    with link.open(words, sudo=True) as stream:
        try:
            rc = fed(stream, content)
        except Unobservable as why:
            raise Lost(str(why)) from None
    if rc is None:
        raise Lost("the connection was lost while the change was being made")
    return rc


def fed(stream: Stream, content: bytes) -> int | None:
    stream.write(content)
    stream.close_write()
    return stream.wait(ANSWER)


def name(what: What, target: str) -> str:
    return target if what == "file" else f"the crontab of {target}"


def seen(link: Link, place: Place, what: What, target: str) -> str:
    """The digest of what is there now, or ABSENT. Raises Unobservable."""
    if what == "crontab":
        content = read(link, place, what, target)
        return ABSENT if content is None else digest(content)
    return one(link, Command(("sh", "-c", file_scripts.SEEN, "sh", target), sudo=True)).text().strip()


def read(link: Link, place: Place, what: What, target: str) -> bytes | None:
    """The content that is there now; None when there is none. Raises Unobservable for anything else."""
    if what == "crontab":
        answer = one(link, Command((place.crontab, "-u", target, "-l"), sudo=True))
        if answer.rc == 1 and b"no crontab for" in answer.err:
            return None
    else:
        answer = one(link, Command(("cat", "--", target), sudo=True))
        if answer.rc == 1 and seen(link, place, what, target) == ABSENT:
            return None
    answer.text()
    return answer.out


def one(link: Link, command: Command) -> Output:
    [output] = link.ask([command])
    return output


def expect(link: Link, place: Place, what: What, target: str, digest_: str) -> None:
    """Raises Stale when something else is there than the plan saw."""
    now = seen(link, place, what, target)
    if now != digest_:
        raise Stale(f"{name(what, target)} {difference(now, digest_)}")


def difference(now: str, expected: str) -> str:
    if now == ABSENT:
        return "is gone"
    if now in {"link", "odd"}:
        return "is no longer a regular file"
    return "exists by now" if expected == ABSENT else "has been changed since the plan was made"
