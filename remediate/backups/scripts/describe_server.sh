#!/bin/sh
# Prints who the server is, asked in a database beside the live one, which may be gone: then there is no `encoding`.
# Arguments: user, database. Only reads.
set -u
# include remediate/backups/scripts/connect.sh

printf 'user|%s\ndatabase|%s\n' "$user" "$database"
on "$home" -v db="$database" <<'SQL' || exit 1
SELECT 'encoding', pg_encoding_to_char(encoding) FROM pg_database WHERE datname = :'db';
SELECT unnest(ARRAY['collate', 'ctype', 'provider', 'locale', 'rules']), unnest(ARRAY[datcollate, datctype,
    coalesce(j->>'datlocprovider', ''), coalesce(j->>'datlocale', j->>'daticulocale', ''),
    coalesce(j->>'daticurules', '')])
  FROM pg_database d, to_jsonb(d) j WHERE datname = :'db';
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
