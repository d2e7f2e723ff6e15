#!/bin/sh
# Waits until a task of a service runs on a member of the swarm, for a minute at most. Arguments: service, member's id.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  states=$(docker service ps --filter desired-state=running --filter "node=$2" --format '{{.CurrentState}}' "$1") || exit 1
  case $states in *Running*) exit 0 ;; esac
  sleep 3
done
echo "no task of the service runs there after a minute" >&2
exit 3
