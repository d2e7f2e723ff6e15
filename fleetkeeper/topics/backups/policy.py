"""What an inventory promises about its database dumps: the `backups` section."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePosixPath
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator, model_validator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.fields import Name, NodeName, ServiceName, Zone
from fleetkeeper.inventory.schema import Section, Strict, Without
from fleetkeeper.inventory.units import Duration, Portion, Share, Size, show_duration

Format = Literal["sql.gz", "sql", "dump"]
FORMATS: tuple[Format, ...] = ("sql.gz", "sql", "dump")
TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?")
WHEN = datetime(2001, 2, 3, 4, 5, 6)
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%._-+:@")
GUESSED = "`fleetkeeper init` made this up: while it stands here nothing is deleted. Remove it once you have read it."
PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")


def absolute_path(path: str) -> str:
    """A path that starts at the root and goes nowhere else, without needless slashes. Raises ValueError otherwise.

    >>> absolute_path("/srv//copies/")
    '/srv/copies'
    """
    if not path.startswith("/") or ".." in PurePosixPath(path).parts or not path.isprintable():
        raise ValueError("an absolute path without `..` is wanted")
    return "/" + "/".join(part for part in path.split("/") if part not in {"", "."})


def names_a_day(pattern: str) -> bool:
    """Whether a strftime pattern gives every moment of a day the same name.

    >>> names_a_day("db_%Y-%m-%d.sql.gz"), names_a_day("db_%Y-%m-%d_%H%M.sql.gz"), names_a_day("%%H_%Y%m%d.sql")
    (True, False, True)
    """
    moments = (WHEN, WHEN.replace(hour=16, minute=38, second=59))
    return len({moment.strftime(pattern) for moment in moments}) == 1


def runs_twice_a_day(schedule: str) -> bool:
    """Whether a cron schedule, which must be a valid one, is due more than once on one of its first days."""
    runs = [run.date() for run in islice(CronSim(schedule, WHEN), 10)]
    return len(set(runs)) < len(runs)


class Volume(Strict):
    """Where the dumps are: a Docker volume, or with `path` a directory, seen from one node and counted once."""

    name: Name = Field(description="Name of the Docker volume (with `path`: only a name for people).")
    node: NodeName = Field(description="The node it is looked at from: shared with others, it is counted once, here.")
    budget: Size | None = Field(default=None, description="The most that all files of the volume may take.")
    inodes: int | None = Field(default=None, ge=1, description="The most files and directories it may hold.")
    path: str | None = Field(default=None, description="Absolute directory, when it is not a Docker volume.")
    free: Size = Field(default=2**30, description="What must stay free on its file system.")

    @field_validator("path")
    @classmethod
    def plain(cls, path: str | None) -> str | None:
        """The path without needless slashes; None stays. Raises ValueError unless it is absolute."""
        return path if path is None else absolute_path(path)


class Elsewhere(Strict):
    """A second place for backups: what stands in one place only is gone with it."""

    node: NodeName = Field(description="The node that has the copies.")
    path: str = Field(description="Absolute directory of the copies, under the same names.")
    max_age: Duration = Field(
        default=timedelta(hours=36), description="Oldest that the newest backup with a true copy may be."
    )
    free: Size = Field(default=2**30, description="What must stay free on its file system when one is copied there.")

    @field_validator("path")
    @classmethod
    def plain(cls, path: str) -> str:
        """The path without needless slashes. Raises ValueError unless it is absolute."""
        return absolute_path(path)


class Keep(Strict):
    """How many backups stay, by restic's rules (`restic forget`): -1 is without end; counters are independent."""

    last: int = Field(default=0, ge=-1, description="The newest ones.")
    hourly: int = Field(default=0, ge=-1, description="The newest of each of so many hours that have one.")
    daily: int = Field(default=0, ge=-1, description="The newest of each of so many days.")
    weekly: int = Field(default=0, ge=-1, description="The newest of each of so many ISO weeks.")
    monthly: int = Field(default=0, ge=-1, description="The newest of each of so many months.")
    yearly: int = Field(default=0, ge=-1, description="The newest of each of so many years.")
    within: Duration | None = Field(default=None, description="All that are this much younger than the newest.")
    guessed: bool = Field(default=False, description=GUESSED)

    broken_at_most: Share = Field(
        default=Portion(10, percent=True),
        description="Most files that one plan may remove as broken: a number, or percent of the backups there are "
        "(then at least one). Above that a person must look first.",
    )

    @model_validator(mode="after")
    def keeps_something(self) -> Keep:
        """The same `keep`. Raises ValueError when it keeps nothing at all."""
        if self.within is None and not any(getattr(self, field) for field in ("last", *PERIODS)):
            raise ValueError("keep would remove every backup: give at least one of last, daily, weekly, … above 0")
        return self

    @property
    def in_words(self) -> str:
        """What it asks for, by its numbers alone: the wish of a finding must stay the same from look to look.

        >>> Keep(last=4, daily=14, yearly=-1).in_words
        'the newest 4, 14 daily, all yearly'
        """
        counts = {period: getattr(self, period) for period in PERIODS if getattr(self, period)}
        newest = ["all" if self.last < 0 else f"the newest {self.last}"] if self.last else []
        periods = [f"{'all' if count < 0 else count} {period}" for period, count in counts.items()]
        within = [f"all of the last {show_duration(self.within)}"] if self.within else []
        return ", ".join([*newest, *periods, *within])


class Policy(Strict):
    """Dumps of one database: who makes them, when, where they are, and which of them stay."""

    service: ServiceName = Field(description="The service (a key of `services`) whose database is dumped.")
    guessed: bool = Field(default=False, description=GUESSED)
    schedule: str | Without = Field(
        description="When, as five fields of cron, in the time zone of the node's cron; or `none: why`, where "
        "something that fleetkeeper does not see makes the dumps (then `max_age` is required)."
    )
    command: str = Field(default="backup", min_length=1, description="What the schedule runs in the container.")
    volume: Volume
    path: str = Field(default="", description="Directory below the volume's root; empty for the root itself.")
    timezone: Zone = Field(default="UTC", description="Time zone of the stamps in the file names.")
    pattern: str = Field(
        default="backup_%Y_%m_%dT%H_%M_%S.sql.gz",
        description="Names of the backups, as for strftime. Files with other names are never touched. A name with "
        "the day alone (`db_%Y-%m-%d.sql.gz`) has its time of the day from the file's mtime: one a day.",
    )
    keep: Keep
    at_least: int = Field(default=3, ge=1, description="So many proven backups stay, whatever the rules say.")
    slack: Duration = Field(
        default=timedelta(days=7), description="How long a backup may stay after `keep` has let it go."
    )
    below_keep: bool = Field(default=False, description="Whether a budget may remove what `keep` keeps.")
    max_age: Duration | None = Field(
        default=None,
        description="Oldest that the newest complete one may be; else the schedule's longest gap and grace.",
    )
    grace: Duration = Field(default=timedelta(hours=1), description="How late a backup may be before it is missed.")
    smallest: Size = Field(default=256, description="A smaller backup is suspicious, whatever the others weigh.")
    shrink: int = Field(
        default=50,
        ge=1,
        le=99,
        description="Percent below the biggest of the last 30 plausible ones at which one is suspicious.",
    )
    horizon: Duration = Field(default=timedelta(days=30), description="How long budget and disk must last at least.")
    verify: Size = Field(
        default=128 * 2**20, description="Bytes of older backups that one look may stream, besides the newest."
    )
    elsewhere: Section[Elsewhere] | None = Field(
        default=None, description="A second place where the newest complete backup stands too; or `none: why`."
    )
    drills: Duration | None = Field(
        default=None, description="Oldest that the last restore drill that succeeded may be: `90 d`."
    )
    tolerance: int = Field(
        default=20, ge=0, le=100, description="Percent of a table's rows that may be missing after a drill."
    )
    floors: dict[str, int] = Field(
        default_factory=dict,
        description="Rows that these tables have at least: `{auth_user: 100}`. With fewer, the data is gone.",
    )
    left_out: tuple[str, ...] = Field(
        default=(),
        description="Tables whose rows dumps leave out on purpose: `[sessions, audit.*]`, as patterns of the shell. "
        "`pg_catalog.pg_largeobject` stands for the large objects.",
    )
    remove_nothing: tuple[str, ...] = Field(
        default=(),
        description="Containers or services that run jobs of their own and can reach the dumps, and of which a person "
        "knows that they remove none: `[shop/pgbackups]`, as patterns of the shell.",
    )
    user: str | None = Field(default=None, description="Database user; default: the container's POSTGRES_USER.")
    database: str | None = Field(default=None, description="Database; default: the container's POSTGRES_DB.")
    directory: str = Field(default="/backups", description="Where the container sees the volume.")

    def __hash__(self) -> int:
        """Policies are keys of caches; `floors`, a mapping, is left out."""
        return hash((self.service, self.schedule, self.volume, self.timezone, self.pattern, self.keep))

    @property
    def times(self) -> str:
        """The five fields of its schedule. Raises NotApplicable, with the reason, where it has none."""
        if isinstance(self.schedule, Without):
            raise NotApplicable(f"no schedule: {self.schedule.none}")
        return self.schedule

    @property
    def pace(self) -> str:
        """The schedule by which coming dumps are reckoned: once a day where the inventory has none."""
        return "0 0 * * *" if isinstance(self.schedule, Without) else self.schedule

    @property
    def guesses(self) -> str:
        """The keys whose values `fleetkeeper init` made up, for a sentence; empty when a person has read them."""
        keys = {"backups": self.guessed, "backups.keep": self.keep.guessed}
        return " and ".join(f"`{key}`" for key, guess in keys.items() if guess)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the names of dumps."""
        return ZoneInfo(self.timezone)

    @property
    def by_day(self) -> bool:
        """Whether its names hold the day and no time: one backup a day."""
        return names_a_day(self.pattern)

    @property
    def format(self) -> Format:
        """What the files are, by the end of their names, as the pattern has it."""
        return next(form for form in FORMATS if self.pattern.endswith("." + form))

    @field_validator("floors")
    @classmethod
    def plain_tables(cls, floors: dict[str, int]) -> dict[str, int]:
        """The floors themselves: names of tables, and least numbers of rows from 1 on. Raises ValueError."""
        for table, least in floors.items():
            if not TABLE.fullmatch(table) or least < 1:
                raise ValueError(
                    f"{table!r}: {least}: a table (`auth_user`, `public.auth_user`) and a number from 1 on are wanted"
                )
        return floors

    @field_validator("schedule")
    @classmethod
    def cron_fields(cls, schedule: str | Without) -> str | Without:
        """The schedule itself, if it has five fields of cron, or is left out. Raises ValueError."""
        if isinstance(schedule, Without):
            return schedule
        try:
            CronSim(schedule, WHEN)
        except CronSimError as odd:
            raise ValueError(f"not a schedule of cron: {odd}; five fields are wanted, as in `0 0,12 * * *`") from odd
        return schedule

    @model_validator(mode="after")
    def has_an_age(self) -> Policy:
        """The same policy. Raises ValueError without `max_age` where there is no schedule, which else would say it."""
        if isinstance(self.schedule, Without) and self.max_age is None:
            raise ValueError("without a schedule, `max_age` must say how old the newest backup may be")
        return self

    @field_validator("path")
    @classmethod
    def below(cls, path: str) -> str:
        """The same path. Raises ValueError unless it lies below its volume."""
        if path.startswith(("/", "-")) or ".." in PurePosixPath(path).parts or not path.isprintable():
            raise ValueError("a path below the volume is wanted, without `..`")
        return path

    @field_validator("directory")
    @classmethod
    def plain(cls, path: str) -> str:
        """The path without needless slashes. Raises ValueError unless it is absolute."""
        return absolute_path(path)

    @field_validator("pattern")
    @classmethod
    def tells_the_time(cls, pattern: str) -> str:
        """The pattern itself. Raises ValueError unless it has a known end, and a time to the minute or a day alone."""
        if not set(pattern) <= PLAIN:
            raise ValueError("only letters, digits, `%`, `.`, `_`, `-`, `+`, `:` and `@` may stand in a pattern")
        if pattern.startswith("-") or not pattern.endswith(tuple("." + form for form in FORMATS)):
            raise ValueError("a pattern ends with .sql.gz, .sql or .dump, and does not start with a dash")
        try:
            back = datetime.strptime(WHEN.strftime(pattern), pattern)
        except ValueError as odd:
            raise ValueError(f"not a pattern of strftime that can be read back: {odd}") from odd
        if back.date() != WHEN.date():
            raise ValueError("the pattern must hold year, month and day: %Y %m %d (and hour and minute: %H %M)")
        if not names_a_day(pattern) and back.replace(second=0) != WHEN.replace(second=0):
            raise ValueError("the pattern must hold hour and minute both, %H %M, or no time of the day at all")
        return pattern

    @model_validator(mode="after")
    def has_a_name_for_each(self) -> Policy:
        """The policy itself. Check that a pattern with the day alone goes with one backup a day. Raises ValueError.

        Two backups of one day cannot have the same name: the second would replace the first.
        """
        if self.by_day and isinstance(self.schedule, str) and runs_twice_a_day(self.schedule):
            raise ValueError(
                f"`pattern` names only the day, and `schedule` ({self.schedule}) is due several times a day: "
                "the second backup of a day would replace the first; put %H and %M into the names"
            )
        return self
