"""Replacing content on a node: compared with what is expected, sent, compared there, and only then renamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.steps import file_scripts
from remediate.steps.step import ABSENT, Lost, Stale, StepContext, StepFailed, content_digest

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import Stream, WritingLink

PUT_CONTENT = "remediate/steps/scripts/put_content.sh"
FILE_STATE = "remediate/steps/scripts/file_state.sh"

What = Literal["file", "crontab"]
ANSWER = 60.0


@dataclass(frozen=True)
class PutRequest:
    """One replacement: `what` and `target` say where, `expected` and `wanted` are digests (or ABSENT) before and after.

    `content` is sent; when it is None, the file `kept` on the node is put back or, with ABSENT wanted, the target is
    removed. `mode` None keeps the old one; `owner` (USER:GROUP) is set together with a mode.
    """

    what: What
    target: str
    expected: str
    wanted: str
    content: bytes | None = None
    kept: str = ""
    mode: int | None = None
    owner: str = ""

    def words(self, context: StepContext) -> tuple[str, ...]:
        """The command that makes the replacement on the node; the content, if any, follows on its standard input.

        Its arguments are those of put_content.sh, in order; without a mode the present one is kept.
        """
        return (
            *(
                "sh",
                "-c",
                load_script(PUT_CONTENT),
                "sh",
                self.what,
                self.target,
                self.size,
                self.wanted,
                self.expected,
            ),
            *(
                context.directory,
                "" if self.mode is None else f"{self.mode:04o}",
                self.owner,
                self.kept,
                context.crontab,
            ),
        )

    @property
    def size(self) -> str:
        """The script's word for the content: how many bytes are sent, "kept" to put the old one back, or "none"."""
        if self.content is not None:
            return str(len(self.content))
        return "none" if self.wanted == ABSENT else "kept"


def put_content(link: WritingLink, context: StepContext, wish: PutRequest) -> None:
    """Make the replacement. Raises Stale, StepFailed or Lost; Unobservable when it was never started.

    StepFailed has `changed=False` only when there was no room, or the content did not arrive whole.
    """
    rc = send(link, wish.words(context), wish.content or b"")
    if rc == file_scripts.STALE:
        raise Stale(f"{target_name(wish.what, wish.target)} has been changed since the plan was made")
    if rc != 0:
        why = file_scripts.WHY.get(rc, f"could not be written (exit {rc})")
        raise StepFailed(
            f"{target_name(wish.what, wish.target)} {why}",
            changed=rc not in {file_scripts.NO_ROOM, file_scripts.SHORT},
            rc=rc,
        )


def send(link: WritingLink, words: tuple[str, ...], content: bytes) -> int:
    """Start a command, send `content` to its standard input, and return its exit status.

    Raises Lost when how it ended is unknown, Unobservable when it was never started.
    """
    with link.open(words, sudo=True) as stream:
        try:
            rc = send_content(stream, content)
        except Unobservable as why:
            raise Lost(str(why)) from None
    if rc is None:
        raise Lost("the connection was lost while the change was being made")
    return rc


def send_content(stream: Stream, content: bytes) -> int | None:
    """Send all content and the end of input, and return the exit status; None when it is unknown after ANSWER seconds.

    Raises Unobservable when the connection is lost while sending.
    """
    stream.write(content)
    stream.close_write()
    return stream.wait(ANSWER)


def target_name(what: What, target: str) -> str:
    """The target as messages name it: a path, or `the crontab of USER`."""
    return target if what == "file" else f"the crontab of {target}"


def digest_on_node(link: Link, context: StepContext, what: What, target: str) -> str:
    """The digest (hex) of the present content, or ABSENT; "link" or "odd" where no regular file is.

    Raises Unobservable.
    """
    if what == "crontab":
        content = read_content(link, context, what, target)
        return ABSENT if content is None else content_digest(content)
    return ask_one(link, Command(("sh", "-c", load_script(FILE_STATE), "sh", target), sudo=True)).text().strip()


def read_content(link: Link, context: StepContext, what: What, target: str) -> bytes | None:
    """The present content; None when there is no such file or crontab (an empty one is b"").

    Raises Unobservable for anything else. `target` is a path, or the user of a crontab.
    """
    if what == "crontab":
        answer = ask_one(link, Command((context.crontab, "-u", target, "-l"), sudo=True))
        if answer.rc == 1 and b"no crontab for" in answer.err:
            return None
    else:
        answer = ask_one(link, Command(("cat", "--", target), sudo=True))
        if answer.rc == 1 and digest_on_node(link, context, what, target) == ABSENT:
            return None
    answer.text()
    return answer.out


def ask_one(link: Link, command: Command) -> Output:
    """The output of one command, whatever its exit status, also when the connection was lost (the output has that)."""
    [output] = link.ask([command])
    return output


def raise_if_changed(link: Link, context: StepContext, what: What, target: str, digest_: str) -> None:
    """Check that the digest of the present content is `digest_` (or ABSENT).

    Raises Stale when it is not, Unobservable.
    """
    now = digest_on_node(link, context, what, target)
    if now != digest_:
        raise Stale(f"{target_name(what, target)} {show_difference(now, digest_)}")


def show_difference(now: str, expected: str) -> str:
    """What has happened to a target, as the end of a sentence. Both arguments are as `digest_on_node` returns them."""
    if now == ABSENT:
        return "is gone"
    if now in {"link", "odd"}:
        return "is no longer a regular file"
    return "exists by now" if expected == ABSENT else "has been changed since the plan was made"
