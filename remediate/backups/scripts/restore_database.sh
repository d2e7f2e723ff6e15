#!/bin/sh
# Restores a dump into a new database beside the live one. Arguments: user, database, the name of the new one, the dump,
# its format.
#
# An archive is turned into SQL on its way. Only a database that was restored to its end gets the new name; until then
# it is called `…_filling_…`. Its comment says that it was never live, and what it holds (see measure_database.sh). Room
# is needed for the data with its indexes, for the log of what is written, and 512 MiB more.
set -u
# include remediate/backups/scripts/connect.sh

# include remediate/backups/scripts/count_rows.sh

# include remediate/backups/scripts/sum_contents.sh

# include remediate/backups/scripts/measure_database.sh

# include remediate/backups/scripts/filling_name.sh

# include remediate/backups/scripts/weigh_dump.sh

# include remediate/backups/scripts/leave_out.sh

# include remediate/backups/scripts/create_database.sh

# include fleetkeeper/topics/backups/scripts/own_reason.sh

# include remediate/backups/scripts/carry_settings.sh

# include remediate/backups/scripts/drop_subscriptions.sh

new=$3 dump=$4 form=$5
say() { printf '%s\n' "$*" >&2; }
[ -r "$dump" ] || { say "$dump cannot be read in the container"; exit 74; }
size=$(weigh)
case $size in
  connects*)
    say "the dump is of another database than $database, or of several (pg_dumpall): only a person can restore it"
    exit 65 ;;
  commands*)
    say "the dump has commands of psql that pg_dump does not write: only a person can restore it"
    exit 65 ;;
  *[!0-9]* | '') say "the dump could not be read to its end"; exit 66 ;;
esac
live=$(echo "SELECT pg_database_size(datname) FROM pg_database WHERE datname = :'db';" |
  on "$home" -v db="$database") || exit 70
directory=$(on "$home" -v db="$database" <<'SQL'
SELECT coalesce((SELECT nullif(pg_tablespace_location(dattablespace), '') FROM pg_database WHERE datname = :'db'),
  current_setting('data_directory'));
SQL
) || exit 70
# shellcheck disable=SC2017 # size * 3 might overflow
half=$((size / 1024 * 3 / 2)) more=$((${live:-0} / 1024 * 11 / 10)) wal=$((size / 1024))
[ "$half" -ge "$more" ] || half=$more
[ "$wal" -le 1048576 ] || wal=1048576
needed=$(((half + wal) / 1024 + 512))
free=$(df -Pk "$directory" | { read -r head; read -r system all used free rest; echo "$((free / 1024))"; })
[ "${free:-0}" -ge "$needed" ] || { say "only ${free:-0} MiB are free beside the live database, $needed are needed"
  exit 73; }
whole=$new
new=$(filling "$new")
mark() { echo 'COMMENT ON DATABASE :"new" IS :'"'mark'"';' | on "$home" -v new="$new" -v mark="fleetkeeper: $*"; }
drop() { unsubscribe "$new" 2>/dev/null; echo 'DROP DATABASE IF EXISTS :"new";' | on "$home" -v new="$new"; }
fail() { drop; say "the live database was not touched: $*"; exit 66; }
trap 'drop; exit 71' HUP INT TERM
create || exit 70
mark "$new was never live; being restored" || fail "the new database could not be marked as one that was never live"
ends=$({ { unpack; echo "ended $?" >&3; } | { leave_out; echo "ended $?" >&3; } |
  on "$new" -v VERBOSITY=terse >/dev/null; echo "ended $?" >&3; } 3>&1 2>&1)
[ "$(printf '%s\n' "$ends" | grep -cx 'ended 0')" = 3 ] ||
  fail "it does not restore: $(printf '%s\n' "$ends" | grep -v '^ended [0-9]*$' | own_reason)"
echo 'ANALYZE;' | on "$new" 2>/dev/null || fail "the restored database could not be analysed"
left=$(carry | grep -i -m 1 error)
digest=$(measure "$new") || fail "what was restored could not be counted"
on "$home" -v new="$new" -v whole="$whole" -v mark="fleetkeeper: $whole was never live; $digest" <<'SQL' ||
BEGIN;
ALTER DATABASE :"new" RENAME TO :"whole";
COMMENT ON DATABASE :"whole" IS :'mark';
COMMIT;
SQL
  fail "the restored database could not be given its name"
[ -z "$left" ] || say "not carried over from the live database: $left"
