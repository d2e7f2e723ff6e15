#!/bin/sh
# Arguments: user, database, then names of databases. First `system|N`, the system identifier, where the role may read
# it; then for each name one line, in their order: `oid N|MARK`, with what a restore wrote in its comment, or
# `absent|`. An oid stays the same through every change of names. Only reads.
set -u
# include remediate/backups/scripts/connect.sh

shift 2
on "$home" <<'SQL' || exit 1
SELECT 'SELECT ''system'', system_identifier FROM pg_control_system()'
  WHERE has_function_privilege('pg_control_system()', 'EXECUTE') \gexec
SQL
for name; do
  on "$home" -v name="$name" <<'SQL' || exit 1
SELECT 'oid ' || oid, CASE WHEN left(said, 12) = 'fleetkeeper:' THEN regexp_replace(said, '[^ -~]', '?', 'g') END
  FROM pg_database d, coalesce(shobj_description(d.oid, 'pg_database'), '') said WHERE datname = :'name'
UNION ALL SELECT 'absent', '' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name');
SQL
done
