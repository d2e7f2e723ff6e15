#!/bin/sh
# Runs a program with a time limit. Arguments: seconds, then the words of the program. It stands for `timeout` on a node
# that has none, or has BusyBox's, which ends the command but not the command's children.
n=$1; shift
if command -v setsid >/dev/null 2>&1; then setsid "$@" & g=-; else "$@" & g=; fi
c=$!
end() { kill -"$1" "$g$c" 2>/dev/null; }
( trap 'kill "$s"; exit 0' TERM
  sleep "$n" & s=$!; wait "$s"
  trap 'kill "$s"; exit 9' TERM
  end TERM; sleep 5 & s=$!; wait "$s"; end KILL; exit 9 ) >/dev/null 2>&1 &
d=$!
trap 'trap "" TERM; end TERM; kill "$d"; (sleep 1; end KILL) >/dev/null 2>&1 & exit 143' TERM
wait "$c"; r=$?
kill "$d" 2>/dev/null; wait "$d" 2>/dev/null
[ $? = 9 ] && r=124
exit "$r"
