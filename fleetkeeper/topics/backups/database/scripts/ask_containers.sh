#!/bin/sh
# Runs ask_database.sh in every container of the database's service. Arguments: that script, what Docker calls the
# service, then the arguments for the container.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

inner=$1 service=$2
shift 2
list() { docker ps --quiet --no-trunc --filter status=running "$@"; }
ids=$(
  list --filter "label=com.docker.swarm.service.name=$service" &&
  case $service in
    */*) list --filter "label=com.docker.compose.project=${service%%/*}" \
      --filter "label=com.docker.compose.service=${service#*/}" ;;
    *) list --filter "label=com.docker.compose.service=$service" && list --filter "name=^/$service\$" ;;
  esac
) || exit 71
for id in $(printf '%s\n' "$ids" | sort -u); do
  echo "cluster $id"
  docker exec "$id" sh -c "$inner" sh "$@" || exit 72
done
