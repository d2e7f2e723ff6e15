"""The shell of `remediate backups restore`: constant text that runs in the live container, values only as arguments."""

from __future__ import annotations

from remediate.backups.scripts import ACCOUNT

GUARD = r"""
unpack() {
  case $form in
    sql.gz) gzip -dc -- "$dump" ;;
    dump) pg_restore -f /dev/stdout -- "$dump" ;;
    *) cat -- "$dump" ;;
  esac
}
weigh() {
  unpack 2>/dev/null | LC_ALL=C awk '
    /^\\c(onnect)?[ \t]/ || (NR < 20 && $0 == "-- PostgreSQL database cluster dump") { print "connects"; exit }
    { size += length($0) + 1 }
    END { printf "%.0f\n", size }'
}
"""
"""`weigh` prints how many bytes of SQL a dump holds, or `connects` first when it goes to a database of its own choice:
made with --create or by pg_dumpall, it would change, or drop, others than the new one, or roles. Rows in COPY blocks
cannot look so: a backslash is doubled there.
"""

CREATE = r"""
create() {
  on "$home" -v new="$new" -v db="$database" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L %s TABLESPACE %I',
    :'new', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,
    CASE j->>'datlocprovider'
      WHEN 'c' THEN 'LOCALE_PROVIDER libc'
      WHEN 'b' THEN format('LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j->>'datlocale')
      WHEN 'i' THEN format('LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(j->>'datlocale', j->>'daticulocale'))
        || CASE WHEN j->>'daticurules' IS NULL THEN '' ELSE format(' ICU_RULES %L', j->>'daticurules') END
      ELSE '' END,
    spcname)
  FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace, to_jsonb(d) j WHERE datname = :'db'
UNION ALL SELECT format('CREATE DATABASE %I TEMPLATE template0', :'new')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'db') \gexec
SQL
}
"""
"""`create` makes the new database like the live one: owner, encoding, locale and its provider, tablespace."""

CARRY = r"""
carry() {
  on "$home" -v ON_ERROR_STOP=0 -v new="$new" -v db="$database" 2>&1 >/dev/null <<'SQL'
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', :'new', datconnlimit)
  FROM pg_database WHERE datname = :'db' AND datconnlimit >= 0 \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', :'new', pg_get_userbyid(datdba))
  FROM pg_database WHERE datname = :'db' AND datacl IS NOT NULL \gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, :'new',
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_database, aclexplode(datacl) WHERE datname = :'db' \gexec
SELECT format('ALTER %s %I SET %s TO %s',
    CASE setrole WHEN 0 THEN 'DATABASE' ELSE format('ROLE %I IN DATABASE', pg_get_userbyid(setrole)) END, :'new',
    (SELECT string_agg(quote_ident(part), '.') FROM regexp_split_to_table(split_part(line, '=', 1), '[.]') part),
    CASE WHEN split_part(line, '=', 1) !~ '^(search_path|temp_tablespaces|.*_preload_libraries)$'
      THEN quote_literal(value) WHEN value = '""' THEN quote_literal('') ELSE value END)
  FROM pg_database d JOIN pg_db_role_setting ON setdatabase = d.oid, unnest(setconfig) line,
    substr(line, strpos(line, '=') + 1) value
  WHERE datname = :'db' \gexec
SELECT format('COMMENT ON DATABASE %I IS %L', :'new', shobj_description(oid, 'pg_database'))
  FROM pg_database WHERE datname = :'db' AND shobj_description(oid, 'pg_database') IS NOT NULL \gexec
SELECT format('SECURITY LABEL FOR %I ON DATABASE %I IS %L', provider, :'new', label)
  FROM pg_database d JOIN pg_shseclabel l ON l.classoid = 'pg_database'::regclass AND l.objoid = d.oid
  WHERE datname = :'db' \gexec
SQL
}
"""
"""`carry` gives the new database what belongs to the live one and is in no dump that was made without --create:
connection limit, privileges, settings of the database and of roles in it, comment, security labels. Values that are
lists are stored as they are written, quotes and all (`flatten_set_variable_args` of postgres); others are one string.
It prints what could not be carried over: a setting that this server no longer knows must not prevent a restore.
"""

RESTORE = "".join(
    (
        "set -u",
        ACCOUNT,
        GUARD,
        CREATE,
        CARRY,
        r"""
new=$3 dump=$4 form=$5
say() { printf '%s\n' "$*" >&2; }
[ -r "$dump" ] || { say "$dump cannot be read in the container"; exit 74; }
size=$(weigh)
case $size in
  connects*)
    say "the dump names its database itself (made with --create, or by pg_dumpall): only a person can restore it"
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
half=$((size / 1024 * 3 / 2)) more=$((${live:-0} / 1024 * 11 / 10)) wal=$((size / 1024))
[ "$half" -ge "$more" ] || half=$more
[ "$wal" -le 1048576 ] || wal=1048576
needed=$(((half + wal) / 1024 + 512))
free=$(df -Pk "$directory" | { read -r head; read -r system all used free rest; echo "$((free / 1024))"; })
[ "${free:-0}" -ge "$needed" ] || { say "only ${free:-0} MiB are free beside the live database, $needed are needed"
  exit 73; }
whole=$new
new=$(printf '%s\n' "$new" | sed 's/_restored_/_filling_/')
drop() { echo 'DROP DATABASE IF EXISTS :"new";' | on "$home" -v new="$new"; }
fail() { drop; say "$*; the live database was not touched"; exit 66; }
trap 'drop; exit 71' HUP INT TERM
create || exit 70
ends=$({ { unpack; echo "ended $?" >&3; } | on "$new" >/dev/null; echo "ended $?" >&3; } 3>&1 2>&1)
[ "$(printf '%s\n' "$ends" | grep -cx 'ended 0')" = 2 ] ||
  fail "it does not restore: $(printf '%s\n' "$ends" | grep -m 1 ERROR || printf '%s\n' "$ends" | head -n 1)"
echo 'ANALYZE;' | on "$new" 2>/dev/null || fail "the restored database could not be analysed"
left=$(carry | grep -i -m 1 error)
echo 'ALTER DATABASE :"new" RENAME TO :"whole";' | on "$home" -v new="$new" -v whole="$whole" ||
  fail "the restored database could not be given its name"
[ -z "$left" ] || say "not carried over from the live database: $left"
""",
    )
)
"""Arguments: user, database, the name of the new one beside it, the dump, its format. An archive is turned into SQL on
its way. Only a database that was restored to its end gets the new name; until then it is called `…_filling_…`. Room is
needed for the data with its indexes, for the log of what is written, and 512 MiB more.
"""

SWAP = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
takes=$3 aside=$4
case $(on "$home" -v takes="$takes" -v aside="$aside" <<'SQL'
SELECT count(*) FILTER (WHERE datname = :'takes'), count(*) FILTER (WHERE datname = :'aside') FROM pg_database;
SQL
) in
  '0|1') exit 0 ;;
  '0|0') echo "there is no database $takes: nothing was changed" >&2; exit 65 ;;
  '1|0') ;;
  *) echo "the server could not be asked, or $aside is there already: nothing was changed" >&2; exit 70 ;;
esac
there=$(echo "SELECT oid FROM pg_database WHERE datname = :'db';" | on "$home" -v db="$database") || exit 70
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
until on "$home" -v live="$database" -v takes="$takes" -v aside="$aside" >/dev/null <<'SQL'
BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', :'live', :'aside')
  WHERE EXISTS (SELECT FROM pg_database WHERE datname = :'live') \gexec
ALTER DATABASE :"takes" RENAME TO :"live";
COMMIT;
SQL
do
  tries=$((tries + 1))
  [ "$tries" -lt 5 ] || { echo "the names could not be changed: the live database is what it was" >&2; exit 66; }
  echo "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'takes';" |
    on "$home" -v takes="$takes" >/dev/null
done
""",
    )
)
"""Two renames in one transaction: whoever kills us at any moment leaves a database of the live name.

The first rename locks the database, so that programs which connect again at once wait at its door, and gives those that
are inside five seconds to go; they are sent away meanwhile. (`CountOtherDBBackends` and `InitPostgres` of postgres.)
Where that has happened already there is nothing to do. Who sends them away ends by itself when we are gone, and else is
waited for: a process that a signal ended and nobody waits for looks to postgres, the first one of its container, like a
broken one of its own, for which it restarts all the others (`CleanupBackend` of postgres below 16).
Arguments: user, database, which one takes its name, and the name that it gets itself.
"""

DROP = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
for gone in "$(printf '%s\n' "$3" | sed 's/_restored_/_filling_/')" "$3"; do
  [ "$gone" != "$database" ] || { echo "the live database is never dropped" >&2; exit 65; }
  on "$home" -v gone="$gone" >/dev/null <<'SQL' || exit 70
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'gone';
DROP DATABASE IF EXISTS :"gone";
SQL
done
""",
    )
)
"""Arguments: user, database, the one to drop, half filled or whole: never the live one."""
