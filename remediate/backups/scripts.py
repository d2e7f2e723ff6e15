"""The shell that asks a server of postgres what it holds: constant text for any POSIX sh, values only as arguments."""

from __future__ import annotations

COUNT = r"""
count() {
  "$@" <<'SQL'
SELECT format('SELECT %L, count(*) FROM %I.%I', 'rows ' || n.nspname || '.' || c.relname, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY n.nspname, c.relname \gexec
SELECT 'rows large objects', count(*) FROM pg_largeobject_metadata;
SELECT 'extension', extname FROM pg_extension ORDER BY extname;
SQL
}
"""
"""`count psql …` prints a line `rows SCHEMA.TABLE|N` for each table, and `extension|NAME` for each extension."""

CONTENT = r"""
content() {
  "$@" -v ON_ERROR_STOP=0 2>/dev/null <<'SQL'
SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC; SET bytea_output = hex;
SET extra_float_digits = 3;
SELECT format('SELECT %L, coalesce(sum(hashtext(t::text)::bigint), 0) FROM %I.%I t',
    'content ' || n.nspname || '.' || c.relname, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)'
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
export PGOPTIONS='-c statement_timeout=0 -c lock_timeout=60s -c idle_in_transaction_session_timeout=0'
home=postgres; [ "$database" != postgres ] || home=template1
on() { PGDATABASE=$1; export PGDATABASE; shift; psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
"""
"""Arguments 1 and 2: user and database, empty for the container's own. `on DATABASE …` asks one database; its name goes
through the environment, since psql takes what stands behind -d for a connection string when it looks like one. `home`
is a database beside it. Limits that roles and databases set for programs do not hold here.
"""

WHO = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
printf 'user|%s\ndatabase|%s\n' "$user" "$database"
on "$home" -v db="$database" <<'SQL' || exit 1
SELECT 'encoding', pg_encoding_to_char(encoding) FROM pg_database WHERE datname = :'db';
SELECT 'preload', setting FROM pg_settings WHERE name = 'shared_preload_libraries';
SELECT 'role', rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1, 2;
SELECT 'tablespace', spcname FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY 1, 2;
SELECT 'besides', datname FROM pg_database
  WHERE datname ~ '_(filling|restored|before)_[0-9]{8}_[0-9]{6}$' ORDER BY 1, 2;
SELECT 'prepared', gid FROM pg_prepared_xacts WHERE database = :'db' ORDER BY 1, 2;
SELECT 'slot', slot_name FROM pg_replication_slots WHERE database = :'db' ORDER BY 1, 2;
SQL
""",
    )
)
"""Who the server is, asked beside the database, which may be gone: then there is no `encoding`. Only reads."""

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
