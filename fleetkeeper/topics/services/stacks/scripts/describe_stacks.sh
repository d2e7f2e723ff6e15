#!/bin/sh
# Prints the networks that a manager knows, and of each variable of the services of stacks its name and SHA-256 of $1 and
# its `"NAME=VALUE"`: seven lines of `ID "NAME`, then their seven digests. At the end `end`. $1 is a number.
#
# Values are in no argument of a process and in no file. A here-document of up to 4 KiB is written into a pipe by the
# shell itself, so that one process digests seven values.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

digest() {
  LC_ALL=C sha256sum /dev/fd/3 /dev/fd/4 /dev/fd/5 /dev/fd/6 /dev/fd/7 /dev/fd/8 /dev/fd/9 3<<3 4<<4 5<<5 6<<6 7<<7 8<<8 9<<9
$key
$a
3
$key
$b
4
$key
$c
5
$key
$d
6
$key
$e
7
$key
$f
8
$key
$g
9
}
take() {
  IFS=' ' read -r id "$1" || return
  [ -n "$id" ] || { take "$1"; return; }
  eval "printf '%s %s\n' \"\$id\" \"\${$1%%=*}\""
}
key=$1
services=$(docker service ls -q --filter label=com.docker.stack.namespace) || exit 71
docker network ls --no-trunc --format 'network {{.ID}} {{.Name}}' || exit 71
# shellcheck disable=SC2016 # a template of Docker's client
each='{{$id := .ID}}{{with .Spec.TaskTemplate.ContainerSpec}}{{range .Env}}{{$id}} {{json .}}{{"\n"}}{{end}}{{end}}'
# shellcheck disable=SC2086 # ids, to be split
[ -z "$services" ] || docker service inspect --format "$each" $services | while
  a='' b='' c='' d='' e='' f='' g=''
  take a
do
  take b && take c && take d && take e && take f && take g
  digest
done
echo end
