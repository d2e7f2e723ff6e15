#!/bin/sh
# Ends with 0 once every task of a service on this node listens on its ports. Arguments: the service, then its ports in
# hexadecimal, as /proc/net/tcp has them. A service that moved away is not judged here.

name=$1; shift
for again in 1 2 3 4 5 6 7 8 9 10; do
  ids=$(docker ps -q --no-trunc --filter "label=com.docker.swarm.service.name=$name") || exit 71
  [ -n "$ids" ] || { echo "$name runs on another node now: its ports were not tried there" >&2; exit 0; }
  missing=
  # shellcheck disable=SC2086 # ids, to be split
  for pid in $(docker inspect --format '{{.State.Pid}}' $ids); do
    for port in "$@"; do
      grep -qsE ":$port [0-9A-F]+:0000 0A" "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" || missing="$missing $port"
    done
  done
  [ -n "$missing" ] || exit 0
  sleep 2
done
echo "not served any more:$(for port in $missing; do printf ' %d' "0x$port"; done)" >&2
exit 1
