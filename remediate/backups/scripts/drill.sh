#!/bin/sh
# Restores a dump into a throwaway server, and prints how long it took and what it holds. It runs as root, in a
# throwaway container without network, in the image of the live one. It is process number 1, or it does nothing: it ends
# every process that it can see when its time is over.
#
# Arguments: the dump, its format, seconds after which all of it ends, MiB that must be free, user, database, encoding,
# preloaded libraries, then `role=…` and `tablespace=…` for all that the dump may name, and `collate=…`, `ctype=…`,
# `provider=…`, `locale=…`, `rules=…` of the live database: a CHECK or an index may depend on them.

set -u
[ $$ = 1 ] || { echo 'drill: this is no container of its own (not process 1): nothing was started' >&2; exit 70; }
dump=$1 form=$2 limit=$3 needed=$4 user=$5 database=$6 encoding=$7 preload=$8
shift 8
dir=$(mktemp -d /tmp/drill.XXXXXX) || exit 70

# include remediate/backups/scripts/watch_drill.sh

# include remediate/backups/scripts/weigh_dump.sh

# include remediate/backups/scripts/fill_database.sh

[ "$(room)" -ge "$needed" ] || { say "only $(room) MiB are free for it, $needed are needed"; exit 73; }
[ -r "$dump" ] || { say "$dump cannot be read there"; exit 74; }
chown postgres "$dir" || exit 70
# shellcheck disable=SC2012 # names that packages give
initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
[ -n "$initdb" ] || { say "the image has no initdb"; exit 70; }
export bin="${initdb%/*}" dir user encoding
PATH=$bin:$PATH
as_postgres() { su -s /bin/sh postgres -c "$1"; }
# shellcheck disable=SC2016 # a program for another shell
as_postgres '"$bin/initdb" -A trust -N -E "$encoding" --locale=C -U "$user" -D "$dir/data"' >"$dir/log" 2>&1 ||
  { say "initdb failed: $(tail -n 1 "$dir/log")"; exit 70; }
printf "shared_preload_libraries = '%s'\n" "$(printf %s "$preload" | sed "s/'/''/g")" >>"$dir/data/postgresql.conf"
options="-c listen_addresses= -c unix_socket_directories=$dir -c fsync=off -c full_page_writes=off"
export options="$options -c wal_level=minimal -c max_wal_senders=0 -c max_connections=10 -c shared_buffers=64MB"
# shellcheck disable=SC2016 # a program for another shell
as_postgres '"$bin/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/data/log" -o "$options" start' >"$dir/log" 2>&1 ||
  { say "the throwaway server did not start: $(tail -n 1 "$dir/data/log")"; exit 70; }
unset PGPASSWORD PGUSER PGPORT PGOPTIONS
export PGHOST="$dir"
on() { PGDATABASE=$1; export PGDATABASE; shift; psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
collate='' ctype='' provider='' locale='' rules=''
for word; do
  name=${word#*=}
  case $word in
    role=*) [ "$name" = "$user" ] || echo 'CREATE ROLE :"name";' | on postgres -v name="$name" || exit 70 ;;
    collate=*) collate=$name ;;
    ctype=*) ctype=$name ;;
    provider=*) provider=$name ;;
    locale=*) locale=$name ;;
    rules=*) rules=$name ;;
    tablespace=*)
      place=$(mktemp -d "$dir/space.XXXXXX") && chown postgres "$place" || exit 70
      echo "CREATE TABLESPACE :\"name\" LOCATION :'place';" |
        on postgres -v name="$name" -v place="$place" || exit 70 ;;
  esac
done
home=template1
[ "$database" != template1 ] || home=postgres
create() { # the database, with the locale of the live one
  echo 'DROP DATABASE IF EXISTS :"name";' | on "$home" -v name="$database" || return
  on "$home" -v name="$database" -v encoding="$encoding" -v collate="$collate" -v ctype="$ctype" \
    -v provider="$provider" -v locale="$locale" -v rules="$rules" <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0', :'name') WHERE :'collate' = ''
UNION ALL SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L %s',
    :'name', :'encoding', :'collate', :'ctype',
    CASE :'provider'
      WHEN 'c' THEN 'LOCALE_PROVIDER libc'
      WHEN 'b' THEN format('LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', :'locale')
      WHEN 'i' THEN format('LOCALE_PROVIDER icu ICU_LOCALE %L', :'locale')
        || CASE :'rules' WHEN '' THEN '' ELSE format(' ICU_RULES %L', :'rules') END
      ELSE '' END)
  WHERE :'collate' <> '' \gexec
SQL
}
if [ "$database" != template1 ]; then
  told=$(create 2>&1) || {
    say "no database like the live one could be made in its image: $(printf '%s\n' "$told" | own_reason)"
    exit 70
  }
fi

case $(weigh) in connects*)
  say "it is of another database than $database, or of several (pg_dumpall): only a person can restore it"
  exit 70 ;;
esac
started=$(date +%s)
fill "$database"
printf 'seconds|%s\n' "$(($(date +%s) - started))"

# include remediate/backups/scripts/count_rows.sh
count on "$database" || exit 70
