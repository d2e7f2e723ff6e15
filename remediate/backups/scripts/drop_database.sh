#!/bin/sh
# Drops a database that a restore made and that was never live, half filled or whole, while it holds what was restored
# (see measure_database.sh). Another one is kept, and said to be (67); the live one is never dropped. Arguments: user,
# database, the one to drop.
set -u
# include remediate/backups/scripts/connect.sh

# include remediate/backups/scripts/count_rows.sh

# include remediate/backups/scripts/sum_contents.sh

# include remediate/backups/scripts/measure_database.sh

# include remediate/backups/scripts/filling_name.sh

# include remediate/backups/scripts/drop_subscriptions.sh

kept=
keep() { printf '%s is kept: %s; once nobody needs it: DROP DATABASE "%s";\n' "$1" "$2" "$1" >&2; kept=1; }
away() { unsubscribe "$1" && echo 'DROP DATABASE IF EXISTS :"gone";' | on "$home" -v gone="$1" >/dev/null; }
for gone in "$(filling "$3")" "$3"; do
  [ "$gone" != "$database" ] || { echo "the live database is never dropped" >&2; exit 65; }
  said=$(on "$home" -v gone="$gone" <<'SQL'
SELECT 'there ' || coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = :'gone';
SQL
  ) || exit 70
  case $said in
    '') continue ;;
    "there fleetkeeper: $gone was never live; being restored") ;;
    "there fleetkeeper: $gone was never live; "*" rows; sha256 "*) ;;
    "there fleetkeeper: $gone was never live; "*)
      keep "$gone" "this fleetkeeper does not know its mark: upgrade it here"; continue ;;
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
