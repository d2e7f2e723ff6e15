#!/bin/sh
# `enter_below DIRECTORY PATH` goes into a directory below another (which is taken as it is), one name after the other.
# 77: one of them is a link, leads elsewhere, or does not exist.
#
# What runs in a container may swap a directory or a file for a link at any moment, between a check and the deed. So a
# directory is held (as the working directory) before it is asked for its path, and a file is held (as a descriptor)
# before it is asked what it is. /proc is needed, as everywhere on a node.
#
# `step_into NAME` holds the directory it starts in as descriptor 9; where it arrives, `..` must be that one. A link
# swapped in between leads to a directory with another parent (or to one beside it, which is just as far below).

enter_below() {
  cd -P -- "$1" 2>/dev/null || return 77
  remaining=$2/
  while [ -n "$remaining" ]; do
    component=${remaining%%/*} remaining=${remaining#*/}
    case $component in '' | .) continue ;; ..) return 77 ;; esac
    step_into "$component" || return 77
  done
}
step_into() {
  { [ ! -h "./$1" ] && cd -P -- "./$1" && [ .. -ef /proc/self/fd/9 ]; } 2>/dev/null 9<.
}
