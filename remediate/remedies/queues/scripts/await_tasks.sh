#!/bin/sh
# Waits until so many tasks of a service run, one that was ended not counted: 90 s at most. Arguments: service, that
# task's id, number.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
  tasks=$(docker service ps --no-trunc --filter desired-state=running --format '{{.ID}} {{.CurrentState}}' "$1") || exit 1
  number=$(printf '%s\n' "$tasks" | awk -v ended="$2" '$1 != ended && $2 == "Running" { n++ } END { print n + 0 }')
  [ "$number" -lt "$3" ] || exit 0
  sleep 3
done
echo "the swarm has not started another task within 90 s" >&2
exit 3
