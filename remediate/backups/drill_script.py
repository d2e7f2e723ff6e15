"""The shell of `remediate backups drill`: constant text, values only as arguments."""

from __future__ import annotations

from remediate.backups.content_scripts import COUNT

HELD = r"""
limit=$1; shift
sh -c 'sleep "$1" >/dev/null & trap "kill $!; exit 0" TERM; echo $$; wait' sh "$limit" | {
  read -r keeper
  "$@"; rc=$?
  kill "$keeper" 2>/dev/null
  exit "$rc"
}
"""
"""Runs `docker run -i …` on the node, with a standard input that stays open as long as somebody waits for the answer:
when we, the connection or the client go away, the container sees the end of it and ends itself.
Arguments: seconds that it may take at most, then the words.
"""

WATCH = r"""
say() { printf 'drill: %s\n' "$*" >&2; }
trap 'exit 71' HUP INT TERM
room() { df -Pk "$dir" | { read -r head; read -r system all used free rest; echo "$((free / 1024))"; }; }
finish() { say "$*"; kill -TERM 1; while :; do kill -KILL -1; sleep 1; done; }
exec 3<&0 </dev/null
( cat <&3 >/dev/null; finish "nobody waits for it any more" ) &
( sleep "$limit"; finish "it took longer than $limit s" ) &
( while sleep 2; do [ "$(room)" -ge 256 ] || finish "it filled the disk, and was ended in time"; done ) &
exec 3<&-
"""
"""Ends the whole container when nobody waits for it any more, when it takes too long, and before it fills the disk.
What is said for a person begins with `drill: `; shells, too, say things when what they run is killed.
"""

FILL = r"""
unpack() {
  case $form in
    sql.gz) gzip -dc -- "$dump" ;;
    dump) pg_restore -f /dev/stdout -- "$dump" ;;
    *) cat -- "$dump" ;;
  esac
}
said() { tr -d '\r' <"$own/$1" | grep -m 1 "$2" || head -n 1 "$own/$1"; }
not_tried() { say "it could not be tried to its end: $*"; exit 75; }
bad() { say "it does not restore: $*"; exit 66; }
judge() {
  why=$(said unpacking .)
  case $unpack-$why in
    0-* | 141-* | [12]-*roken\ pipe*) ;;
    [12]-*crc\ error* | [12]-*nexpected\ end\ of\ file* | [12]-*ength\ error* | [12]-*ncorrect\ length* | \
      [12]-*format\ violated* | [12]-*orrupted\ data* | [12]-*trailing\ garbage* | [12]-*put\ file:\ end\ of\ file* | \
      [12]-*ould\ not\ uncompress\ data*) bad "$why" ;;
    *) not_tried "unpacking ended with $unpack: $why" ;;
  esac
  why=$(said filling 'ERROR: ')
  case $fill-$why in
    0-*) [ "$unpack" = 0 ] || not_tried "unpacking ended with $unpack" ;;
    3-*ERROR:\ \ 08* | 3-*ERROR:\ \ 40* | 3-*ERROR:\ \ 5[3578]* | 3-*ERROR:\ \ F0* | 3-*ERROR:\ \ XX*)
      not_tried "$why" ;;
    3-*) bad "$(printf '%s\n' "$why" | sed 's/ERROR:  [0-9A-Z]\{5\}: /ERROR:  /')" ;;
    *) not_tried "psql ended with $fill: $why" ;;
  esac
}
fill() {
  own=$(mktemp -d /tmp/drill.XXXXXX) || exit 70
  ends=$({ { unpack 2>"$own/unpacking"; echo "unpack $?" >&3; } |
    on "$1" -v VERBOSITY=verbose >/dev/null 2>"$own/filling"; echo "fill $?" >&3; } 3>&1)
  unpack=$(printf '%s\n' "$ends" | sed -n 's/^unpack //p') fill=$(printf '%s\n' "$ends" | sed -n 's/^fill //p')
  judge
}
"""
"""`fill DATABASE` restores the dump, and ends the whole with 66 only when the dump is to blame: its stream is damaged,
or the server refuses a statement of it. What the server lacks (memory, room, a connection, a file: classes 08, 40, 53,
55, 57, 58, F0 and XX of PostgreSQL's appendix A) proves nothing about the dump (75), and neither does whatever was
killed.
"""

DRILL = "".join(
    (
        r"""
set -u
[ $$ = 1 ] || { echo 'drill: this is no container of its own (not process 1): nothing was started' >&2; exit 70; }
dump=$1 form=$2 limit=$3 needed=$4 user=$5 database=$6 encoding=$7 preload=$8
shift 8
dir=$(mktemp -d /tmp/drill.XXXXXX) || exit 70
""",
        WATCH,
        r"""
[ "$(room)" -ge "$needed" ] || { say "only $(room) MiB are free for it, $needed are needed"; exit 73; }
[ -r "$dump" ] || { say "$dump cannot be read there"; exit 74; }
chown postgres "$dir" || exit 70
initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
[ -n "$initdb" ] || { say "the image has no initdb"; exit 70; }
export bin=${initdb%/*} dir user encoding
PATH=$bin:$PATH
as_postgres() { su -s /bin/sh postgres -c "$1"; }
as_postgres '"$bin/initdb" -A trust -N -E "$encoding" --locale=C -U "$user" -D "$dir/data"' >"$dir/log" 2>&1 ||
  { say "initdb failed: $(tail -n 1 "$dir/log")"; exit 70; }
printf "shared_preload_libraries = '%s'\n" "$(printf %s "$preload" | sed "s/'/''/g")" >>"$dir/data/postgresql.conf"
options="-c listen_addresses= -c unix_socket_directories=$dir -c fsync=off -c full_page_writes=off"
export options="$options -c wal_level=minimal -c max_wal_senders=0 -c max_connections=10 -c shared_buffers=64MB"
as_postgres '"$bin/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/data/log" -o "$options" start' >"$dir/log" 2>&1 ||
  { say "the throwaway server did not start: $(tail -n 1 "$dir/data/log")"; exit 70; }
unset PGPASSWORD PGUSER PGPORT PGOPTIONS
export PGHOST=$dir
on() { PGDATABASE=$1; export PGDATABASE; shift; psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
for word; do
  name=${word#*=}
  case $word in
    role=*) [ "$name" = "$user" ] || echo 'CREATE ROLE :"name";' | on postgres -v name="$name" || exit 70 ;;
    tablespace=*)
      place=$(mktemp -d "$dir/space.XXXXXX") && chown postgres "$place" || exit 70
      echo "CREATE TABLESPACE :\"name\" LOCATION :'place';" |
        on postgres -v name="$name" -v place="$place" || exit 70 ;;
  esac
done
[ "$database" = postgres ] || echo 'CREATE DATABASE :"name" TEMPLATE template0;' | on postgres -v name="$database" ||
  exit 70
""",
        FILL,
        r"""
started=$(date +%s)
fill "$database"
printf 'seconds|%s\n' "$(($(date +%s) - started))"
""",
        COUNT,
        'count on "$database" || exit 70\n',
    )
)
"""Runs as root, in a throwaway container without network, in the image of the live one. It is process number 1, or
it does nothing: it ends every process that it can see when its time is over.

Arguments: the dump, its format, seconds after which all of it ends, MiB that must be free, user, database, encoding,
preloaded libraries, then `role=…` and `tablespace=…` for all that the dump may name.
"""
