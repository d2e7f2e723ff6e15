"""The shell that asks a server of postgres what it holds: constant text for any POSIX sh, values only as arguments."""

from __future__ import annotations

from fleetkeeper.topics.containers.observation import DOCKER

COUNT = r"""
count() {
  "$@" <<'SQL'
SELECT format('SELECT %L, count(*) FROM %I.%I',
    'rows ' || replace(replace(name, chr(92), chr(92) || chr(92)), chr(10), chr(92) || 'n'), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, concat(n.nspname, '.', c.relname) name
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY n.nspname, c.relname \gexec
SELECT 'rows large objects', count(*) FROM pg_largeobject_metadata;
SELECT 'extension', replace(extname, chr(10), '?') FROM pg_extension ORDER BY extname;
SQL
}
"""
"""`count psql …` prints a line `rows SCHEMA.TABLE|N` for each table, and `extension|NAME` for each extension.

In a name a line break is written as a backslash and an n, and a backslash twice: no name passes for a second line.
"""

CONTENT = r"""
content() {
  "$@" -v ON_ERROR_STOP=0 2>/dev/null <<'SQL'
SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC; SET bytea_output = hex;
SET extra_float_digits = 3;
SELECT format('SELECT %L, coalesce(sum(hashtext(t::text)::bigint), 0) FROM %I.%I t',
    'content ' || replace(replace(name, chr(92), chr(92) || chr(92)), chr(10), chr(92) || 'n'), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, concat(n.nspname, '.', c.relname) name
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY n.nspname, c.relname \gexec
SQL
}
"""
"""`content psql …` prints a line `content SCHEMA.TABLE|SUM` for each table whose rows can be added up, in any order."""

ACCOUNT = r"""
user=${1:-${POSTGRES_USER:-postgres}} database=${2:-${POSTGRES_DB:-${1:-${POSTGRES_USER:-postgres}}}}
if [ -z "${PGPASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
export PGCLIENTENCODING=UTF8
PGOPTIONS='-c statement_timeout=0 -c lock_timeout=60s -c idle_in_transaction_session_timeout=0'
export PGOPTIONS="$PGOPTIONS -c row_security=off"
home=postgres; [ "$database" != postgres ] || home=template1
on() { PGDATABASE=$1; export PGDATABASE; shift; psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
"""
"""Arguments 1 and 2: user and database, empty for the container's own. `on DATABASE …` asks one database; its name goes
through the environment, since psql takes what stands behind -d for a connection string when it looks like one. `home`
is a database beside it. Limits that roles and databases set for programs do not hold here, and where row security would
hide rows from us, counting fails instead.
"""

MARK = r"""
measure() {
  measured=$(count on "$1" && content on "$1") || return
  printf '%s\n' "$measured" | awk -F'|' '/^rows / { rows += $NF } END { printf "%.0f rows; ", rows }' &&
    printf 'sha256 %s\n' "$(printf '%s\n' "$measured" | sha256sum | cut -d ' ' -f 1)"
}
"""
"""`measure DATABASE` prints how many rows a database holds, and a digest of the numbers and sums of all its tables.

It is what the mark of a database that a restore made ends with: `fleetkeeper: NAME was never live; ROWS rows; sha256
HEX`, in its comment. The change of names takes the mark away in its own transaction; who renames it by hand makes the
name in the mark another one than its own; who writes in it, the rows. Only a database with a mark that is still true is
dropped: nobody has ever entered anything in it.
"""

WHO = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
printf 'user|%s\ndatabase|%s\n' "$user" "$database"
on "$home" -v db="$database" <<'SQL' || exit 1
SELECT 'encoding', pg_encoding_to_char(encoding) FROM pg_database WHERE datname = :'db';
SELECT 'SELECT ''system'', system_identifier FROM pg_control_system()'
  WHERE has_function_privilege('pg_control_system()', 'EXECUTE') \gexec
SELECT 'preload', setting FROM pg_settings WHERE name = 'shared_preload_libraries';
SELECT 'role', replace(rolname, chr(10), '?') FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1, 2;
SELECT 'tablespace', replace(spcname, chr(10), '?') FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY 1, 2;
SELECT 'besides', datname FROM pg_database
  WHERE datname ~ '^[A-Za-z0-9_]*_(filling|restored|before)_[0-9]{8}_[0-9]{6}$' ORDER BY 1, 2;
SELECT 'prepared', replace(gid, chr(10), '?') FROM pg_prepared_xacts WHERE database = :'db' ORDER BY 1, 2;
SELECT 'slot', slot_name FROM pg_replication_slots WHERE database = :'db' ORDER BY 1, 2;
SELECT format('SELECT %L, replace(subname, chr(10), %L) FROM pg_subscription WHERE subdbid = %s ORDER BY 1, 2',
    'subscription', '?', oid)
  FROM pg_database WHERE datname = :'db' AND to_regclass('pg_catalog.pg_subscription') IS NOT NULL \gexec
SQL
""",
    )
)
"""Who the server is, asked beside the database, which may be gone: then there is no `encoding`. Only reads."""

NAMES = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
shift 2
on "$home" <<'SQL' || exit 1
SELECT 'SELECT ''system'', system_identifier FROM pg_control_system()'
  WHERE has_function_privilege('pg_control_system()', 'EXECUTE') \gexec
SQL
for name; do
  on "$home" -v name="$name" <<'SQL' || exit 1
SELECT 'oid ' || oid, CASE WHEN left(said, 12) = 'fleetkeeper:' THEN regexp_replace(said, '[^ -~]', '?', 'g') END
  FROM pg_database d, coalesce(shobj_description(d.oid, 'pg_database'), '') said WHERE datname = :'name'
UNION ALL SELECT 'absent', '' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name');
SQL
done
""",
    )
)
"""Arguments: user, database, then names of databases. First `system|N`, the system identifier, where the role may read
it; then for each name one line, in their order: `oid N|MARK`, with what a restore wrote in its comment, or
`absent|`. An oid stays the same through every change of names. Only reads.
"""

LIVE = "".join((WHO, COUNT, 'count on "$database" || exit 1\n'))
"""What the live database holds: who it is, its tables with their rows, its extensions. Only reads."""

HOLDS = "".join(
    (
        "set -u",
        ACCOUNT,
        COUNT,
        CONTENT,
        r"""
count on "$database" || exit 1
content on "$database"
exit 0
""",
    )
)
"""What a database holds, with a sum over the content of each table: a row that was changed changes it. Only reads."""

BUSY = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
echo "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fleetkeeper: change of names';" | on "$home"
""",
    )
)
"""Whether a change of names is still under way: it goes on in the container when the connection to the node is lost.
Arguments: user, database. Prints how many sessions it has. Only reads.
"""

FIND = (
    DOCKER
    + r"""
list() { docker ps --quiet --no-trunc --filter status=running "$@"; }
found=$(
  list --filter "label=com.docker.swarm.service.name=$1" &&
  case $1 in
    */*) list --filter "label=com.docker.compose.project=${1%%/*}" \
      --filter "label=com.docker.compose.service=${1#*/}" ;;
    *) list --filter "label=com.docker.compose.service=$1" && list --filter "name=^/$1\$" ;;
  esac
) || exit 71
printf '%s\n' "$found" | sort -u
"""
)
"""On the node: the ids of the running containers of a service. Argument: what Docker calls it."""
