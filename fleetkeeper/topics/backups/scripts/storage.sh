#!/bin/sh
# `kind_of PATH` prints the type of the file system that a directory is on. `unmounted PATH` prints the mount points of
# /etc/fstab that the path lies on or below and on which nothing is mounted: what is written there lies on another disk.

kind_of() {
  awk -v path="${1%/}/" '
    { point = $2 == "/" ? "/" : $2 "/" }
    index(path, point) == 1 && length(point) >= best { best = length(point); kind = $3 }
    END { print kind }
  ' /proc/mounts
}
unmounted() {
  awk -v path="${1%/}/" '
    FILENAME == "/proc/mounts" { mounted[$2] = 1; next }
    /^[ \t]*#/ || $2 !~ /^\// { next }
    { sub(/\/+$/, "", $2) }
    $2 != "" && index(path, $2 "/") == 1 && !($2 in mounted) { print $2 }
  ' /proc/mounts /etc/fstab 2>/dev/null
}
