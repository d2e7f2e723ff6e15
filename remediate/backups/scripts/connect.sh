#!/bin/sh
# `on DATABASE …` runs psql in one database. Arguments 1 and 2: user and database, empty for the container's own. `home`
# is a database beside it.
#
# The database's name goes through the environment, since psql takes what follows -d for a connection string when it
# looks like one. Limits that roles and databases set for programs do not apply here, and where row security would hide
# rows from us, counting fails instead.

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
