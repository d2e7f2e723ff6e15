"""Two years of nightly and midday dumps, as the shared backup volume would hold them.

Every file is a real dump: the one that the lab's own Postgres gave, with fewer rows in its largest table the older
it is. All of them restore.
"""

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

UID = GID = 5432
TAKE = ("sh", "-c", 'exec pg_dump --username="$POSTGRES_USER" "$POSTGRES_DB"')
"""What to run in the postgres container for the dump that `fill` wants."""

ZONE = ZoneInfo("America/Toronto")
YEARS = timedelta(days=730)
SLOTS = (time(0, 0, 1), time(12, 0, 1))
WRITING = timedelta(seconds=1)

KEEP_LAST = 4
KEEP = {"%Y-%m-%d": 14, "%G-W%V": 8, "%Y-%m": 12, "%Y": 10}
"""How many days, weeks, months and years keep their newest dump."""

GROWING = b"\nCOPY public.rodan_runjob "
FIRST_SHARE = 0.4
GZIP = zlib.MAX_WBITS | 16


def fill_directory(directory: Path, now: datetime, dump: bytes) -> list[Path]:
    """Write the dumps that thinning by the lab's keep policy would have left; `dump` is plain SQL of pg_dump."""
    times = dump_times(now)
    return write(directory, dump, times, thinned_times(times))


def overfill_directory(directory: Path, now: datetime, dump: bytes) -> list[Path]:
    """Write all that `fill` left out, as if nobody had ever thinned."""
    times = dump_times(now)
    return write(directory, dump, times, set(times) - thinned_times(times))


def dump_times(now: datetime) -> list[datetime]:
    """When a dump was started during the two years before `now`, oldest first, in the lab's time zone."""
    today = now.astimezone(ZONE).date()
    days = (today - timedelta(days=back) for back in range(YEARS.days, -1, -1))
    slots = (datetime.combine(day, slot, ZONE) for day in days for slot in SLOTS)
    return [slot for slot in slots if now - YEARS <= slot <= now - WRITING]


def thinned_times(times: Sequence[datetime]) -> set[datetime]:
    """The last few, the oldest, and the newest of each day, week, month and year that the policy keeps."""
    newest_first = sorted(times, reverse=True)
    kept = {*newest_first[:KEEP_LAST], *newest_first[-1:]}
    for period, count in KEEP.items():
        newest: dict[str, datetime] = {}
        for moment in newest_first:
            newest.setdefault(moment.strftime(period), moment)
        kept.update(list(newest.values())[:count])
    return kept


def dump_name(moment: datetime) -> str:
    return moment.strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")


def write(directory: Path, dump: bytes, times: Sequence[datetime], moments: Iterable[datetime]) -> list[Path]:
    chosen = frozenset(moments)
    ages = [(moment, index / len(times)) for index, moment in enumerate(times, 1) if moment in chosen]
    packed = shrink_dump(dump, [share for _, share in ages])
    return [
        store_dump(directory / dump_name(moment), moment, content)
        for (moment, _), content in zip(ages, packed, strict=True)
    ]


def store_dump(path: Path, moment: datetime, content: bytes) -> Path:
    """Leave the file as the backup script would have: with its owner, and written when its name says."""
    path.write_bytes(content)
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(path, UID, GID)
    written = (moment + WRITING).timestamp()
    os.utime(path, (written, written))
    return path


def shrink_dump(dump: bytes, ages: Iterable[float]) -> Iterator[bytes]:
    """The dump as it was at each of `ages`, rising from 0 (the first) to 1 (today), compressed as gzip does.

    What they have in common is compressed once: the compressor is copied where a dump ends.
    """
    before, rows, after = split_dump(dump)
    packer = zlib.compressobj(wbits=GZIP)
    head = packer.compress(before)
    packed = 0
    for age in ages:
        count = round(len(rows) * (FIRST_SHARE + (1 - FIRST_SHARE) * age))
        head += packer.compress(b"".join(rows[packed:count]))
        packed = max(packed, count)
        end = packer.copy()
        yield head + end.compress(after) + end.flush()


def split_dump(dump: bytes) -> tuple[bytes, list[bytes], bytes]:
    r"""Cut a dump into what is before, in, and after the rows of its growing table.

    >>> split_dump(b"--\nCOPY public.rodan_runjob (id) FROM stdin;\n1\n2\n\\.\n-- end\n")
    (b'--\nCOPY public.rodan_runjob (id) FROM stdin;\n', [b'1\n', b'2\n'], b'\\.\n-- end\n')
    """
    begin = dump.index(b"\n", dump.index(GROWING) + 1) + 1
    end = dump.index(b"\\.\n", begin)
    return dump[:begin], dump[begin:end].splitlines(keepends=True), dump[end:]
