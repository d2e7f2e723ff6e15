#!/bin/sh
# Enters a directory, and ends the script unless a file there is the one that was seen. Arguments: directory, name, and
# the file's identity as stat prints it.

same() {
  [ -e "./$1" ] || exit 72
  [ ! -h "./$1" ] && [ -f "./$1" ] && [ "$(stat -c '%i:%s:%Y:%h' "./$1")" = "$2" ] || exit 78
}
cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || exit 77
same "$2" "$3"
