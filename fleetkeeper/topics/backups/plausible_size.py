"""Which complete dumps have a plausible size for a dump of this database. Pure.

A dump can be complete and hold nothing: of an empty database, or of the wrong one. One function judges each dump, from
the oldest to the newest. A refused dump neither counts for retention nor becomes a yardstick: dumps of an emptied
database never turn plausible by themselves, however many of them there are.

The yardstick is the biggest of the last `LAST` plausible ones, or the size that a person accepted last
(`remediate backups accept --because …`) and the plausible ones since then. One giant alone is no yardstick for ever:
the ones after it are refused until `AGREEING` of them in a row weigh what was usual before it; from then on they count
again, the giant stays, and a warning names it (it may hold what was lost since). One that is the newest, with none
after it, may be a dump of something else: it pushes nothing out until the next one weighs about as much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import show_size
from fleetkeeper.topics.backups.backup import TooSmall

if TYPE_CHECKING:
    from fleetkeeper.topics.backups.backup import Backup
    from fleetkeeper.topics.backups.database.facts import AcceptedSize
    from fleetkeeper.topics.backups.policy import Policy

LAST = 30
"""So many of the plausible ones before a dump are its yardstick."""
FEW = 3
"""With fewer plausible ones before it, a dump that is far bigger is the first real one, and no giant."""
AGREEING = 10
"""So many dumps in a row must weigh what was usual before a giant, until it is taken for the odd one."""


@dataclass(frozen=True)
class SizeJudgement:
    """Refused dumps by name, the names of single giants, and the newest dump's name if it is an unconfirmed giant."""

    refused: Mapping[str, TooSmall] = field(default_factory=dict)
    giants: frozenset[str] = frozenset()
    unconfirmed: str = ""


@dataclass(frozen=True)
class Yardstick:
    """A size (bytes) that others are compared with, and `whose` it is in words ("others have 2 GiB")."""

    size: int
    whose: str


def judge_sizes(whole: Iterable[Backup], policy: Policy, accepted: AcceptedSize | None = None) -> SizeJudgement:
    """The judgement of the sizes of all complete dumps. The order of `whole` does not matter.

    `accepted` is the size that a person accepted last: dumps made since then are compared with it. Those before it are
    judged on their own; the newest refused of them are taken back if they are of that size.
    """
    oldest_first = sorted(whole, key=lambda backup: (backup.time, backup.name))
    if accepted is None:
        return Scan(policy).over(oldest_first)
    before = [backup for backup in oldest_first if backup.time < accepted.made]
    since = [backup for backup in oldest_first if backup.time >= accepted.made]
    start = Yardstick(accepted.size, f"{show_size(accepted.size)} were accepted on {accepted.at:%Y-%m-%d}")
    earlier = Scan(policy).over(before)
    likely = least_size(start, policy).least
    names = {backup.name for backup in newest_refused(before, earlier.refused) if backup.file.size >= likely}
    later = Scan(policy, deque([start], LAST)).over(since)
    refused = {name: why for name, why in earlier.refused.items() if name not in names}
    return replace(later, refused={**refused, **later.refused})


def newest_refused(oldest_first: Sequence[Backup], refused: Mapping[str, TooSmall]) -> list[Backup]:
    """The newest dumps that were refused, newest first, down to the first that was not.

    A person who accepted a size accepted these too.
    """
    backups: list[Backup] = []
    for backup in reversed(oldest_first):
        if backup.name not in refused:
            break
        backups.append(backup)
    return backups


def least_size(yardstick: Yardstick | None, policy: Policy, size: int = 0) -> TooSmall:
    """The smallest plausible size beside a yardstick, as `least` (bytes) of a TooSmall with this `size`; 0 without one.

    Where the yardstick is at least `smallest`, the result is never less than `smallest`; where all dumps are smaller
    than that, they are compared with each other only.
    """
    floor = -(-yardstick.size * (100 - policy.shrink) // 100) if yardstick else 0
    if yardstick and floor < policy.smallest <= yardstick.size:
        return TooSmall(size, policy.smallest)
    return TooSmall(size, floor, yardstick.whose if yardstick else "")


@dataclass
class Scan:
    """One pass over the dumps from the oldest to the newest.

    `window` are the last plausible sizes, `giant` is a dump that is not confirmed yet, and `usual` are the dumps after
    it that have the size that was usual before.
    """

    policy: Policy
    window: deque[Yardstick] = field(default_factory=lambda: deque(maxlen=LAST))
    giant: Backup | None = None
    usual: list[Backup] = field(default_factory=list)
    refused: dict[str, TooSmall] = field(default_factory=dict)
    giants: set[str] = field(default_factory=set)

    def over(self, oldest_first: Iterable[Backup]) -> SizeJudgement:
        """The judgement of these dumps. A Scan is used once.

        While a giant is neither confirmed nor refuted, what has the usual size is refused; alone, it is `unconfirmed`.
        """
        for backup in oldest_first:
            self.judge(backup)
        if self.giant:
            self.refuse(self.usual, yardstick_of_one(self.giant))
        unconfirmed = self.giant.name if self.giant and not self.usual else ""
        return SizeJudgement(self.refused, frozenset(self.giants), unconfirmed)

    def judge(self, backup: Backup) -> None:
        """Refuse one dump, take it as a yardstick for those after it, or note it as a `giant` not confirmed yet.

        Dumps must come from the oldest to the newest.
        """
        yardstick = max(self.window, key=lambda item: item.size, default=None)
        size = backup.file.size
        if size < least_size(yardstick, self.policy).least:
            self.refuse([backup], yardstick)
        elif self.giant:
            self.beside(self.giant, backup)
        elif (
            yardstick
            and len(self.window) >= FEW
            and yardstick.size < least_size(yardstick_of_several(backup), self.policy).least
        ):
            self.giant = backup
        else:
            self.window.append(yardstick_of_several(backup))

    def beside(self, giant: Backup, backup: Backup) -> None:
        """Judge a dump after a giant: it confirms the giant, or has the size that was usual before.

        Once confirmed, the `usual` ones are refused; ten of these in a row put the giant among `giants` instead. Either
        ends the giant's trial.
        """
        if backup.file.size >= least_size(yardstick_of_several(giant), self.policy).least:
            self.window.extend([yardstick_of_several(giant), yardstick_of_several(backup)])
            self.refuse(self.usual, yardstick_of_one(giant))
        else:
            self.usual.append(backup)
            if len(self.usual) < AGREEING:
                return
            self.window.extend(yardstick_of_several(backup) for backup in self.usual)
            self.giants.add(giant.name)
        self.giant, self.usual = None, []

    def refuse(self, backups: Iterable[Backup], yardstick: Yardstick | None) -> None:
        """Enter these dumps in `refused`, each as too small beside the yardstick (None: the least size is 0)."""
        for backup in backups:
            self.refused[backup.name] = least_size(yardstick, self.policy, backup.file.size)


def yardstick_of_several(backup: Backup) -> Yardstick:
    """The size of a dump as a yardstick that several others share."""
    return Yardstick(backup.file.size, f"others have {show_size(backup.file.size)}")


def yardstick_of_one(backup: Backup) -> Yardstick:
    """The size of a dump as a yardstick that is named after this one dump."""
    return Yardstick(backup.file.size, f"{backup.name} has {show_size(backup.file.size)}")
