#!/bin/sh
# `kind_of PATH` prints the type of the file system that a directory is on. `unmounted PATH` prints the mount points of
# /etc/fstab that the path lies on or below and on which nothing is mounted: what is written there lies on another disk.

as_in_mounts() { # the path as these files write it: blanks, tabs and backslashes as octal numbers (fstab(5))
  case $1 in
  *[\\\ \	]*) printf '%s\n' "${1%/}/" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g' ;;
  *) printf '%s\n' "${1%/}/" ;;
  esac
}
kind_of() {
  written=$(as_in_mounts "$1") awk '
    BEGIN { path = ENVIRON["written"] }
    { point = $2 == "/" ? "/" : $2 "/" }
    index(path, point) == 1 && length(point) >= best { best = length(point); kind = $3 }
    END { print kind }
  ' /proc/mounts
}
unmounted() {
  written=$(as_in_mounts "$1") awk '
    BEGIN { path = ENVIRON["written"] }
    FILENAME == "/proc/mounts" { mounted[$2] = 1; next }
    /^[ \t]*#/ || $2 !~ /^\// { next }
    { sub(/\/+$/, "", $2) }
    $2 != "" && index(path, $2 "/") == 1 && !($2 in mounted) { print $2 }
  ' /proc/mounts /etc/fstab 2>/dev/null
}
