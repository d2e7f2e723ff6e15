#!/bin/sh
# Prints which processes hold sockets: `INODE NAME`, then `INODE =ID` for each container in their control groups.
# Arguments: the inodes of the sockets.

export LC_ALL=C
# shellcheck disable=SC2012,SC2016 # descriptors have no odd names; a program for awk
ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v wanted=" $* " '
  /^\/proc\// { split($0, path, "/"); pid = path[3] }
  match($0, /socket:\[[0-9]+\]$/) {
    inode = substr($0, RSTART + 8, RLENGTH - 9)
    if (index(wanted, " " inode " ") && !((inode, pid) in seen)) { seen[inode, pid]; print inode, pid }
  }' | head -n 100 |
  while read -r inode pid; do
    { read -r name <"/proc/$pid/comm"; } 2>/dev/null || continue
    printf '%s %s\n' "$inode" "$name"
    grep -soE '[0-9a-f]{64}' "/proc/$pid/cgroup" | sort -u | sed "s/^/$inode =/"
  done
exit 0
