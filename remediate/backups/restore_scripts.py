"""The shell of `remediate backups restore`: constant text that runs in the live container, values only as arguments."""

from __future__ import annotations

from remediate.backups.content_scripts import ACCOUNT, CONTENT, COUNT, MARK

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
    function refuse(why) { refused = 1; print why; exit }
    function commands(s) { if (index(s, "\\")) refuse("commands") }
    function follow(s,  part, many, i, at) {
      for (;;) {
        if (q != "" && q != "\047") {
          if (!(i = index(s, q))) return
          s = substr(s, i + length(q)); q = ""
        }
        many = split(s, part, "\047"); at = 1
        for (i = 1; i <= many && (q != "" || part[i] !~ /["$]|--/); i++) {
          if (q == "") commands(part[i])
          at += length(part[i]) + 1
          if (i < many) q = (q == "" ? "\047" : "")
        }
        if (i > many) return
        s = substr(s, at)
        match(s, /["$]|--/)
        commands(substr(s, 1, RSTART - 1))
        if (RLENGTH == 2) return
        if (substr(s, RSTART, 1) == "\"") q = "\""
        else if (substr(s, RSTART) ~ /^\$[A-Za-z_]*\$/ && substr(s, RSTART - 1, 1) !~ /[A-Za-z0-9_]/) {
          s = substr(s, RSTART)
          match(s, /^\$[A-Za-z_]*\$/)
          q = substr(s, 1, RLENGTH)
        }
        s = substr(s, RSTART + RLENGTH)
      }
    }
    { size += length($0) + 1 }
    copying { if ($0 == "\\.") copying = 0; next }
    q == "" && /^-- PostgreSQL database cluster dump/ { refuse("connects") }
    q == "" && /^\\c(onnect)?([ \t]|$)/ { refuse("connects") }
    q == "" && /^(--|\\(un)?restrict )/ { next }
    q == "" { copy = /^COPY / }
    q != "" || /[\047"$\\]/ { follow($0) }
    copy && q == "" && / FROM stdin;$/ { copying = 1; copy = 0 }
    END { if (!refused) printf "%.0f\n", size }'
}
"""
"""`weigh` prints how many bytes of SQL a dump holds, or why only a person can restore it: `connects` when it goes to a
database of its own choice (made with --create, or by pg_dumpall): it would change, or drop, others than the new one, or
roles; `commands` when it has other commands of psql than pg_dump writes. Rows in COPY blocks are no commands, and
neither is what stands in quotes: they are followed as PostgreSQL's scanner reads them.
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
SELECT format('SECURITY LABEL FOR %I ON DATABASE %I IS %L', provider, :'new', label)
  FROM pg_database d JOIN pg_shseclabel l ON l.classoid = 'pg_database'::regclass AND l.objoid = d.oid
  WHERE datname = :'db' \gexec
SQL
}
"""
"""`carry` gives the new database what belongs to the live one and is in no dump that was made without --create:
connection limit, privileges, settings of the database and of roles in it, security labels; its comment comes with its
name. Values that are lists are stored as they are written, quotes and all (`flatten_set_variable_args` of postgres);
others are one string.
It prints what could not be carried over: a setting that this server no longer knows must not prevent a restore.
"""

SUBSCRIPTIONS = r"""
unsubscribe() {
  on "$1" <<'SQL'
DO $do$
DECLARE name text;
BEGIN
  IF to_regclass('pg_catalog.pg_subscription') IS NULL THEN RETURN; END IF;
  FOR name IN EXECUTE 'SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid
      WHERE datname = current_database()' LOOP
    EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', name);
    EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', name);
    EXECUTE format('DROP SUBSCRIPTION %I', name);
  END LOOP;
END
$do$;
SQL
}
"""
"""`unsubscribe DATABASE` drops the subscriptions of a database that was never live, which came with its dump, asleep:
with them it could not be dropped. Nothing is told to the server at their other end.
"""

RESTORE = "".join(
    (
        "set -u",
        ACCOUNT,
        COUNT,
        CONTENT,
        MARK,
        GUARD,
        CREATE,
        CARRY,
        SUBSCRIPTIONS,
        r"""
new=$3 dump=$4 form=$5
say() { printf '%s\n' "$*" >&2; }
[ -r "$dump" ] || { say "$dump cannot be read in the container"; exit 74; }
size=$(weigh)
case $size in
  connects*)
    say "the dump names its database itself (made with --create, or by pg_dumpall): only a person can restore it"
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
half=$((size / 1024 * 3 / 2)) more=$((${live:-0} / 1024 * 11 / 10)) wal=$((size / 1024))
[ "$half" -ge "$more" ] || half=$more
[ "$wal" -le 1048576 ] || wal=1048576
needed=$(((half + wal) / 1024 + 512))
free=$(df -Pk "$directory" | { read -r head; read -r system all used free rest; echo "$((free / 1024))"; })
[ "${free:-0}" -ge "$needed" ] || { say "only ${free:-0} MiB are free beside the live database, $needed are needed"
  exit 73; }
whole=$new
new=$(printf '%s\n' "$new" | sed 's/_restored_/_filling_/')
mark() { echo 'COMMENT ON DATABASE :"new" IS :'"'mark'"';' | on "$home" -v new="$new" -v mark="fleetkeeper: $*"; }
drop() { unsubscribe "$new" 2>/dev/null; echo 'DROP DATABASE IF EXISTS :"new";' | on "$home" -v new="$new"; }
fail() { drop; say "the live database was not touched: $*"; exit 66; }
trap 'drop; exit 71' HUP INT TERM
create || exit 70
mark "$new was never live; being restored" || fail "the new database could not be marked as one that was never live"
ends=$({ { unpack; echo "ended $?" >&3; } | on "$new" -v VERBOSITY=terse >/dev/null; echo "ended $?" >&3; } 3>&1 2>&1)
[ "$(printf '%s\n' "$ends" | grep -cx 'ended 0')" = 2 ] ||
  fail "it does not restore: $(printf '%s\n' "$ends" | grep -m 1 ERROR || printf '%s\n' "$ends" | head -n 1)"
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
""",
    )
)
"""Arguments: user, database, the name of the new one beside it, the dump, its format. An archive is turned into SQL on
its way. Only a database that was restored to its end gets the new name; until then it is called `…_filling_…`. Its
comment says that it was never live, and what it holds (see MARK). Room is needed for the data with its indexes, for the
log of what is written, and 512 MiB more.
"""

SWAP = "".join(
    (
        "set -u",
        ACCOUNT,
        r"""
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
""",
    )
)
"""Two renames in one transaction: whoever kills us at any moment leaves a database of the live name.

The first rename locks the database, so that programs which connect again at once wait at its door, and gives those that
are inside five seconds to go; they are sent away meanwhile. (`CountOtherDBBackends` and `InitPostgres` of postgres.)
Where that has happened already there is nothing to do. Who sends them away ends by itself when we are gone, and else is
waited for: a process that a signal ended and nobody waits for looks to postgres, the first one of its container, like a
broken one of its own, for which it restarts all the others (`CleanupBackend` of postgres below 16).
In the same transaction the one that takes the live name loses its mark of never having been live, and gets the comment
that the other one has: from then on only a person drops either of the two.
Arguments: user, database, which one takes its name, and the name that it gets itself; then, if known, the oids of the
one that takes the name and of the one that has it (`-`: none has it): others are left alone.
"""

DROP = "".join(
    (
        "set -u",
        ACCOUNT,
        COUNT,
        CONTENT,
        MARK,
        SUBSCRIPTIONS,
        r"""
kept=
keep() { printf '%s is kept: %s; once nobody needs it: DROP DATABASE "%s";\n' "$1" "$2" "$1" >&2; kept=1; }
away() { unsubscribe "$1" && echo 'DROP DATABASE IF EXISTS :"gone";' | on "$home" -v gone="$1" >/dev/null; }
for gone in "$(printf '%s\n' "$3" | sed 's/_restored_/_filling_/')" "$3"; do
  [ "$gone" != "$database" ] || { echo "the live database is never dropped" >&2; exit 65; }
  said=$(on "$home" -v gone="$gone" <<'SQL'
SELECT 'there ' || coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = :'gone';
SQL
  ) || exit 70
  case $said in
    '') continue ;;
    "there fleetkeeper: $gone was never live; "*) ;;
    'there ')
      case $gone in *_filling_*) ;; *) keep "$gone" "nothing says that it was never live"; continue ;; esac
      inside=$(on "$gone" <<'SQL'
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE nspname !~ '^(pg_|information_schema$)';
SQL
      ) || exit 70
      [ "$inside" = 0 ] || { keep "$gone" "nothing says that it was never live"; continue; } ;;
    *) keep "$gone" "nothing says that it was never live"; continue ;;
  esac
  on "$home" -v gone="$gone" >/dev/null <<'SQL' || exit 70
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'gone';
SQL
  mark=${said#*never live; }
  case $mark in
    *' rows; sha256 '*)
      now=$(measure "$gone") || exit 70
      if [ "$now" != "$mark" ]; then
        more=$((${now%% *} - ${mark%% *}))
        if [ "$more" -gt 0 ]; then keep "$gone" "rows were entered in it since it was restored: $more"
        else keep "$gone" "its rows were changed since it was restored"; fi
        continue
      fi ;;
  esac
  away "$gone" || exit 70
done
[ -z "$kept" ] || exit 67
""",
    )
)
"""Arguments: user, database, the one to drop, half filled or whole: only one that a restore made and that was never
live, while it holds what was restored (see MARK). Another one is kept, which is said (67); the live one never goes.
"""
