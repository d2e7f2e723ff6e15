#!/bin/sh
# Prints each running Postgres server: `server PID`, then its containers, its data directory (the working directory of a
# postmaster) and whether one of its processes receives the log of another server.
#
# The name of the program is what the kernel knows, whatever the command line says. A process whose parent is none of
# them is a server; of command lines only that one matched is used, never their text.

export LC_ALL=C
[ -r /proc/1/comm ] || { echo "this account may not see the processes of others" >&2; exit 3; }
files=$(grep -lsxE 'postgres|postmaster|edb-postgres' /proc/[0-9]*/comm)
[ -n "$files" ] || exit 0
of() { printf '%s\n' "$files" | sed "s,comm\$,$1,"; }
lines=$(of stat | xargs cat 2>/dev/null)
# shellcheck disable=SC2016 # a program for awk
servers=$(printf '%s\n' "$lines" | awk '
  { pid = $1; sub(/^.*\) /, ""); if ($1 != "Z" && $1 != "X") parent[pid] = $2 }
  END { for (pid in parent) if (!(parent[pid] in parent)) print pid }')
receivers=$(of cmdline | xargs grep -lsE '^postgres: ([^:]*: )?wal ?receiver( |$)')
for pid in $servers; do
  printf 'server %s\n' "$pid"
  grep -soE '[0-9a-f]{64}' "/proc/$pid/cgroup" | sort -u | sed 's/^/container /'
  printf 'directory %s\n' "$(readlink "/proc/$pid/cwd" 2>/dev/null | tr '\n' '?' | sed 's/?$//')"
  for file in $receivers; do
    grep -qs "^PPid:[[:space:]]*$pid\$" "${file%cmdline}status" && echo standby
  done
done
exit 0
