"""One backup file: when it was made, whether it is complete, and whether retention counts it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fleetkeeper.inventory.units import show_size
from fleetkeeper.topics.backups.dump_contents import DumpContents
from fleetkeeper.topics.backups.dump_times import times_agree
from fleetkeeper.topics.backups.facts import File, State


@dataclass(frozen=True)
class TooSmall:
    """Why a complete dump is implausibly small.

    `size` is its size and `least` the smallest plausible size, both in bytes. `compared` says which other size `least`
    follows from ("others have 2 GiB"); empty when `least` is the policy's `smallest` itself.
    """

    size: int
    least: int
    compared: str = ""

    @property
    def wanted(self) -> str:
        """The smallest plausible size in words: `at least 1 GiB, as others have 2 GiB`."""
        return f"at least {show_size(self.least)}" + (f", as {self.compared}" if self.compared else "")

    def __str__(self) -> str:
        """The size and the smallest plausible one: `implausibly small: 1 MiB, wanted at least 1 GiB, as …`."""
        return f"implausibly small: {show_size(self.size)}, wanted {self.wanted}"


NO_REASON = "nobody wrote down why"


@dataclass(frozen=True)
class Backup:
    """One regular file whose name matches the policy's pattern.

    `named` is the instant in its name and `time` when it was made, both in UTC: `named` where the mtime agrees with it,
    else the older of the two. `state` is "complete", "broken" or "unknown", and `why` the reason for the last two.
    `growing`: written to within the last minute and not known to be complete. `future`: name or mtime is more than five
    minutes after the node's clock. `odd` is the reason why its time cannot be believed or why it is no file of its own
    (a second name of another backup); empty when neither is so. `contents` is what it holds, None where nobody knows,
    and `lacks` the reason why that is no backup of the database (`it holds no row of any table`), else empty. `small`
    is the reason why its size is implausible, else None. `giant`: it is far bigger than those before and after it.
    `unconfirmed`: it is the newest, and far bigger than those before it.
    """

    file: File
    time: datetime
    named: datetime
    state: State = "unknown"
    why: str = ""
    growing: bool = False
    future: bool = False
    odd: str = ""
    contents: DumpContents | None = None
    lacks: str = ""
    small: TooSmall | None = None
    giant: bool = False
    unconfirmed: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def agrees(self) -> bool:
        """Whether the mtime lies between 5 minutes before and 6 hours after the instant in the name (`times_agree`)."""
        return times_agree(self.named, self.file.mtime)

    @property
    def proven(self) -> bool:
        """Whether it is proven complete and its time can be believed; its size does not matter."""
        return self.state == "complete" and not (self.future or self.growing or self.odd)

    @property
    def counts(self) -> bool:
        """Whether it is complete and its time, contents and size are plausible: the only kind that retention counts."""
        return self.proven and self.small is None and not self.lacks

    @property
    def linked(self) -> str:
        """Why it must not be deleted even where `counts` is true: `it has 2 hard links`.

        Empty when it has one name only.
        """
        return f"it has {self.file.links} hard links" if self.file.links != 1 else ""

    @property
    def doubt(self) -> str:
        """Why `counts` is false, in words: the first reason of several; empty exactly when `counts` is true."""
        reasons = (
            (self.growing, "it is still being written"),
            (self.future, "dated in the future"),
            (bool(self.odd), self.odd),
            (self.state == "broken", self.why or "broken"),
            (self.state == "unknown", f"not known to be complete: {self.why or NO_REASON}"),
            (bool(self.lacks), self.lacks),
            (self.small is not None, str(self.small)),
        )
        return next((why for applies, why in reasons if applies), "")
