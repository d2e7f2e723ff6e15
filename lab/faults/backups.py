"""Faults of the backup volume: nothing new in it, nothing in what is new, far too much in it.

What a break takes away is kept outside the volume, on the node that did it; what it adds is listed there.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab import dumps, nodes, setup
from lab.engine import Engine
from lab.names import BACKUPS, COPIES, MANAGER, VGPU

KEPT = "/var/lib/lab-faults"
DAYS_HIDDEN = 3
RECENT = timedelta(days=14)

HIDE = """
set -eu; mkdir -p "$2/stale"; cd "$1"
find . -maxdepth 1 -name 'backup_*' -mmin "-$3" -exec mv -t "$2/stale" {} +
"""
BRING_BACK = '[ ! -d "$2/stale" ] || { cp -a --no-clobber "$2/stale/." "$1/"; rm -r "$2/stale"; }'
ADD_EMPTY = """
set -eu; mkdir -p "$2"; [ ! -s "$2/empty" ] || exit 0
name=$(date -d '2 minutes ago' +backup_%Y_%m_%dT%H_%M_%S.sql.gz)
: | gzip > "$1/$name"; chown 5432:5432 "$1/$name"; touch -d '2 minutes ago' "$1/$name"; echo "$name" > "$2/empty"
"""
ADD_FOREIGN = """
set -eu; mkdir -p "$2"; [ ! -s "$2/foreign" ] || exit 0
name=$(date -d '2 minutes ago' +backup_%Y_%m_%dT%H_%M_%S.sql.gz)
gzip > "$1/$name"; chown 5432:5432 "$1/$name"; touch -d '2 minutes ago' "$1/$name"; echo "$name" > "$2/foreign"
"""
REMOVE_FOREIGN = '[ ! -s "$2/foreign" ] || { cd "$1"; xargs rm -f < "$2/foreign"; rm "$2/foreign"; }'
REMOVE_EMPTY = '[ ! -s "$2/empty" ] || { cd "$1"; xargs rm -f < "$2/empty"; rm "$2/empty"; }'
THIN = '[ ! -s "$2/extra" ] || { cd "$1"; xargs rm -f < "$2/extra"; rm "$2/extra"; }'
LOSE_COPIES = '[ -d "$2/copies" ] || { mkdir -p "$2"; mv "$1" "$2/copies"; }'
FIND_COPIES = '[ ! -d "$2/copies" ] || { rm -rf "$1"; mv "$2/copies" "$1"; }'


def in_volume(engine: Engine, script: str, *words: str) -> None:
    """Run a script on vgpu with the volume as $1 and the place for what is kept as $2."""
    nodes.run_on(engine, VGPU, "sh", "-c", script, "sh", BACKUPS, KEPT, *words)


def hide_newest(engine: Engine) -> None:
    in_volume(engine, HIDE, str(DAYS_HIDDEN * 24 * 60))


def bring_back_newest(engine: Engine) -> None:
    in_volume(engine, BRING_BACK)


def add_empty(engine: Engine) -> None:
    in_volume(engine, ADD_EMPTY)


def remove_empty(engine: Engine) -> None:
    in_volume(engine, REMOVE_EMPTY)


def add_foreign(engine: Engine) -> None:
    """Add a whole dump of about the usual size with tables of other names, as of another database."""
    dump = setup.real_dump(engine).replace(b"public.", b"public.other_")
    nodes.run_on(engine, VGPU, "sh", "-c", ADD_FOREIGN, "sh", BACKUPS, KEPT, given=dump)


def remove_foreign(engine: Engine) -> None:
    in_volume(engine, REMOVE_FOREIGN)


def never_thinned(engine: Engine) -> None:
    """Add the older dumps that thinning had removed; the last two weeks are left as they are."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as work:
        written = dumps.overfill_directory(Path(work), now, setup.real_dump(engine))
        extra = [path for path in written if path.stat().st_mtime < (now - RECENT).timestamp()]
        for path in set(written) - set(extra):
            path.unlink()
        names = "".join(f"{path.name}\n" for path in extra)
        nodes.run_on(engine, VGPU, "sh", "-c", f"mkdir -p {KEPT}; cat > {KEPT}/extra", given=names.encode())
        setup.put_backups(engine, Path(work))


def thin(engine: Engine) -> None:
    in_volume(engine, THIN)


def lose_copies(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "sh", "-c", LOSE_COPIES, "sh", COPIES, KEPT)


def find_copies(engine: Engine) -> None:
    nodes.run_on(engine, MANAGER, "sh", "-c", FIND_COPIES, "sh", COPIES, KEPT)
