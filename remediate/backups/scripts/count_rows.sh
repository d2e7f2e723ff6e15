#!/bin/sh
# `count psql …` prints a line `rows SCHEMA.TABLE|N` for each table, and `extension|NAME` for each extension.
#
# In a name a line break is written as a backslash and an n, and a backslash twice: no name passes for a second line.

count() {
  "$@" <<'SQL'
SELECT format('SELECT %L, count(*) FROM %I.%I',
    'rows ' || replace(replace(name, chr(92), chr(92) || chr(92)), chr(10), chr(92) || 'n'), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, concat(n.nspname, '.', c.relname) name
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY n.nspname, c.relname \gexec
SELECT 'rows large objects', count(*) FROM pg_largeobject_metadata;
SELECT 'extension', replace(extname, chr(10), '?') FROM pg_extension ORDER BY extname;
SQL
}
