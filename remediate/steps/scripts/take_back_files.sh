#!/bin/sh
# Gives files back to their old owners, and prints how many. Arguments: directory, uid:gid that the files were given to,
# the directory in which the old owners are kept, the text of within.sh, the lock's file, what it says while it is ours.

# include remediate/steps/scripts/lock_is_held.sh

# include remediate/steps/scripts/enter_exactly.sh

lock=$5 who=$6; export lock who
held || exit 79
[ -e "$3/complete" ] || exit 76
# shellcheck disable=SC2016 # a program for another shell
xargs -0 sh -c "$4"'
# include remediate/steps/scripts/lock_is_ours.sh

  given=$0; top=$(pwd -P); last=
  for name; do
    read -r was <&3 || exit 1
    case $name in */*) folder=${name%/*} ;; *) folder=. ;; esac
    if [ "$folder" != "$last" ]; then
      last=$folder; inside=
      cd -P -- "$top" && within "$name" && inside=1
    fi
    name=./${name##*/}
    [ -n "$inside" ] && [ "$(stat -c %u:%g "$name" 2>/dev/null)" = "$given" ] || continue
    ours && chown -h -- "$was" "$name" || exit 1
    echo 1
  done
' "$2" <"$3/names" 3<"$3/owners" | wc -l
ours || exit 79
