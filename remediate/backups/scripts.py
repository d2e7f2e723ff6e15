"""The shell that restores dumps: constant text for any POSIX sh in an image of postgres, values only as arguments."""

from __future__ import annotations

COUNT = r"""
count() {
  "$@" -X -w -qAt -v ON_ERROR_STOP=1 <<'SQL'
SELECT format('SELECT %L, count(*) FROM %I.%I', 'rows ' || n.nspname || '.' || c.relname, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY n.nspname, c.relname \gexec
SELECT 'extension', extname FROM pg_extension ORDER BY extname;
SQL
}
"""
"""`count psql …` prints a line `rows SCHEMA.TABLE|N` for each table, and `extension|NAME` for each extension."""

ACCOUNT = r"""
user=${1:-${POSTGRES_USER:-postgres}} database=${2:-${POSTGRES_DB:-${1:-${POSTGRES_USER:-postgres}}}}
if [ -z "${PGPASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
"""
"""Arguments 1 and 2: user and database, empty for the container's own."""

LIVE = "".join(
    (
        "set -u",
        ACCOUNT,
        COUNT,
        r"""
query() { psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" -d "$database"; }
printf 'user|%s\ndatabase|%s\nencoding|' "$user" "$database"
echo 'SHOW server_encoding;' | query || exit 1
echo "SELECT 'role', rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1, 2;" | query || exit 1
count psql -U "$user" -d "$database" || exit 1
""",
    )
)
"""What the live database holds: who it is, its roles, its tables with their rows, its extensions. Only reads."""

DRILL = (
    r"""
set -u
dump=$1 form=$2 limit=$3 needed=$4 user=$5 database=$6 encoding=$7
shift 7
( sleep "$limit"; kill -9 -1 ) >/dev/null 2>&1 &
say() { printf '%s\n' "$*" >&2; }
dir=$(mktemp -d /tmp/drill.XXXXXX) || exit 70
free=$(df -Pk "$dir" | { read -r head; read -r system all used free rest; echo "$free"; })
[ "${free:-0}" -ge "$needed" ] || { say "only ${free:-0} KiB are free for it, $needed are needed"; exit 73; }
[ -r "$dump" ] || { say "$dump cannot be read there"; exit 74; }
chown postgres "$dir" || exit 70
initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
[ -n "$initdb" ] || { say "the image has no initdb"; exit 70; }
export bin=${initdb%/*} dir user encoding
PATH=$bin:$PATH
as_postgres() { su -s /bin/sh postgres -c "$1"; }
as_postgres '"$bin/initdb" -A trust -N -E "$encoding" --locale=C -U "$user" -D "$dir/data"' >"$dir/log" 2>&1 ||
  { say "initdb failed: $(tail -n 1 "$dir/log")"; exit 70; }
options="-c listen_addresses= -c unix_socket_directories=$dir -c fsync=off -c full_page_writes=off"
export options="$options -c wal_level=minimal -c max_wal_senders=0 -c max_connections=10 -c shared_buffers=64MB"
as_postgres '"$bin/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/data/log" -o "$options" start' >"$dir/log" 2>&1 ||
  { say "the throwaway server did not start: $(tail -n 1 "$dir/data/log")"; exit 70; }
unset PGPASSWORD PGDATABASE PGUSER PGPORT
export PGHOST=$dir
p() { psql -X -w -q -v ON_ERROR_STOP=1 -U "$user" "$@"; }
for role; do
  [ "$role" = "$user" ] || echo 'CREATE ROLE :"role";' | p -d postgres -v role="$role" || exit 70
done
[ "$database" = postgres ] || echo 'CREATE DATABASE :"database" TEMPLATE template0;' |
  p -d postgres -v database="$database" || exit 70
unpack() { if [ "$form" = sql.gz ]; then gzip -dc -- "$dump"; else cat -- "$dump"; fi; }
started=$(date +%s)
if [ "$form" = dump ]; then
  pg_restore -e -U "$user" -d "$database" -- "$dump" >/dev/null 2>"$dir/said"; ends="$?
0"
else
  ends=$({ { unpack; echo $? >&3; } | p -d "$database" >/dev/null 2>"$dir/said"; echo $? >&3; } 3>&1)
fi
[ "$ends" = "0
0" ] || { say "it does not restore: $(grep -m 1 -i error "$dir/said" || head -n 1 "$dir/said")"; exit 66; }
printf 'seconds|%s\n' "$(($(date +%s) - started))"
"""
    + COUNT
    + r"""
count psql -U "$user" -d "$database" || exit 70
"""
)
"""Runs as root in a throwaway container without network. Arguments: the dump, its format, seconds after which all of it
ends, KiB that must be free, user, database, encoding, then the roles that the dump may name.
"""

QUERIES = r"""
query() { psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
home=postgres; [ "$database" != postgres ] || home=template1
"""

RESTORE = "".join(
    (
        "set -u",
        ACCOUNT,
        QUERIES,
        r"""
new=$3 dump=$4 form=$5
say() { printf '%s\n' "$*" >&2; }
[ -r "$dump" ] || { say "$dump cannot be read in the container"; exit 74; }
size="SELECT pg_database_size(:'db') / 1024 * 13 / 10 + 524288;"
needed=$(echo "$size" | query -d "$home" -v db="$database") || exit 70
directory=$(echo 'SHOW data_directory;' | query -d "$home") || exit 70
free=$(df -Pk "$directory" | { read -r head; read -r system all used free rest; echo "$free"; })
[ "${free:-0}" -ge "${needed%.*}" ] || { say "only ${free:-0} KiB are free, ${needed%.*} are needed"; exit 73; }
query -d "$home" -v new="$new" -v db="$database" <<'SQL' || exit 70
SELECT format(
    'CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
    :'new', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
  FROM pg_database WHERE datname = :'db' \gexec
SQL
drop() { echo 'DROP DATABASE IF EXISTS :"new";' | query -d "$home" -v new="$new"; }
trap 'drop; exit 71' HUP INT TERM
unpack() { if [ "$form" = sql.gz ]; then gzip -dc -- "$dump"; else cat -- "$dump"; fi; }
if [ "$form" = dump ]; then
  pg_restore -w -e -U "$user" -d "$new" -- "$dump" >/dev/null; ends="$?
0"
else
  ends=$({ { unpack; echo $? >&3; } | query -d "$new" >/dev/null; echo $? >&3; } 3>&1)
fi
[ "$ends" = "0
0" ] || { drop; say "the dump does not restore; the live database was not touched"; exit 66; }
echo 'ANALYZE;' | query -d "$new" || { drop; exit 66; }
""",
    )
)
"""Runs in the live container. Arguments: user, database, the name of the new one beside it, the dump, its format."""

SWAP = "".join(
    (
        "set -u",
        ACCOUNT,
        QUERIES,
        r"""
takes=$3 aside=$4
tries=0
until query -d "$home" -v live="$database" -v takes="$takes" -v aside="$aside" >/dev/null <<'SQL'
BEGIN;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname IN (:'live', :'takes') AND pid <> pg_backend_pid();
ALTER DATABASE :"live" RENAME TO :"aside";
ALTER DATABASE :"takes" RENAME TO :"live";
COMMIT;
SQL
do
  tries=$((tries + 1))
  [ "$tries" -lt 10 ] || exit 66
done
""",
    )
)
"""Two renames in one transaction: whoever kills us at any moment leaves a database of the live name.

Runs in the live container. Arguments: user, database, which one takes its name, and the name that it gets itself.
"""

DROP = "".join(
    (
        "set -u",
        ACCOUNT,
        QUERIES,
        r"""
[ "$3" != "$database" ] || { echo "the live database is never dropped" >&2; exit 65; }
echo 'DROP DATABASE IF EXISTS :"gone";' | query -d "$home" -v gone="$3"
""",
    )
)
"""Runs in the live container. Arguments: user, database, the one to drop: never the live one."""
