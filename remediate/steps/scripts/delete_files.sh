#!/bin/sh
# Deletes files that are exactly those that were seen, and prints what became of each. Arguments: the lock's file, what
# it says while it is ours ("" without a lock), then as compare_files.sh.

# include remediate/steps/scripts/lock_is_held.sh

lock=$1 who=$2; shift 2
cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || exit 77
shift
held || exit 79
while [ $# -ge 2 ]; do
  ours || exit 79
  if [ -h "./$1" ] || [ ! -f "./$1" ]; then now=other; [ -e "./$1" ] || [ -h "./$1" ] || now=gone
  else now=$(stat -c '%i:%s:%Y:%h' "./$1") || now=gone; fi
  if [ "$now" = gone ]; then echo gone
  elif [ "$now" != "$2" ]; then echo changed
  elif ours && rm -f "./$1"; then echo deleted
  else echo failed; fi
  shift 2
done
