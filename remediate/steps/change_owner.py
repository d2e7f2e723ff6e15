"""Giving the files of a volume to a user, with the old owners kept on the node so that all of it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetkeeper.reports.text import count
from fleetkeeper.topics.containers.preflight_scripts import DENIED
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.untrusted import plain_path
from remediate.steps.lock_guard import HELD, NOT_OURS, OURS, taken_away
from remediate.steps.put_content import ask_one
from remediate.steps.step import AlreadyBack, Done, Lost, Stale, StepContext, StepFailed

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink

LIMIT = 600.0
NOT_KEPT, PARTLY, ODD_PLACE, STILL_DENIED = 73, 75, 77, 78
WHY = {
    NOT_KEPT: "the old owners could not be kept (disk full, read-only, or files came and went): nothing was changed",
    PARTLY: "not every file could be given away",
    STILL_DENIED: "some files stay closed to their new owner: their mode keeps even the owner out",
}

ENTER = r"""
cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || exit 77
"""

# Into the directory of $1. What runs in the container may put a link in its place at any moment: nothing outside of
# the volume is ever reached through one.
WITHIN = r"""
within() {
  case $1 in */*) cd -P -- "${1%/*}" 2>/dev/null || return 1 ;; esac
  case $(pwd -P)/ in "$top"/*) ;; *) return 1 ;; esac
}
"""

# $1 directory, $2 uid, $3 gid, $4 where the old owners are kept: names with NULs between them, owners one a line;
# $5 `within`, $6 the lock's file, $7 what it says while it is ours.
# find's -execdir and -fprintf are `within` at no cost; BusyBox lacks them. No owner is asked for through a link: what
# would be given back would be somebody else's.
GIVE = (
    DENIED
    + HELD
    + ENTER
    + r"""
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
lock=$6 who=$7; export lock who
source=. uid=$2 gid=$3 keep=$4 groups="( -group $3 )" d=7 f=6
mkdir -p -- "$keep" && rm -f -- "$keep/complete" || exit 73
if find . -prune -fprintf /dev/null '' 2>/dev/null; then
  denied '' -fprintf "$keep/owners" '%U:%G\n' -fprint0 "$keep/names" || exit 73
  [ -s "$keep/names" ] || { echo 0; exit 0; }
else
  denied '' -print0 >"$keep/names" || exit 73
  [ -s "$keep/names" ] || { echo 0; exit 0; }
  xargs -0 sh -c "$5"'
    top=$(pwd -P)
    for name; do (within "$name" && stat -c %u:%g "./${name##*/}") || exit 1; done
  ' sh <"$keep/names" >"$keep/owners" || exit 73
fi
files=$(tr -dc '\000' <"$keep/names" | wc -c)
[ "$files" -eq "$(wc -l <"$keep/owners")" ] && sync && : >"$keep/complete" || exit 73
held || exit 79
if find . -prune -execdir true {} + 2>/dev/null; then
  denied '' -execdir sh -c '@OURS@ours && exec chown -h -- "$0" "$@"' "$uid:$gid" {} + || { ours || exit 79; exit 75; }
else
  xargs -0 sh -c "$5"'@OURS@
    owner=$0; top=$(pwd -P)
    for name; do
      ours || exit 1
      (within "$name" && { chown -h -- "$owner" "./${name##*/}" || exit 9; }); [ $? -ne 9 ] || exit 1
    done
  ' "$uid:$gid" <"$keep/names" || { ours || exit 79; exit 75; }
fi
[ -z "$(denied '' -print | head -n 1)" ] || exit 78
echo "$files"
"""
).replace("@OURS@", OURS)

# $1 directory, $2 uid:gid that the files were given to, $3 where the old owners are kept, $4 to $6 as $5 to $7 above.
TAKE_BACK = (
    HELD
    + ENTER
    + r"""
lock=$5 who=$6; export lock who
held || exit 79
[ -e "$3/complete" ] || exit 76
xargs -0 sh -c "$4"'@OURS@
  given=$0; top=$(pwd -P); last=
  for name; do
    read -r was <&3 || exit 1
    case $name in */*) folder=${name%/*} ;; *) folder=. ;; esac
    if [ "$folder" != "$last" ]; then
      last=$folder; inside=
      cd -P -- "$top" && within "$name" && inside=1
    fi
    name=./${name##*/}
    [ -n "$inside" ] && [ "$(stat -c %u:%g "$name" 2>/dev/null)" = "$given" ] || continue
    ours && chown -h -- "$was" "$name" || exit 1
    echo 1
  done
' "$2" <"$3/names" 3<"$3/owners" | wc -l
ours || exit 79
"""
).replace("@OURS@", OURS)
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
        plain_path(self.directory)
        if self.directory.count("/") < 3 or min(self.uid, self.gid) < 0:
            raise ValueError(f"not the directory of a volume: {self.directory}")

    @property
    def changes(self) -> bool:
        return True

    def show(self) -> str:
        return f"give what {self.uid}:{self.gid} cannot use in {self.directory} to that user (old owners are kept)"

    def directories(self) -> tuple[str, ...]:
        return ()

    def still_true(self, link: Link, place: StepContext) -> None:
        answer = ask_one(link, Command(("sh", "-c", ENTER, "looking for a volume", self.directory), sudo=True))
        if answer.rc == ODD_PLACE:
            raise Stale(f"{self.directory} is not there, or is reached through a link")
        answer.text()

    def inverse(self, link: Link, place: StepContext) -> TakeBackOwner:
        return TakeBackOwner(self.node, self.directory, self.uid, self.gid, place.directory)

    def do(self, link: WritingLink, place: StepContext) -> Done:
        owner = (str(self.uid), str(self.gid))
        words = ("sh", "-c", GIVE, "giving files away", self.directory, *owner, place.directory, WITHIN, place.lock)
        place.confirm(self.node)
        answer = raise_if_incomplete(ask_one(link, Command((*words, place.token), sudo=True, limit=LIMIT)), self)
        if answer.rc in WHY:
            raise StepFailed(WHY[answer.rc], changed=answer.rc != NOT_KEPT, rc=answer.rc)
        return Done(after=f"{self.uid}:{self.gid}", rc=0, said=f"{count(int(answer.text()), 'file')} given")


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
        plain_path(self.directory)
        plain_path(self.kept)

    @property
    def changes(self) -> bool:
        return True

    def show(self) -> str:
        return f"give the files in {self.directory} back to their old owners"

    def directories(self) -> tuple[str, ...]:
        return ()

    def still_true(self, link: Link, place: StepContext) -> None:
        """The kept owners decide, in `do`."""

    def inverse(self, link: Link, place: StepContext) -> ChangeOwner:
        return ChangeOwner(self.node, self.directory, self.uid, self.gid)

    def do(self, link: WritingLink, place: StepContext) -> Done:
        owner = f"{self.uid}:{self.gid}"
        words = ("sh", "-c", TAKE_BACK, "giving files back", self.directory, owner, self.kept, WITHIN, place.lock)
        place.confirm(self.node)
        answer = raise_if_incomplete(ask_one(link, Command((*words, place.token), sudo=True, limit=LIMIT)), self)
        if answer.rc == NOTHING_KEPT:
            raise AlreadyBack("no file had been given away")
        return Done(rc=0, said=f"{count(int(answer.text()), 'file')} given back")


def raise_if_incomplete(answer: Output, step: ChangeOwner | TakeBackOwner) -> Output:
    """Raises Lost when nobody knows how far it came, Stale when the directory is not what it was."""
    if answer.lost or answer.rc is None:
        raise Lost(f"the connection was lost while owners were being changed: {answer.lost}")
    if answer.rc == NOT_OURS:
        raise Lost(f"{taken_away(step.node)}; the other owners are as they were")
    if answer.rc == ODD_PLACE:
        raise Stale(f"{step.directory} is not there, or is reached through a link")
    return answer
