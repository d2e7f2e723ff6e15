#!/bin/sh
# Prints the state of the swarm, the node's volumes, and on a manager the members, services and tasks, as JSON.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

# include fleetkeeper/readers/docker/scripts/inspect_without_values.sh

swarm=$(docker info --format '{{json .Swarm}}') || exit 71
printf '%s\n' "$swarm"
all() {
  kind=$1; shift
  if [ $# -gt 0 ]; then inspected docker "$kind" inspect "$@"; else echo '[]'; fi
}
volumes=$(docker volume ls -q) || exit 71
# shellcheck disable=SC2086 # names, to be split
all volume $volumes
case $swarm in *'"ControlAvailable":true'*) ;; *) exit 0 ;; esac
members=$(docker node ls -q) && services=$(docker service ls -q) || exit 71
# shellcheck disable=SC2086 # ids, to be split
all node $members && all service $services || exit 71
# shellcheck disable=SC2086 # ids, to be split
[ -z "$services" ] || exec docker service ps --no-trunc --format '{{json .}}' $services
