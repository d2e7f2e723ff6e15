#!/bin/sh
# `is_opened DESCRIPTOR NAME` says whether what was opened is the regular file that has this name here, and no link to
# one.
#
# `stat` without -L tells a link by its own number: no link can pass for what it leads to.

is_opened() {
  [ -f "/proc/self/fd/$1" ] || return 1
  opened=$(stat -L -c '%d:%i' "/proc/self/fd/$1") && [ "$(stat -c '%d:%i' "./$2" 2>/dev/null)" = "$opened" ]
}
