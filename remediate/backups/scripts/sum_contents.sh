#!/bin/sh
# `content psql …` prints a line `content SCHEMA.TABLE|SUM` for each table whose rows can be added up, in any order.

content() {
  "$@" -v ON_ERROR_STOP=0 2>/dev/null <<'SQL'
SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC; SET bytea_output = hex;
SET extra_float_digits = 3;
SELECT format('SELECT %L, coalesce(sum(hashtext(t::text)::bigint), 0) FROM %I.%I t',
    'content ' || replace(replace(name, chr(92), chr(92) || chr(92)), chr(10), chr(92) || 'n'), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, concat(n.nspname, '.', c.relname) name
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY n.nspname, c.relname \gexec
SQL
}
