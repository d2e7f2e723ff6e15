"""Functions of POSIX sh that scripts for nodes share: directories entered and files opened so that no link leads away.

What runs in a container may swap a directory or a file for a link at any moment, between a check and the deed. So a
directory is held (as the working directory) before it is asked where it is, and a file is held (as a descriptor) before
it is asked what it is. /proc is needed, as everywhere on a node.
"""

from __future__ import annotations

ENTER_BELOW = r"""
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
"""
"""`enter_below DIRECTORY PATH` goes into a directory below another (which is taken as it is), one name after the other.
77: one of them is a link, leads elsewhere, or is not there.

`step_into NAME` holds the directory it stands in as descriptor 9; where it arrives, `..` must be that one. A link
swapped in between leads to a directory with another parent (or to one beside it, which is just as far below).
"""

IS_OPENED = r"""
is_opened() {
  [ -f "/proc/self/fd/$1" ] || return 1
  opened=$(stat -L -c '%d:%i' "/proc/self/fd/$1") && [ "$(stat -c '%d:%i' "./$2" 2>/dev/null)" = "$opened" ]
}
"""
"""`is_opened DESCRIPTOR NAME`: whether what was opened is the regular file that has this name here, and no link to one.

`stat` without -L tells a link by its own number: no link can pass for what it leads to.
"""

CAPPED_DOCKER = r"""
docker() {
  { status=$({ { command docker "$@" 7>&- 8>&-; echo $? >&7; } | head -c 33554432 >&8; } 7>&1); } 8>&1
  return "$status"
}
"""
"""Docker's client, whose output ends after 32 MiB, with its own exit status (that of SIGPIPE, if it had more to say).

That is twice what any answer may have. A script that puts an answer into a variable holds all of it in the node's
memory until its time is up.
"""
