#!/bin/sh
# Prints who the database server is, how many rows tables have, which tables have any, and what its disk and the mount
# of the backups look like from here; runs in its container. Arguments: where the backups are mounted (or empty), the
# directory below that, user and database (empty: the container's own), then tables to be counted.
#
# A server that lacks the database can still be recognised: it came up empty. One that takes no connection is `silent`,
# with its reason. Of up to 20 other databases it prints whether they hold rows: `other 1 NAME`, `other 0 NAME`, or
# `other - NAME` where that was not seen, names as in a URL. The limits are the server's own: a psql that waits for a lock goes on waiting when `docker exec` was
# ended. Whether a table has rows is asked of the 300 biggest ones, of which the first row is read.

# include fleetkeeper/topics/backups/scripts/storage.sh

# include fleetkeeper/topics/backups/scripts/own_reason.sh

seen=$1 below=$2 user=${3:-${POSTGRES_USER:-postgres}} database=${4:-${POSTGRES_DB:-${3:-${POSTGRES_USER:-postgres}}}}
shift 4
if [ -z "${PGPASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
export PGCONNECT_TIMEOUT=5 PGOPTIONS='-c statement_timeout=25s -c lock_timeout=5s'
if timeout 5 true 2>/dev/null; then limit='timeout 30'; else limit=; fi
query() { $limit psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
silent() { # exit status, what psql said
  case $1 in
    124 | 143) echo 'silent it gave no answer within 30 s' ;;
    *) printf 'silent %s\n' "$(printf '%s\n' "$2" | own_reason)" ;;
  esac
  exit 0
}
known="SELECT count(*) FROM pg_database WHERE datname = :'name';"
there=''
for PGDATABASE in postgres template1 "$database"; do
  export PGDATABASE
  told=$(echo "$known" | query -v name="$database" 2>&1)
  rc=$?
  [ "$rc" != 0 ] || { there=$(printf '%s\n' "$told" | grep -x '[0-9]*' | tail -n 1); break; }
  case $told in *' database "'*'" does not exist'* | *'not currently accepting connections'*) ;; *) break ;; esac
done
[ -n "$there" ] || silent "$rc" "$told"
printf 'database %s\n' "$database"
told=$(query 2>&1 <<'SQL'
SELECT 'system ' || system_identifier FROM pg_control_system();
SELECT 'directory ' || setting FROM pg_settings WHERE name = 'data_directory';
SQL
)
rc=$?
[ "$rc" = 0 ] || { printf '%s\n' "$told" | own_reason >&2; exit 1; }
printf '%s\n' "$told" | grep -E '^(system|directory) '
directory=$(printf '%s\n' "$told" | sed -n 's/^directory //p')
kind=$(kind_of "${directory:-${PGDATA:-/var/lib/postgresql/data}}")
df -Pk "${directory:-${PGDATA:-/var/lib/postgresql/data}}" 2>/dev/null | {
  read -r head && read -r system all used free rest && printf 'disk %s %s %s\n' "${kind:--}" "$all" "$free"
}
df -Pi "${directory:-${PGDATA:-/var/lib/postgresql/data}}" 2>/dev/null | {
  read -r head && read -r system all used free rest && printf 'inodes %s %s\n' "$all" "$free"
}
if [ -n "$seen" ]; then
  printf 'backups %s\n' "$seen${below:+/$below}"
  if cd "$seen/$below" 2>/dev/null && names=$(ls -1t 2>/dev/null); then
    echo readable
    printf '%s\n' "$names" | head -n 40 | while IFS= read -r name; do
      stat -c 'shown %s %Y %n' "./$name" 2>/dev/null
    done
  fi
fi
names=$(query -v name="$database" 2>/dev/null <<'SQL'
SELECT replace(replace(replace(replace(datname, '%', '%25'), ' ', '%20'), chr(10), '%0A'), chr(13), '%0D')
  FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> :'name' ORDER BY oid LIMIT 20;
SQL
) && echo others
holds_rows() { # of PGDATABASE: 1, 0, or - where the biggest tables did not all answer
  rows=$(query -v ON_ERROR_STOP=0 2>/dev/null <<'SQL'
SET statement_timeout = '3s';
SET lock_timeout = '500ms';
SET row_security = off;
SELECT 'tables ' || least(20, count(*)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^(pg_|information_schema$)'
    AND pg_relation_size(c.oid) > 0
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e');
SELECT format('SELECT EXISTS (SELECT FROM ONLY %I.%I)::int', nspname, relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^(pg_|information_schema$)'
    AND pg_relation_size(c.oid) > 0
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
  ORDER BY pg_relation_size(c.oid) DESC, c.oid LIMIT 20 \gexec
SELECT 1 WHERE EXISTS (SELECT FROM pg_largeobject_metadata);
SQL
)
  printf '%s\n' "$rows" | awk '
    $1 == "tables" { asked = $2; heard = 1 }
    $0 == "0" || $0 == "1" { answers++; if ($0 == "1") filled = 1 }
    END { if (filled) print 1; else if (heard && answers + 0 >= asked + 0) print 0; else print "-" }'
}
for name in $names; do
  case $name in
    *%*) rows=- ;;
    *) rows=$(PGDATABASE=$name && holds_rows) ;;
  esac
  printf 'other %s %s\n' "$rows" "$name"
done
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
[ "$PGDATABASE" = "$database" ] || exit 0
# The large objects come as a table of the catalog. Its file says when the last of them came only for those that a
# checkpoint has written: without any, no file is told.
# A line for each table: its file, its name and (after a tab) that of its root, written as in a URL, and 1 if it has rows.
told=$(query -v ON_ERROR_STOP=0 2>/dev/null <<'SQL'
SET lock_timeout = '500ms';
SET row_security = off;
SELECT 'available ' || name FROM pg_available_extensions ORDER BY name LIMIT 1000;
SET statement_timeout = '3s';
SELECT 'asked ' || 1 + least(300, count(*)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^(pg_|information_schema$)'
    AND pg_relation_size(c.oid) > 0
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e');
SELECT concat('table ', coalesce((SELECT pg_relation_filepath('pg_catalog.pg_largeobject_metadata')
    FROM pg_control_checkpoint() WHERE EXISTS (SELECT FROM pg_largeobject_metadata
      WHERE age(xmin) > age(split_part(next_xid::text, ':', 2)::xid))), '-'),
  ' pg_catalog.pg_largeobject', chr(9), ' ', EXISTS (SELECT FROM pg_largeobject_metadata)::int);
WITH RECURSIVE above(child, parent) AS (
  SELECT inhrelid, inhparent FROM pg_inherits
  UNION SELECT child, inhparent FROM above JOIN pg_inherits ON inhrelid = parent),
root AS (
  SELECT child, concat(nspname, '.', relname) AS name
  FROM above JOIN pg_class c ON c.oid = parent JOIN pg_namespace n ON n.oid = relnamespace
  WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = parent)),
own AS (
  SELECT c.oid, nspname, relname, pg_relation_size(c.oid) AS size, pg_relation_filepath(c.oid) AS path,
    concat(nspname, '.', relname, chr(9), (SELECT max(name) FROM root WHERE child = c.oid)) AS names
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^(pg_|information_schema$)'
    AND pg_relation_size(c.oid) > 0
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))
SELECT format('SELECT %L || EXISTS (SELECT FROM ONLY %I.%I)::int', concat_ws(' ', 'table', path,
    replace(replace(replace(replace(names, '%', '%25'), ' ', '%20'), chr(10), '%0A'), chr(13), '%0D'), ''),
    nspname, relname)
  FROM own ORDER BY size DESC, oid LIMIT 300 \gexec
SQL
)
printf '%s\n' "$told"
cd "${directory:-/}" 2>/dev/null || exit 0
files=$(printf '%s\n' "$told" | awk '$1 == "table" && $2 ~ /^[A-Za-z0-9_.\/]+$/ { print $2 }')
# shellcheck disable=SC2086 # paths that the server makes of numbers
[ -z "$files" ] || stat -c 'file %W %Y %n' -- $files 2>/dev/null
exit 0
