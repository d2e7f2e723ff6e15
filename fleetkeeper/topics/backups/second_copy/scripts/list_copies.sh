#!/bin/sh
# Prints what is free for the second copy (KiB), its device, its real path, NUL, and its entries. Argument: its
# directory.
#
# The directory may be missing: then the path is empty, and it may be made. A disk of /etc/fstab that is not mounted, or
# a directory that this account may not enter, is an error.

# include fleetkeeper/topics/backups/scripts/list_files.sh

path=$1
mounts() {
  [ -r /etc/fstab ] || return 0
  written=$(printf '%s\n' "$path" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g') # as fstab(5) has it
  while read -r what where rest; do
    case $what in '' | '#'*) continue ;; esac
    case $where in /?*) ;; *) continue ;; esac
    case $written/ in "${where%/}"/*) ;; *) continue ;; esac
    grep -qF " $where " /proc/mounts || { echo "$where (a mount in /etc/fstab) is not mounted" >&2; return 6; }
  done </etc/fstab
}
mounts || exit
above=$path
while [ -n "$above" ] && [ ! -e "$above" ] && [ ! -h "$above" ]; do above=${above%/*}; done
above=${above:-/}
enter "$above"
free=$(df -Pk . | { read -r head; read -r system all used free rest; echo "$free"; })
printf '%s %s ' "${free:-?}" "$(stat -c %d .)"
if [ "$above" != "$path" ]; then printf '\0'; exit; fi
printf '%s\0' "$(pwd -P)"
list_all
