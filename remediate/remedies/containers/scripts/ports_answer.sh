#!/bin/sh
# Ends with 0 once every port of a service takes a connection and keeps it. Arguments: the service, `host` or `ingress`,
# how often to try, then ports.
#
# It goes through the node's own address, as clients do: the loopback address would meet Docker's proxy alone. bash says
# 1 for a connection that was closed at once.

name=$1 mode=$2 tries=$3; shift 3
if [ "$mode" = host ]; then
  here=$(docker ps -q --filter "label=com.docker.swarm.service.name=$name") || exit 71
  [ -n "$here" ] || { echo "$name runs on another node now: its ports were not tried there" >&2; exit 0; }
fi
at=$({ hostname -I || ip -o -4 addr show scope global | awk '{ print $4 }'; } 2>/dev/null | head -n 1)
at=${at%% *}; at=${at%%/*}; at=${at:-127.0.0.1}
if command -v bash >/dev/null 2>&1; then
  answers() {
    # shellcheck disable=SC2016 # a program for another shell
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit 1; read -r -t 1 -N 1 <&3; [ $? -ne 1 ]' "$at" "$1" 2>/dev/null
  }
elif command -v nc >/dev/null 2>&1; then
  answers() { nc -z -w 5 "$at" "$1" >/dev/null 2>&1; }
else
  echo "from outside it could not be tried: the node has neither bash nor nc" >&2
  exit 0
fi
while :; do
  missing=
  for port in "$@"; do answers "$port" || missing="$missing $port"; done
  [ -n "$missing" ] || exit 0
  tries=$((tries - 1)); [ $tries -gt 0 ] || break
  sleep 2
done
echo "port$missing of $at does not answer" >&2
exit 1
