"""One backup: when it was made, what is proven about it, and whether it counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fleetkeeper.inventory.units import show_size
from fleetkeeper.topics.backups.dump_times import times_agree
from fleetkeeper.topics.backups.facts import File, State


@dataclass(frozen=True)
class TooSmall:
    """Why a whole dump is implausible: its size and the least that was wanted, in bytes, and what that follows from."""

    size: int
    least: int
    compared: str = ""

    @property
    def wanted(self) -> str:
        """The least, for a person."""
        return f"at least {show_size(self.least)}" + (f", as {self.compared}" if self.compared else "")

    def __str__(self) -> str:
        return f"implausibly small: {show_size(self.size)}, wanted {self.wanted}"


NO_REASON = "nobody wrote down why"


@dataclass(frozen=True)
class Backup:
    """One file with a backup's name. `time` (UTC) is when it was made: the older of what name and mtime say.

    `named` is the instant in its name. `state` says what is proven; `growing`: written to within the last minute and
    not proven complete; `future`: dated after the node's clock. `odd` says why its time cannot be believed, if so.
    `small` says why its size cannot be right; `giant`: it is far bigger than those before and after it; `unconfirmed`:
    it is the newest, and far bigger than those before it.
    """

    file: File
    time: datetime
    named: datetime
    state: State = "unknown"
    why: str = ""
    growing: bool = False
    future: bool = False
    odd: str = ""
    small: TooSmall | None = None
    giant: bool = False
    unconfirmed: bool = False

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def agrees(self) -> bool:
        return times_agree(self.named, self.file.mtime)

    @property
    def whole(self) -> bool:
        """Whether it is proven complete, and its time can be believed."""
        return self.state == "complete" and not (self.future or self.growing or self.odd)

    @property
    def counts(self) -> bool:
        """Whether it is whole, and of a size that it may have: the only kind that retention counts."""
        return self.whole and self.small is None

    @property
    def linked(self) -> str:
        """Why it must not be deleted although it counts, or nothing: it has other names."""
        return f"it has {self.file.links} hard links" if self.file.links != 1 else ""

    @property
    def doubt(self) -> str:
        """Why it does not count; nothing when it does, and never nothing when it does not."""
        reasons = (
            (self.growing, "it is still being written"),
            (self.future, "dated in the future"),
            (bool(self.odd), self.odd),
            (self.state == "broken", self.why or "broken"),
            (self.state == "unknown", f"not known to be complete: {self.why or NO_REASON}"),
            (self.small is not None, str(self.small)),
        )
        return next((why for applies, why in reasons if applies), "")
