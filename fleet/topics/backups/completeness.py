"""Is a dump whole? Streamed on the node itself, in constant memory; judged here.

`gzip -t` is content with a gzip of nothing, and a dump that was cut short can end with the right line by chance: rows
of a table may hold it. So the whole text is read once, by awk beside gzip (both cores busy: no slower than gzip alone),
which knows whether a COPY block is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.commands import Command, Output
from fleet.topics.backups.files import File, State, Verified
from fleet.topics.backups.listing import SHELL_LIST, parse_entries, seen_whole
from fleet.topics.backups.policy import Format

AWK = r"""
function fresh() { n = copying = ended = width = 0; kind = whole = "-" }
BEGIN { fresh() }
/^\001/ && index($0, mark) == 1 {
  print n, width, copying, ended, kind, whole, substr($0, length(mark) + 2)
  fresh()
  next
}
n++ == 0 { width = length($0) }
copying { if ($0 == "\\.") copying = 0; next }
/^COPY .* FROM stdin;$/ { copying = 1; ended = 0; next }
/^-- PostgreSQL database / {
  if ($0 == "-- PostgreSQL database dump" && n < 20 && kind == "-") kind = "database"
  if ($0 == "-- PostgreSQL database cluster dump" && n < 20) kind = "cluster"
  if ($0 == "-- PostgreSQL database dump complete") { ended = 1; whole = "database"; next }
  if ($0 == "-- PostgreSQL database cluster dump complete") { ended = 1; whole = "cluster"; next }
}
ended && !/^(--)?$/ && !/^\\unrestrict / && !/^(CREATE|ALTER|SET|RESET) (ROLE|SESSION AUTHORIZATION)[ ;]/ &&
  !/^GRANT .* TO .*;$/ { ended = 0 }
"""

SHELL_STREAM = (
    SHELL_LIST
    + r"""
renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
cd -P -- "$1" || exit 5
form=$2 service=$3
shift 3
stream() {
  mark=$(printf '\001'; od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  [ ${#mark} -eq 33 ] || { echo "no random bytes" >&2; exit 7; }
  {
    for file; do
      if [ "$form" = sql ]; then said=$(cat -- "$file" 2>&1 >&3); else said=$(gzip -dc -- "$file" 2>&1 >&3); fi
      rc=$?
      printf '\n%s %s %s\n' "$mark" "$rc" "$(printf '%s' "$said" | tr '\n\0' '  ')"
    done
  } 3>&1 | awk -v mark="$mark" '"""
    + AWK
    + r"""'
}
running() { docker ps --quiet --no-trunc --filter status=running "$@" | head -n 1; }
read_archive() {
  if [ -n "$inside" ]; then docker exec -i "$inside" pg_restore -f /dev/null; else pg_restore -f /dev/null; fi
}
archives() {
  inside=
  if ! command -v pg_restore >/dev/null 2>&1; then
    inside=$(running --filter "label=com.docker.swarm.service.name=$service")
    [ -n "$inside" ] || inside=$(running --filter "label=com.docker.compose.service=${service#*/}")
    [ -n "$inside" ] || inside=$(running --filter "name=^/$service\$")
    [ -n "$inside" ] || { echo "no pg_restore on this node, and no container of $service to run it in" >&2; exit 10; }
  fi
  for file; do
    if said=$(read_archive 2>&1 <"$file" >/dev/null); then rc=0; else rc=$?; fi
    printf '2 2 0 1 database database %s %s\n' "$rc" "$(printf '%s' "$said" | tr '\n\0' '  ')"
  done
}
each() { if [ "$form" = dump ]; then archives "$@"; else stream "$@"; fi; }
"""
)
"""Arguments: directory, format, the service whose container has pg_restore, then the files as ./NAME.

The mark between two files is random, made on the node: no file can hold it. An archive (`pg_dump -Fc`) is read to its
end by pg_restore, in the same words: `pg_restore -l` reads its table of contents only, and passes a truncated one.
"""

SHELL_VERIFY = (
    SHELL_STREAM
    + r"""
each "$@" || exit 8
printf '\0'
list "$@"
"""
)
SHELL_PROVE = (
    SHELL_STREAM
    + r"""
each "$@" | awk -v wanted=$# '
  $3 == 0 && $4 == 1 && $5 != "-" && $5 == $6 && $7 == 0 { whole++ }
  END { exit whole != wanted }
' || { echo "not all of them are whole dumps any more" >&2; exit 9; }
"""
)

PACE = 10 * 10**6
"""Bytes of a file that the slowest disk in use still reads in a second: the time limit grows with the sizes."""


@dataclass(frozen=True)
class Streamed:
    """What awk saw of one file. `lines` counts one more than there are when the last one is ended properly.

    `kind` and `whole` are which dump the first lines and the end mark speak of (database, cluster or "-").
    `copying`: a COPY block is open at the end; `ended`: nothing of weight follows the end mark.
    """

    lines: int
    width: int
    copying: bool
    ended: bool
    kind: str
    whole: str
    rc: int
    said: str


def verify(directory: str, files: Sequence[File], form: Format, service: str = "") -> Command:
    """Stream these files, in this order, and look at each once more afterwards.

    `service` is what Docker calls the database's service: archives need the pg_restore in its container.
    """
    return Command(words(SHELL_VERIFY, directory, files, (form, service)), sudo=True, limit=limit(files))


def prove(directory: str, files: Sequence[File], form: Format, service: str = "") -> Command:
    """The same as a condition: it ends with 0 only while every one of these files is a whole dump."""
    return Command(words(SHELL_PROVE, directory, files, (form, service)), sudo=True, limit=limit(files))


def words(script: str, directory: str, files: Sequence[File], how: tuple[Format, str]) -> tuple[str, ...]:
    return ("sh", "-c", script, "sh", directory, *how, *(f"./{file.name}" for file in files))


def limit(files: Sequence[File]) -> float:
    """Seconds."""
    return 60 + sum(file.size for file in files) / PACE


def parse_verified(output: Output, asked: Sequence[File]) -> tuple[Verified, ...]:
    """What the streams proved. A file that is not the same before and after is not known."""
    reports, _, after = output.out.partition(b"\0")
    seen_whole(output)
    lines = reports.decode("utf-8", "replace").splitlines()
    if len(lines) != len(asked):
        raise ValueError(f"{len(lines)} answers about {len(asked)} files")
    now = {file.name: file.identity for file in parse_entries(after)}
    judged = (judge(streamed(line)) for line in lines)
    return tuple(
        Verified(file.name, *file.identity, *(answer if now.get(file.name) == file.identity else CHANGED))
        for file, answer in zip(asked, judged, strict=True)
    )


CHANGED: tuple[State, str] = ("unknown", "it changed while it was read")


def streamed(line: str) -> Streamed:
    """Read one line of awk's.

    >>> streamed("2400133 2 0 1 database database 0 ").ended
    True
    >>> streamed("12 2 1 0 database - 1 gzip: ./x.sql.gz: unexpected end of file").said
    'gzip: ./x.sql.gz: unexpected end of file'
    """
    lines, width, copying, ended, kind, whole, rc, said = (line + " ").split(" ", 7)
    return Streamed(int(lines), int(width), copying == "1", ended == "1", kind, whole, int(rc), said.strip())


UNREADABLE = ("input/output error", "permission denied", "no such file", "stale", "cannot allocate", "not found")
DAMAGE = (
    ("trailing garbage", "there is garbage behind its end"),
    ("unexpected end of file", "cut short: its gzip stream has no end"),
    ("crc error", "damaged: its checksum is wrong"),
    ("length error", "damaged: its length is wrong"),
    ("incorrect length", "damaged: its length is wrong"),
    ("format violated", "damaged: its gzip data are invalid"),
    ("corrupted data", "damaged: its gzip data are invalid"),
    ("invalid magic", "not in gzip format"),
    ("not in gzip format", "not in gzip format"),
    ("no gzip magic", "not in gzip format"),
    ("unknown method", "not in gzip format"),
    ("could not read from input file: end of file", "cut short: the archive has no end"),
    ("input file is too short", "cut short: there is no archive in it"),
    ("not appear to be a valid archive", "not an archive of `pg_dump -Fc`"),
    ("could not uncompress data", "damaged: its data cannot be uncompressed"),
    ("could not find block id", "damaged: data of a table are missing"),
    ("unexpected block id", "damaged: its blocks are out of order"),
    ("corrupt toc", "damaged: its table of contents makes no sense"),
)
"""What GNU gzip, BusyBox and pg_restore say, and what it means. What is not in the list proves nothing."""


def judge(seen: Streamed) -> tuple[State, str]:
    """The three states, and why.

    >>> judge(Streamed(1, 0, False, False, "-", "-", 0, ""))
    ('broken', 'empty: a valid file with no dump in it')
    """
    if seen.rc:
        return damage(seen)
    if seen.lines == 1 and seen.width == 0:
        return "broken", "empty: a valid file with no dump in it"
    if seen.kind == "-":
        return "broken", "not a dump of pg_dump: its first lines do not say `-- PostgreSQL database dump`"
    if seen.copying:
        return "broken", "cut short in the middle of a table's rows"
    if not seen.ended or seen.whole != seen.kind:
        return "broken", "cut short: `-- PostgreSQL database dump complete` does not stand at its end"
    return "complete", ""


def damage(seen: Streamed) -> tuple[State, str]:
    said = seen.said.lower()
    known = next((why for sign, why in DAMAGE if sign in said), "")
    if not known or any(sign in said for sign in UNREADABLE):
        return "unknown", f"it could not be read to its end: {seen.said or f'exit status {seen.rc}'}"
    return "broken", known
