"""Steps that write a file, or a block between marks, so that there is the old content or the new, never a mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import PlainSerializer

from fleetkeeper.readers import marked_blocks
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.redact import masked
from fleetkeeper.traces import KEPT
from fleetkeeper.untrusted import plain_path
from remediate.steps.put_content import (
    PutRequest,
    What,
    digest_on_node,
    put_content,
    raise_if_changed,
    read_content,
    target_name,
)
from remediate.steps.step import ABSENT, AlreadyBack, Done, Stale, StepContext, StepFailed, content_digest

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink

Content = Annotated[
    bytes, PlainSerializer(lambda content: f"sha256:{content_digest(content)}, {len(content)} bytes", str)
]
CRONTABS = "/var/spool/cron"


@dataclass(frozen=True)
class FileStep:
    """A step that writes one file of a node, and keeps its old content there."""

    node: str
    path: str

    def __post_init__(self) -> None:
        """Raises Untrusted, a ValueError, unless the path is plain and absolute."""
        plain_path(self.path)

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def directories(self) -> tuple[str, ...]:
        """The file's directory, and the one where its old content is kept."""
        return (parent_directory(self.path), KEPT)


@dataclass(frozen=True)
class WriteFile(FileStep):
    """Write a whole file. `expect` is the SHA-256 (hex) of what the plan saw there, or ABSENT."""

    content: Content
    expect: str
    mode: int = 0o644
    owner: str = "root:root"
    kind: Literal["write_file"] = "write_file"

    def show(self) -> str:
        """Path, size, mode and owner, then every new line as added, masked. Old lines are not shown."""
        verb = "create" if self.expect == ABSENT else "replace"
        head = f"{verb} {self.path} ({len(self.content)} bytes, mode {self.mode:04o}, {self.owner})"
        return "\n".join([head, *added_lines(split_lines(self.content.decode("utf-8", "replace")))])

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the file's digest is `expect` (ABSENT: no file). Raises Stale when it is not, Unobservable."""
        raise_if_changed(link, context, "file", self.path, self.expect)

    def inverse(self, link: Link, context: StepContext) -> PutBack:
        """The step that puts the old content back, or removes the file where there was none."""
        return PutBack(self.node, "file", self.path, context.kept, self.expect, content_digest(self.content))

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Replace the file at once; the old content is kept on the node. Raises Stale, StepFailed, Lost."""
        expected = content_digest(self.content)
        wish = PutRequest("file", self.path, self.expect, expected, self.content, mode=self.mode, owner=self.owner)
        put_content(link, context, wish)
        return Done(self.expect, expected)


@dataclass(frozen=True)
class EditFile(FileStep):
    """Set the block `block` in a file to `lines` (None: no block) and take out the exact lines `without`.

    Every other byte stays as it is. `expect` is the SHA-256 (hex) of the file as the plan saw it, or ABSENT.
    `was` are the lines that the block held before, to be shown as removed. `mode` and `owner` are for a new file only.
    """

    block: str
    lines: tuple[str, ...] | None
    expect: str
    without: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    mode: int = 0o644
    owner: str = "root:root"
    kind: Literal["edit_file"] = "edit_file"

    def show(self) -> str:
        """The path, then the lines that go and those that come, masked."""
        return shown_edit(f"edit {self.path}", self)

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the file's digest is `expect` (ABSENT: no file). Raises Stale when it is not, Unobservable."""
        raise_if_changed(link, context, "file", self.path, self.expect)

    def inverse(self, link: Link, context: StepContext) -> PutBack:
        """The step that puts the old content back.

        It reads the file: raises Stale when it is not as the plan saw it, StepFailed for marks that are broken,
        Unobservable.
        """
        left = content_digest(edited_content(link, context, "file", self.path, self))
        return PutBack(self.node, "file", self.path, context.kept, self.expect, left)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Replace the file by its edited content; the old one is kept on the node.

        Raises Stale when it was changed, StepFailed, Lost, Unobservable.
        """
        content = edited_content(link, context, "file", self.path, self)
        new = self.expect == ABSENT
        wish = PutRequest("file", self.path, self.expect, content_digest(content), content)
        put_content(link, context, with_mode(wish, self.mode, self.owner) if new else wish)
        return Done(self.expect, content_digest(content))


@dataclass(frozen=True)
class EditCrontab:
    """The same edit in a user's crontab, which `crontab` itself installs so that cron notices.

    `expect` is the SHA-256 (hex) of what `crontab -l -u USER` prints, or ABSENT when the user has none.
    """

    node: str
    user: str
    block: str
    lines: tuple[str, ...] | None
    expect: str
    without: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    kind: Literal["edit_crontab"] = "edit_crontab"

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def show(self) -> str:
        """The user, then the lines that go and those that come, masked."""
        return shown_edit(f"edit the crontab of {self.user}", self)

    def directories(self) -> tuple[str, ...]:
        """The directory of crontabs, and the one where the old content is kept."""
        return (CRONTABS, KEPT)

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the crontab's digest is `expect` (ABSENT: none). Raises Stale when it is not, Unobservable."""
        raise_if_changed(link, context, "crontab", self.user, self.expect)

    def inverse(self, link: Link, context: StepContext) -> PutBack:
        """The step that puts the old crontab back.

        It reads the crontab: raises Stale when it is not as the plan saw it, StepFailed for marks that are broken,
        Unobservable.
        """
        left = content_digest(edited_content(link, context, "crontab", self.user, self))
        return PutBack(self.node, "crontab", self.user, context.kept, self.expect, left)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Replace the crontab by its edited content; the old one is kept.

        Raises Stale when it was changed, StepFailed, Lost, Unobservable.
        """
        content = edited_content(link, context, "crontab", self.user, self)
        put_content(link, context, PutRequest("crontab", self.user, self.expect, content_digest(content), content))
        return Done(self.expect, content_digest(content))


@dataclass(frozen=True)
class UnmarkCrontab:
    """Take our marks out of a user's crontab; every other line stays as it is.

    `expect` is the SHA-256 (hex) of what `crontab -l -u USER` prints.
    """

    node: str
    user: str
    expect: str
    kind: Literal["unmark_crontab"] = "unmark_crontab"

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def show(self) -> str:
        """One line with the user; no line of the crontab is shown."""
        return f"take our marks out of the crontab of {self.user}; its lines stay"

    def directories(self) -> tuple[str, ...]:
        """The directory of crontabs, and the one where the old content is kept."""
        return (CRONTABS, KEPT)

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the crontab's digest is `expect`. Raises Stale when it is not, Unobservable."""
        raise_if_changed(link, context, "crontab", self.user, self.expect)

    def inverse(self, link: Link, context: StepContext) -> PutBack:
        """The step that puts the crontab with our marks back.

        It reads the crontab: raises Stale when it is not as the plan saw it, StepFailed for marks that are broken,
        Unobservable.
        """
        left = content_digest(self.unmarked(link, context))
        return PutBack(self.node, "crontab", self.user, context.kept, self.expect, left)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Replace the crontab by the same without our marks.

        Raises Stale when it was changed, StepFailed, Lost, Unobservable.
        """
        content = self.unmarked(link, context)
        put_content(link, context, PutRequest("crontab", self.user, self.expect, content_digest(content), content))
        return Done(self.expect, content_digest(content))

    def unmarked(self, link: Link, context: StepContext) -> bytes:
        """The crontab's content without our marks.

        Raises Stale when it is not the one that the plan saw, StepFailed, Unobservable.
        """
        now = read_content(link, context, "crontab", self.user)
        if now is None or content_digest(now) != self.expect:
            raise Stale(f"{target_name('crontab', self.user)} has been changed since the plan was made")
        try:
            return marked_blocks.remove_marks(now)
        except marked_blocks.BlockError as why:
            raise StepFailed(f"{target_name('crontab', self.user)}: {why}", changed=False) from None


@dataclass(frozen=True)
class PutBack:
    """Put old content back: the way back of the steps that write. Never planned by a remedy.

    `left` is the digest of what the step left, and anything else there is not touched; `was` is the digest of the old
    content (ABSENT: there was none), and `kept` its file on the node. `target` is a path, or the user of a crontab.
    """

    node: str
    what: What
    target: str
    kept: str
    was: str
    left: str
    kind: Literal["put_back"] = "put_back"

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def show(self) -> str:
        """One line with the target: put back, or removed where there was none before; no content is shown."""
        if self.was == ABSENT:
            return f"remove {target_name(self.what, self.target)}, which was not there before"
        return f"put {target_name(self.what, self.target)} back as it was (kept in {self.kept})"

    def directories(self) -> tuple[str, ...]:
        """The directory of the file or of crontabs, and the one where its present content is kept."""
        return (parent_directory(self.target) if self.what == "file" else CRONTABS, KEPT)

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the target is as the step left it.

        Raises AlreadyBack when it has its old content already, Stale when somebody has changed it since, Unobservable.
        """
        now = digest_on_node(link, context, self.what, self.target)
        if now == self.was:
            raise AlreadyBack(f"{target_name(self.what, self.target)} is as it was before")
        if now != self.left:
            raise Stale(f"{target_name(self.what, self.target)} has been changed since, by somebody else")

    def inverse(self, link: Link, context: StepContext) -> PutBack:
        """The step that brings the content of the undone step back."""
        return PutBack(self.node, self.what, self.target, context.kept, was=self.left, left=self.was)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Put the kept content back, or remove the file where there was none. Raises Stale, StepFailed, Lost."""
        put_content(link, context, PutRequest(self.what, self.target, self.left, self.was, kept=self.kept))
        return Done(self.left, self.was)


def edited_content(link: Link, context: StepContext, what: What, target: str, step: EditFile | EditCrontab) -> bytes:
    """The content after the step's edit; nothing is written. A target that is absent counts as empty.

    Raises Stale when the target is not as the plan saw it, StepFailed when its marks cannot be understood,
    Unobservable.
    """
    now = read_content(link, context, what, target)
    if (ABSENT if now is None else content_digest(now)) != step.expect:
        raise Stale(f"{target_name(what, target)} has been changed since the plan was made")
    try:
        return marked_blocks.edit_block(now or b"", step.block, step.lines, step.without)
    except marked_blocks.BlockError as why:
        raise StepFailed(f"{target_name(what, target)}: {why}", changed=False) from None


def with_mode(wish: PutRequest, mode: int, owner: str) -> PutRequest:
    """The same request with the mode and owner of a new file."""
    return PutRequest(wish.what, wish.target, wish.expected, wish.wanted, wish.content, mode=mode, owner=owner)


def shown_edit(head: str, step: EditFile | EditCrontab) -> str:
    """`head`, then a diff without context lines: what is removed, what is added; masked."""
    gone = [f"  - {masked(line)}" for line in (*step.without, *step.was)]
    return "\n".join([head, *gone, *added_lines(step.lines or ())])


def added_lines(lines: tuple[str, ...] | list[str]) -> list[str]:
    """The lines as those of a diff that are added; masked."""
    return [f"  + {masked(line)}" for line in lines]


def parent_directory(path: str) -> str:
    """The directory of a file.

    >>> parent_directory("/etc/hosts"), parent_directory("/hosts")
    ('/etc', '/')
    """
    return path.rpartition("/")[0] or "/"
