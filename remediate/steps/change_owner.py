"""Giving the files of a volume to a user, with the old owners kept on the node so that all of it can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetkeeper.inventory.units import count_of
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import plain_path
from remediate.steps.lock_guard import NOT_OURS, taken_away
from remediate.steps.put_content import ask_one
from remediate.steps.step import AlreadyBack, Done, Lost, Stale, StepContext, StepFailed

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink

ENTER_EXACTLY = "remediate/steps/scripts/enter_exactly.sh"
GIVE_FILES = "remediate/steps/scripts/give_files.sh"
WITHIN = "remediate/steps/scripts/within.sh"
TAKE_BACK_FILES = "remediate/steps/scripts/take_back_files.sh"

LIMIT = 600.0
NOT_KEPT, PARTLY, ODD_PLACE, STILL_DENIED = 73, 75, 77, 78
WHY = {
    NOT_KEPT: "the old owners could not be kept (disk full, read-only, or files came and went): nothing was changed",
    PARTLY: "not every file could be given away",
    STILL_DENIED: "some files stay closed to their new owner: their mode keeps even the owner out",
}


NOTHING_KEPT = 76


@dataclass(frozen=True)
class ChangeOwner:
    """Give every file below `directory` that `uid`:`gid` could not read and write to that user; links stay as they are.

    `directory` is a volume's own, on one file system. The old owners are kept, root-only, in the step's directory.
    """

    node: str
    directory: str
    uid: int
    gid: int
    kind: Literal["change_owner"] = "change_owner"

    def __post_init__(self) -> None:
        """Raises ValueError unless the directory is a plain path, three levels deep or more, and the numbers are >= 0.

        That it is a volume's own directory is up to the caller. A path that is not plain raises Untrusted, which is
        one.
        """
        plain_path(self.directory)
        if self.directory.count("/") < 3 or min(self.uid, self.gid) < 0:
            raise ValueError(f"not the directory of a volume: {self.directory}")

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def show(self) -> str:
        """One line with the user and the directory; files are not listed. The user is UID:GID."""
        return f"give what {self.uid}:{self.gid} cannot use in {self.directory} to that user (old owners are kept)"

    def directories(self) -> tuple[str, ...]:
        """Empty: owners need no room, and what is kept is not much."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the directory exists and is not reached through a link. Raises Stale, Unobservable."""
        answer = ask_one(
            link, Command(("sh", "-c", load_script(ENTER_EXACTLY), "looking for a volume", self.directory), sudo=True)
        )
        if answer.rc == ODD_PLACE:
            raise Stale(f"{self.directory} is not there, or is reached through a link")
        answer.text()

    def inverse(self, link: Link, context: StepContext) -> TakeBackOwner:
        """The step that gives the files back to their old owners.

        Their record is in this step's directory on the node. Nothing is asked.
        """
        return TakeBackOwner(self.node, self.directory, self.uid, self.gid, context.directory)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Give what `uid`:`gid` cannot read and write below `directory` to that user; links stay.

        The old owners are kept in a file on the node first; the result's text counts the files. Raises Lost when how
        far it came is unknown, Stale when the directory is gone or reached through a link, StepFailed (`changed` is
        False when the old owners could not be kept), Unobservable for any other exit status. Asks the lock first
        (`confirm`), which raises Lost when it is not ours.
        """
        owner = (str(self.uid), str(self.gid))
        words = (
            "sh",
            "-c",
            load_script(GIVE_FILES),
            "giving files away",
            self.directory,
            *owner,
            context.directory,
            load_script(WITHIN),
            context.lock,
        )
        context.confirm(self.node)
        answer = raise_if_incomplete(ask_one(link, Command((*words, context.token), sudo=True, limit=LIMIT)), self)
        if answer.rc in WHY:
            raise StepFailed(WHY[answer.rc], changed=answer.rc != NOT_KEPT, rc=answer.rc)
        return Done(after=f"{self.uid}:{self.gid}", rc=0, said=f"{count_of(int(answer.text()), 'file')} given")


@dataclass(frozen=True)
class TakeBackOwner:
    """Give files back to the owners that were kept; one that belongs to somebody else by now is left alone."""

    node: str
    directory: str
    uid: int
    gid: int
    kept: str
    kind: Literal["take_back_owner"] = "take_back_owner"

    def __post_init__(self) -> None:
        """Raises Untrusted, a ValueError, unless both directories are plain absolute paths."""
        plain_path(self.directory)
        plain_path(self.kept)

    @property
    def changes(self) -> bool:
        """True: it changes the node."""
        return True

    def show(self) -> str:
        """One line with the directory; files and owners are not listed."""
        return f"give the files in {self.directory} back to their old owners"

    def directories(self) -> tuple[str, ...]:
        """Empty: owners need no room."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """No check: the owners that were kept decide, in `do`."""

    def inverse(self, link: Link, context: StepContext) -> ChangeOwner:
        """The step that gives the files away again.

        Nothing is asked. Raises ValueError for a directory that is no volume's.
        """
        return ChangeOwner(self.node, self.directory, self.uid, self.gid)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Give the files back, as far as they still have the owner that was given; its text counts them.

        Raises Lost when how far it came is unknown, Stale for another directory, AlreadyBack when none was given away,
        Unobservable for any other exit status but 0. Asks the lock first (`confirm`), which raises Lost when it is not
        ours.
        """
        owner = f"{self.uid}:{self.gid}"
        words = (
            "sh",
            "-c",
            load_script(TAKE_BACK_FILES),
            "giving files back",
            self.directory,
            owner,
            self.kept,
            load_script(WITHIN),
            context.lock,
        )
        context.confirm(self.node)
        answer = raise_if_incomplete(ask_one(link, Command((*words, context.token), sudo=True, limit=LIMIT)), self)
        if answer.rc == NOTHING_KEPT:
            raise AlreadyBack("no file had been given away")
        return Done(rc=0, said=f"{count_of(int(answer.text()), 'file')} given back")


def raise_if_incomplete(answer: Output, step: ChangeOwner | TakeBackOwner) -> Output:
    """The same answer, of a script that ended by itself with directory and lock in order, whatever its other status.

    Raises Lost when how far it came is unknown, or the lock is not ours; Stale when the directory is not what it was.
    """
    if answer.lost or answer.rc is None:
        raise Lost(f"the connection was lost while owners were being changed: {answer.lost}")
    if answer.rc == NOT_OURS:
        raise Lost(f"{taken_away(step.node)}; the other owners are as they were")
    if answer.rc == ODD_PLACE:
        raise Stale(f"{step.directory} is not there, or is reached through a link")
    return answer
