#!/bin/sh
# Prints the networks that a manager knows, and of each variable of the services of stacks its name and a digest of its
# value with the key $1, a number. At the end `end`.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

# include fleetkeeper/topics/services/scripts/digest_variables.sh

services=$(docker service ls -q --filter label=com.docker.stack.namespace) || exit 71
docker network ls --no-trunc --format 'network {{.ID}} {{.Name}}' || exit 71
# shellcheck disable=SC2016 # a template of Docker's client
each='{{$id := .ID}}{{with .Spec.TaskTemplate.ContainerSpec}}{{range .Env}}{{$id}} {{json .}}{{"\n"}}{{end}}{{end}}'
# shellcheck disable=SC2086 # ids, to be split
[ -z "$services" ] || docker service inspect --format "$each" $services | digested "$1"
echo end
