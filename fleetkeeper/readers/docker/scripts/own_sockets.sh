#!/bin/sh
# `own_sockets` prints the sockets of the engine that the look asks: the one that DOCKER_HOST of this account names, else
# the usual ones, else the only one of a user's. Nothing where there is none.

own_sockets() {
  case $DOCKER_HOST in unix://*) echo "${DOCKER_HOST#unix://}"; return ;; esac
  set -- /run/docker.sock /var/run/docker.sock /run/user/*/docker.sock
  if [ -S "$1" ] || [ -S "$2" ]; then printf '%s\n' "$1" "$2"
  elif [ $# = 3 ] && [ -S "$3" ]; then echo "$3"
  fi
}
