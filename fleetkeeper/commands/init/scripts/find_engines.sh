#!/bin/sh
# Prints what may run containers on this node: `engine UID NAME` for each process of an engine, and `context PLACE`
# where the Docker client of this account is not pointed at an engine of this node.

# include fleetkeeper/readers/docker/scripts/foreign_endpoint.sh

export LC_ALL=C
# shellcheck disable=SC2013 # paths of /proc have no blanks
for file in $(grep -lsxE 'dockerd|podman|conmon|crio' /proc/[0-9]*/comm); do
  { read -r name <"$file"; } 2>/dev/null && echo "engine $(stat -c %u "${file%/comm}" 2>/dev/null) $name"
done | sort -u
elsewhere=$(foreign_endpoint "$DOCKER_HOST" "${DOCKER_CONFIG:-${HOME:-/root}/.docker}" "$DOCKER_CONTEXT")
[ -z "$elsewhere" ] || printf 'context %s\n' "$elsewhere"
exit 0
