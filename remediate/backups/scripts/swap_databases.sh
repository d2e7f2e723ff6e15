#!/bin/sh
# Gives a database the live name, and the live one another, by two renames in one transaction: whoever kills us at any
# moment leaves a database of the live name. Arguments: user, database, which one takes its name, and the name that it
# gets itself; then, if known, the oids of the one that takes the name and of the one that has it (`-`: none has it):
# others are left alone.
#
# The first rename locks the database, so that programs which connect again at once wait, and gives those that are
# inside five seconds to go; they are sent away meanwhile. (`CountOtherDBBackends` and `InitPostgres` of postgres.)
# Where the swap has happened already there is nothing to do. Who sends them away ends by itself when we are gone, and
# else is waited for: a process that a signal ended and nobody waits for looks to postgres, the first one of its
# container, like a broken one of its own, for which it restarts all the others (`CleanupBackend` of postgres below 16).
# In the same transaction the one that takes the live name loses its mark of never having been live, and gets the
# comment that the other one has: from then on only a person drops either of the two.
set -u
# include remediate/backups/scripts/connect.sh

export PGAPPNAME='fleetkeeper: change of names'
takes=$3 aside=$4 takes_oid=${5:-} live_oid=${6:-}
refuse() { printf '%s: nothing was changed\n' "$*" >&2; exit 65; }
oid() { echo "SELECT oid FROM pg_database WHERE datname = :'name';" | on "$home" -v name="$1"; }
there=$(oid "$database") && taken=$(oid "$takes") && put=$(oid "$aside") || exit 70
case ${taken:+1}-${put:+1} in
  -1) [ "${takes_oid:-$there}" = "$there" ] || refuse "$takes is gone, and $database is not what it was"
      exit 0 ;;
  -) refuse "there is no database $takes" ;;
  1-1) refuse "$aside is there already" ;;
esac
if [ "$live_oid" = - ]; then
  [ -z "$there" ] || refuse "there is a database $database now"
  live_oid=
fi
[ "${takes_oid:-$taken}" = "$taken" ] || refuse "$takes is another database than the one that should take the name"
[ "${live_oid:-$there}" = "$there" ] || refuse "$database is another database than the one that was seen"
end_sessions() {
  trap 'exit 0' TERM
  while kill -0 $$; do
    echo "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = :oid AND pid <> pg_backend_pid();" |
      on "$home" -v oid="$1"
    sleep 0.2 || sleep 1
  done >/dev/null 2>&1
}
ender=
[ -z "$there" ] || { end_sessions "$there" & ender=$!; }
trap '[ -z "$ender" ] || { kill "$ender"; wait "$ender"; }' EXIT
trap 'exit 71' HUP INT TERM
tries=0
swap() {
  on "$home" -v live="$database" -v takes="$takes" -v aside="$aside" -v new="$taken" -v old="$there" >/dev/null
}
until swap <<'SQL'
BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', :'live', :'aside')
  WHERE EXISTS (SELECT FROM pg_database WHERE datname = :'live') \gexec
ALTER DATABASE :"takes" RENAME TO :"live";
SELECT format('COMMENT ON DATABASE %I IS NULL', datname) FROM pg_database
  WHERE datname = :'aside' AND shobj_description(oid, 'pg_database') LIKE 'fleetkeeper: %' \gexec
SELECT format('COMMENT ON DATABASE %I IS %L', d.datname,
    (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = :'aside'))
  FROM pg_database d
  WHERE d.datname = :'live' AND shobj_description(d.oid, 'pg_database') LIKE 'fleetkeeper: %' \gexec
SELECT 1 / count(*) AS "both are the ones that were seen" FROM pg_database
  WHERE datname = :'live' AND oid::text = :'new'
    AND (:'old' = '' OR EXISTS (SELECT FROM pg_database WHERE datname = :'aside' AND oid::text = :'old'));
COMMIT;
SQL
do
  tries=$((tries + 1))
  [ "$tries" -lt 5 ] || { echo "the names could not be changed: the live database is what it was" >&2; exit 66; }
  echo "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'takes';" |
    on "$home" -v takes="$takes" >/dev/null
done
