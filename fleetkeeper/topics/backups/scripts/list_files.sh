#!/bin/sh
# `list FILE…` and `list_all` print a record for each file, and for each entry of the working directory. Where find has
# no -printf (BusyBox), records end in `//`: two slashes cannot be part of a name, as NUL cannot.

# include fleetkeeper/topics/backups/scripts/enter.sh

export LC_ALL=C
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
