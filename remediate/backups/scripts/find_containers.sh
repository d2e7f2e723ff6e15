#!/bin/sh
# Prints the ids of the running containers of a service; runs on the node. Argument: what Docker calls the service.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

list() { docker ps --quiet --no-trunc --filter status=running "$@"; }
found=$(
  list --filter "label=com.docker.swarm.service.name=$1" &&
  case $1 in
    */*) list --filter "label=com.docker.compose.project=${1%%/*}" \
      --filter "label=com.docker.compose.service=${1#*/}" ;;
    *) list --filter "label=com.docker.compose.service=$1" && list --filter "name=^/$1\$" ;;
  esac
) || exit 71
printf '%s\n' "$found" | sort -u
