#!/bin/sh
# `carry` gives the new database what belongs to the live one and is in no dump that was made without --create:
# connection limit, privileges, settings of the database and of roles in it, security labels; its comment comes with its
# name. Values that are lists are stored as they are written, quotes and all (`flatten_set_variable_args` of postgres);
# others are one string. It prints what could not be carried over: a setting that this server no longer knows must not
# prevent a restore.

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
