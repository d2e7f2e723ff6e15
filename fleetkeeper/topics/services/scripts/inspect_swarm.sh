#!/bin/sh
# Prints the state of the swarm, the node's volumes, its certificate in the swarm, and on a manager the members, services
# and tasks, as JSON.
#
# The volumes are listed first: an engine that does not run says so there, and stumbles over the template of `info`.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

# include fleetkeeper/readers/docker/scripts/inspect_without_values.sh

newline='
'
volumes=$(docker volume ls -q) || exit 71
said=$(docker info --format '{{json .Swarm}}{{"\n"}}{{.DockerRootDir}}') || exit 71
swarm=${said%%"$newline"*} root=${said#*"$newline"}
printf '%s\n' "$swarm"
all() {
  kind=$1; shift
  if [ $# -gt 0 ]; then inspected docker "$kind" inspect "$@"; else echo '[]'; fi
}
# shellcheck disable=SC2086 # names, to be split
all volume $volumes
case $swarm in *'"LocalNodeState":"active"'*)
  own=$root/swarm/certificates/swarm-node.crt
  own=$(sed -n '/-BEGIN CERT/,/-END CERT/{p;/-END CERT/q;}' "$own" 2>/dev/null | tr '\n' ' ')
  printf '{"NodeCertificate":"%s"}\n' "$own" ;;
esac
case $swarm in *'"ControlAvailable":true'*) ;; *) exit 0 ;; esac
members=$(docker node ls -q) && services=$(docker service ls -q) || exit 71
# shellcheck disable=SC2086 # ids, to be split
all node $members && all service $services || exit 71
# shellcheck disable=SC2086 # ids, to be split
[ -z "$services" ] || exec docker service ps --no-trunc --format '{{json .}}' $services
