#!/bin/sh
# Prints the accounts and the groups (name and number) in containers. Arguments: a process of each container.
#
# A symbolic link could lead out of the container, a FIFO could hang: only plain files of sane size are read, and only
# lines of accounts (passwd(5)) and groups (group(5)) are printed, whatever a link that was swapped in meanwhile may lead to. What a file says
# is indented, so that no container can speak for another one. Three programs run, however many containers there are.

for pid in "$@"; do
  shift
  root=/proc/$pid/root
  if [ ! -d "$root/." ]; then
    if [ -d "/proc/$pid" ]; then printf '=%s\n!not permitted\n' "$pid"; else printf '=%s\n!ended\n' "$pid"; fi
  elif [ -L "$root/etc" ] || [ -L "$root/etc/passwd" ]; then
    printf '=%s\n!/etc/passwd is a symbolic link\n' "$pid"
  elif [ ! -e "$root/etc/passwd" ]; then
    printf '=%s\n' "$pid"
  elif [ ! -r "$root/etc/passwd" ]; then
    printf '=%s\n!/etc/passwd could not be read\n' "$pid"
  else
    set -- "$@" "$root/etc/passwd"
  fi
  [ ! -r "$root/etc/group" ] || [ -L "$root/etc" ] || [ -L "$root/etc/group" ] || set -- "$@" "$root/etc/group"
done
[ $# -gt 0 ] || exit 0
# shellcheck disable=SC2016,SC2038 # constant paths of /proc and a program for awk
find "$@" -prune -type f -size -512 |
  xargs awk -F: 'FNR == 1 { split(FILENAME, path, "/"); group = path[6] == "group"; print (group ? "+" : "=") path[3] }
    $1 ~ /[[:cntrl:]]/ || $3 !~ /^[0-9]+$/ { next }
    group ? NF == 4 : NF >= 4 && NF <= 7 && $4 ~ /^[0-9]+$/ { print " " $1 ":" $3 }'
exit 0
