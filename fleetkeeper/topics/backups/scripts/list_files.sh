#!/bin/sh
# `list FILE…` and `list_all` print a record for each file, and for each entry of the working directory. Where find has
# no -printf (BusyBox), records end in `//`: two slashes cannot be part of a name, as NUL cannot.

#
# `enter DIRECTORY` goes there, or ends with 5: an account that may not enter a directory above sees nothing below it, so
# the nearest that can be seen decides whether it is missing or closed.

export LC_ALL=C
enter() {
  cd -P -- "$1" 2>/dev/null && return
  near=$1
  while [ ! -e "$near" ]; do
    case $near in */*) near=${near%/*} ;; *) near=. ;; esac
    near=${near:-/}
  done
  if [ -d "$near" ] && [ ! -x "$near" ]; then echo "$near may not be entered by $(id -un)" >&2
  elif [ -e "$1" ]; then echo "$1 is no directory" >&2
  else echo "there is no directory $1 to be seen" >&2; fi
  exit 5
}
gnu='%y %s %T@ %i %D %n %U %b %C@/%f\0'
busybox='%f %s %Y %i 0 %h %u %b %Z/%n//'
list() {
  [ $# -gt 0 ] || return 0
  if find . -maxdepth 0 -printf '' 2>/dev/null; then
    find "$@" -maxdepth 0 -printf "$gnu"
  else
    stat -c "$busybox" "$@"
  fi
}
list_all() {
  if find . -maxdepth 0 -printf '' 2>/dev/null; then
    find . -mindepth 1 -maxdepth 1 -printf "$gnu"
  else
    find . -mindepth 1 -maxdepth 1 -exec stat -c "$busybox" {} +
  fi
}
