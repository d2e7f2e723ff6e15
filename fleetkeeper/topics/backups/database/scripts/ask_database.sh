#!/bin/sh
# Prints who the database server is, and how many rows tables have; runs in its container. Arguments: user and database
# (empty: the container's own), then tables.
#
# A server that lacks the database can still be recognised: it came up empty. The limits are the server's own: a psql
# that waits for a lock goes on waiting when `docker exec` was ended.

user=${1:-${POSTGRES_USER:-postgres}} database=${2:-${POSTGRES_DB:-${1:-${POSTGRES_USER:-postgres}}}}
shift 2
if [ -z "${PGPASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
export PGCONNECT_TIMEOUT=10 PGOPTIONS='-c statement_timeout=25s -c lock_timeout=5s'
query() { psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
known="SELECT count(*) FROM pg_database WHERE datname = :'name';"
for PGDATABASE in postgres template1 "$database"; do
  export PGDATABASE
  there=$(echo "$known" | query -v name="$database" 2>/dev/null) && break
done
query <<'SQL' || exit 1
SELECT 'system ' || system_identifier FROM pg_control_system();
SELECT 'directory ' || setting FROM pg_settings WHERE name = 'data_directory';
SQL
[ "$there" = 0 ] || PGDATABASE=$database
for table; do
  if [ "$PGDATABASE" != "$database" ]; then printf 'rows -1 %s\n' "$table"; continue; fi
  there=$(echo "SELECT to_regclass(:'table') IS NOT NULL;" | query -v table="$table") || exit 1
  rows=-1
  if [ "$there" = t ]; then
    case $table in
      *.*) rows=$(echo 'SELECT count(*) FROM :"s".:"t";' | query -v s="${table%%.*}" -v t="${table#*.}") || exit 1 ;;
      *) rows=$(echo 'SELECT count(*) FROM :"t";' | query -v t="$table") || exit 1 ;;
    esac
  fi
  printf 'rows %s %s\n' "$rows" "$table"
done
