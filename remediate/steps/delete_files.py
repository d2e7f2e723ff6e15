"""Deleting files that are exactly the ones that were seen, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from fleetkeeper.inventory.units import count_of
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import plain_path
from remediate.steps.lock_guard import NOT_OURS, taken_away
from remediate.steps.put_content import ask_one
from remediate.steps.step import Done, Lost, Stale, StepContext, StepFailed

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink

COMPARE_FILES = "remediate/steps/scripts/compare_files.sh"
DELETE_FILES = "remediate/steps/scripts/delete_files.sh"

AT_ONCE = 200
ODD_PLACE = 77


@dataclass(frozen=True)
class Identified:
    """One file, with what distinguishes it from another of the same name. `mtime` is in whole epoch seconds (floor).

    `size` is in bytes. `note` is the reason why it may go, or why it stays. `links` is the number of its names: a file
    with several is never deleted.
    """

    name: str
    inode: int
    size: int
    mtime: int
    note: str = ""
    links: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for a name with a slash, control character or dash first, an empty one, `.` and `..`."""
        unprintable = any(ord(char) < 32 for char in self.name) or self.name.startswith("-")
        if unprintable or "/" in self.name or self.name in {"", ".", ".."}:
            raise ValueError(f"not a plain file name: {self.name!r}")

    @property
    def identity(self) -> str:
        """The text that `stat -c %i:%s:%Y:%h` prints for it."""
        return f"{self.inode}:{self.size}:{self.mtime}:{self.links}"


@dataclass(frozen=True)
class DeleteFiles:
    """Delete these files, in this order, while all `survivors` are still there unchanged. There is no way back.

    A file that is no longer the one that was seen (inode, size, time, a link, not a regular file) is skipped, and
    reported.
    """

    node: str
    directory: str
    files: tuple[Identified, ...]
    survivors: tuple[Identified, ...] = ()
    kind: Literal["delete_files"] = "delete_files"

    def __post_init__(self) -> None:
        """Raises ValueError for a file that is to survive too or has several hard links, or no plain directory.

        The last is Untrusted, which is a ValueError too.
        """
        plain_path(self.directory)
        if {file.name for file in self.files} & {file.name for file in self.survivors}:
            raise ValueError("a file cannot be deleted and survive")
        if linked := [file.name for file in self.files if file.links != 1]:
            raise ValueError(f"{linked[0]} has other names: it is not deleted")

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def within(self, agreed: DeleteFiles) -> DeleteFiles | None:
        """This deletion, of files that `agreed` names too; None when there are none, or node or directory differ.

        A file is the same if its name and identity are. The survivors are this deletion's own.
        """
        if (self.node, self.directory) != (agreed.node, agreed.directory):
            return None
        agreed_files = {(file.name, file.identity) for file in agreed.files}
        files = tuple(file for file in self.files if (file.name, file.identity) in agreed_files)
        return replace(self, files=files) if files else None

    def show(self) -> str:
        """The number and total size, then a line for each file that goes and each that stays, with the reason."""
        total = sum(file.size for file in self.files)
        head = f"delete {count_of(len(self.files), 'file')}, {size_in_words(total)}, in {self.directory} (no way back)"
        gone = [f"  - {file_row(file)}" for file in self.files]
        kept = [f"  stays: {file_row(file)}" for file in self.survivors]
        return "\n".join([head, *gone, *kept])

    def directories(self) -> tuple[str, ...]:
        """Empty: `survive` checks that the directory can be written, and no room is needed."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that every survivor exists unchanged, and that the directory is writable; room is not needed.

        The files to delete are not compared here, but one by one in `do`. Raises Stale for a survivor that has changed,
        StepFailed, Unobservable, Lost.
        """
        self.survive(link)

    def survive(self, link: Link) -> None:
        """Check that every survivor exists unchanged, and that the directory can be written.

        Raises Stale for another survivor or directory, StepFailed when it cannot be written, Unobservable, Lost for an
        answer that is not complete.
        """
        for batch in in_batches(self.survivors) if self.survivors else iter([()]):
            states = ask_about_files(link, (load_script(COMPARE_FILES),), self.directory, batch)
            for file, state in zip(batch, states, strict=True):
                if state != "same":
                    raise Stale(f"{file.name}, which must stay, is {state}: nothing is deleted")

    def inverse(self, link: Link, context: StepContext) -> None:
        """None: what is deleted cannot be brought back."""

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Delete in order; before each batch the lock is confirmed and the survivors are compared again.

        Raises StepFailed when a file could not be deleted (the others are tried first), Lost without the lock or
        connection, Stale when a survivor has changed meanwhile: earlier batches are then deleted already. Raises
        Unobservable when a survivor cannot be looked at. The progress is told (`say`) after each batch of many.
        """
        states: list[str] = []
        for batch in in_batches(self.files):
            context.confirm(self.node)
            self.survive(link)
            states += self.delete(link, context, batch)
            if len(self.files) > AT_ONCE:
                context.say(
                    f"{len(states)} of {count_of(len(self.files), 'file')} looked at, {states.count('deleted')} deleted"
                )
        return deletion_result(self.files, states)

    def delete(self, link: Link, context: StepContext, batch: tuple[Identified, ...]) -> list[str]:
        """Delete one batch while the lock is ours; the state of each file as in `ask_about_files`.

        Raises Lost without the lock, else as `ask_about_files`.
        """
        try:
            return ask_about_files(
                link, (load_script(DELETE_FILES), context.lock, context.token), self.directory, batch
            )
        except NotOurs:
            raise Lost(f"{taken_away(self.node)}; the rest is not deleted") from None


class NotOurs(Exception):
    """The script that deletes reports that the lock's file is not ours."""


def deletion_result(files: tuple[Identified, ...], states: list[str]) -> Done:
    """The result of a deletion, with numbers and names. Raises StepFailed when a file could not be deleted.

    `states` has a state of `ask_about_files` for each file. One that was gone already is neither counted nor named.
    """
    skipped = [file.name for file, state in zip(files, states, strict=True) if state == "changed"]
    failed = [file.name for file, state in zip(files, states, strict=True) if state == "failed"]
    text = f"{count_of(states.count('deleted'), 'file')} deleted"
    if skipped:
        text += f", {len(skipped)} skipped because they are no longer the files that were seen: {some_names(skipped)}"
    if failed:
        raise StepFailed(f"{text}; could not delete {some_names(failed)}", changed="deleted" in states)
    return Done(said=text, rc=0)


def ask_about_files(link: Link, script: tuple[str, ...], directory: str, files: tuple[Identified, ...]) -> list[str]:
    """The state of each file, in their order, as the script prints it.

    compare_files.sh prints same, changed or gone. delete_files.sh, whose own arguments follow it in `script`, deletes,
    and prints deleted, changed, gone or failed. Raises Stale for another directory, StepFailed when it cannot be
    written, Unobservable, Lost for another number of states; while deleting, Lost without an answer, NotOurs without
    the lock.
    """
    text, *own = script
    words = [word for file in files for word in (file.name, file.identity)]
    output = ask_one(link, Command(("sh", "-c", text, "sh", *own, directory, *words), sudo=True, limit=120.0))
    if own and (output.lost or output.rc is None):
        raise Lost(f"the connection was lost while deleting: {output.lost}")
    if own and output.rc == NOT_OURS:
        raise NotOurs
    if output.rc == ODD_PLACE:
        raise Stale(f"{directory} is not there, or is reached through a link")
    if output.rc == 73:
        raise StepFailed(f"{directory} cannot be written (read-only, or no right to)", changed=False)
    states = output.text().split()
    if len(states) != len(files):
        raise Lost(f"asked for {len(files)} files, heard of {len(states)}")
    return states


def in_batches(files: tuple[Identified, ...]) -> Iterator[tuple[Identified, ...]]:
    """The files in batches of at most AT_ONCE."""
    return (files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE))


def some_names(names: list[str]) -> str:
    """The first three names, separated by commas, and how many more there are.

    >>> some_names(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def file_row(file: Identified) -> str:
    """Name, size and note of a file as a line for a person: `NAME (SIZE): NOTE`."""
    return f"{file.name} ({size_in_words(file.size)})" + (f": {file.note}" if file.note else "")


def size_in_words(number: float) -> str:
    """A size in bytes as text for a person, in binary units.

    >>> size_in_words(20), size_in_words(1_395_864_371)
    ('20 B', '1.3 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
