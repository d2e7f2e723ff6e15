#!/bin/sh
# `create` makes the new database like the live one: owner, encoding, locale and its provider, tablespace.

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
