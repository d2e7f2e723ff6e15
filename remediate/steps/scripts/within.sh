#!/bin/sh
# `within PATH` goes into the directory of a path below $top. What runs in the container may put a link in its place at
# any moment: nothing outside of the volume is ever reached through one.

within() {
  case $1 in */*) cd -P -- "${1%/*}" 2>/dev/null || return 1 ;; esac
  case $(pwd -P)/ in "$top"/*) ;; *) return 1 ;; esac
}
