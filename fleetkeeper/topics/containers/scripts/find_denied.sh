#!/bin/sh
# `denied PRUNE WORDS…` finds, below $source, the files that $uid and $groups may not use: owner, group and others, in
# the kernel's order (path_resolution(7)); access lists are not considered. $d and $f are the bits that directories and
# files need. The numbers must have been checked: find would take anything else as words of its own.

denied() {
  first=$1; shift
  # shellcheck disable=SC2086 # numbers, and tests for find that are meant to be split
  find "$source" -xdev $first \( -type d ! \( -user $uid -perm -${d}00 -o ! -user $uid $groups -perm -0${d}0 \
      -o ! -user $uid ! $groups -perm -00$d \) -o ! -type d ! -type l ! \( -user $uid -perm -${f}00 \
      -o ! -user $uid $groups -perm -0${f}0 -o ! -user $uid ! $groups -perm -00$f \) \) "$@"
}
