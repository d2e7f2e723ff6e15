#!/bin/sh
# `unsubscribe DATABASE` drops the subscriptions of a database that was never live, which came with its dump, asleep:
# with them it could not be dropped. Nothing is told to the server at their other end.

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
