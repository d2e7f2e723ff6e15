#!/bin/sh
# `nearest PATH` prints the path, or the nearest directory above it that can be seen: an account that may not enter a
# directory sees nothing below it, so that one decides whether the rest is missing or closed.
# `enter DIRECTORY` goes there, or ends with 5 and says who may not enter what.

nearest() {
  set -- "$1" "$1"
  while [ ! -e "$2" ]; do
    case $2 in /?*/*) set -- "$1" "${2%/*}" ;; /*) set -- "$1" / ;; */*) set -- "$1" "${2%/*}" ;; *) set -- "$1" . ;; esac
  done
  printf '%s\n' "$2"
}
enter() {
  cd -P -- "$1" 2>/dev/null && return
  near=$(nearest "$1")
  if [ -d "$near" ] && [ ! -x "$near" ]; then echo "$near may not be entered by $(id -un)" >&2
  elif [ -e "$1" ]; then echo "$1 is no directory" >&2
  else echo "there is no directory $1" >&2; fi
  exit 5
}
