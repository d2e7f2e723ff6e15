#!/bin/sh
# Prints of each variable of the containers of projects of Compose its name and a digest of its value with a key.
# Arguments: the key, a number, and the names of projects. At the end `end`.
#
# A line `container ID` says that one was seen. Behind the id of a variable is `=` where the container's image sets it to
# the same value, and `?` where the image is no longer here.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

# include fleetkeeper/topics/services/scripts/digest_variables.sh

key=$1; shift
ids=$(for project in "$@"; do
  docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$project" || exit
done) || exit 71
[ -n "$ids" ] || { echo end; exit; }
# shellcheck disable=SC2016 # a template of Docker's client
each='container {{.Id}} {{.Image}}{{$id := .Id}}{{"\n"}}{{range .Config.Env}}own {{$id}} {{json .}}{{"\n"}}{{end}}'
# shellcheck disable=SC2086 # ids, to be split
seen=$(docker container inspect --format "$each" $ids) || [ $? -eq 1 ] || exit 71 # one may have gone
printf '%s\n' "$seen" | sed -n 's/^\(container [0-9a-f]*\) .*/\1/p'
images=$(printf '%s\n' "$seen" | sed -n 's/^container [0-9a-f]* \(sha256:[0-9a-f]*\)$/\1/p' | sort -u)
# shellcheck disable=SC2016 # a template of Docker's client
each='image {{.Id}}{{$id := .Id}}{{"\n"}}{{range .Config.Env}}of {{$id}} {{json .}}{{"\n"}}{{end}}'
{
  # shellcheck disable=SC2086 # ids, to be split
  [ -z "$images" ] || docker image inspect --format "$each" $images 2>/dev/null
  printf '%s\n' "$seen"
} | LC_ALL=C awk '{ text = substr($0, length($1) + length($2) + 3) }
  $1 == "image" { known[$2] }
  $1 == "of" { of[$2, text] }
  $1 == "container" { image[$2] = text }
  $1 == "own" { print $2 ((image[$2], text) in of ? "=" : image[$2] in known ? "" : "?"), text }' | digested "$key"
echo end
