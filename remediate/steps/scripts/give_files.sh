#!/bin/sh
# Gives another owner all files that this one could not use otherwise, and prints how many. Arguments: directory, uid,
# gid, the directory in which the old owners are kept (names with NULs between them, owners one a line), the text of
# within.sh, the lock's file, what it says while it is ours.
#
# find's -execdir and -fprintf do what `within` does at no cost; BusyBox lacks them. No owner is asked for through a
# link: what would be given back would be somebody else's.

# include fleetkeeper/topics/containers/scripts/find_denied.sh

# include remediate/steps/scripts/lock_is_held.sh

# include remediate/steps/scripts/enter_exactly.sh

umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
lock=$6 who=$7; export lock who
source=. uid=$2 gid=$3 keep=$4 groups="( -group $3 )" d=7 f=6
mkdir -p -- "$keep" && rm -f -- "$keep/complete" || exit 73
if find . -prune -fprintf /dev/null '' 2>/dev/null; then
  denied '' -fprintf "$keep/owners" '%U:%G\n' -fprint0 "$keep/names" || exit 73
  [ -s "$keep/names" ] || { echo 0; exit 0; }
else
  denied '' -print0 >"$keep/names" || exit 73
  [ -s "$keep/names" ] || { echo 0; exit 0; }
  # shellcheck disable=SC2016 # a program for another shell
  xargs -0 sh -c "$5"'
    top=$(pwd -P)
    for name; do (within "$name" && stat -c %u:%g "./${name##*/}") || exit 1; done
  ' sh <"$keep/names" >"$keep/owners" || exit 73
fi
files=$(tr -dc '\000' <"$keep/names" | wc -c)
[ "$files" -eq "$(wc -l <"$keep/owners")" ] && sync && : >"$keep/complete" || exit 73
held || exit 79
if find . -prune -execdir true {} + 2>/dev/null; then
  # shellcheck disable=SC2016 # a program for another shell
  denied '' -execdir sh -c '
# include remediate/steps/scripts/lock_is_ours.sh
ours && exec chown -h -- "$0" "$@"' "$uid:$gid" {} + || { ours || exit 79; exit 75; }
else
  # shellcheck disable=SC2016 # a program for another shell
  xargs -0 sh -c "$5"'
# include remediate/steps/scripts/lock_is_ours.sh

    owner=$0; top=$(pwd -P)
    for name; do
      ours || exit 1
      (within "$name" && { chown -h -- "$owner" "./${name##*/}" || exit 9; }); [ $? -ne 9 ] || exit 1
    done
  ' "$uid:$gid" <"$keep/names" || { ours || exit 79; exit 75; }
fi
[ -z "$(denied '' -print | head -n 1)" ] || exit 78
echo "$files"
