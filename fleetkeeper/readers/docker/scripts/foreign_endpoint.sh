#!/bin/sh
# `foreign_endpoint HOST DIRECTORY CONTEXT` prints where Docker's client asks that has these settings (DOCKER_HOST, the
# directory of its config.json, DOCKER_CONTEXT), unless that is the engine which the look asks: one decision for the look
# itself, for accounts and for entries. Any other socket may lead elsewhere, and so may a port of localhost: ssh forwards
# both. With a fourth word, the usual socket counts as chosen where nothing else is.
# What the client itself says of its contexts would cost a process of it in every look; they are in `contexts/meta`,
# under the digest of their name.

# include fleetkeeper/readers/docker/scripts/own_sockets.sh

foreign_endpoint() {
  set -- "$1" "$2" "$3" "$1" "$4"
  [ -n "$1$3" ] || set -- "" "$2" "$(limited_sed 's/.*"currentContext"[^"]*"\([^"]*\)".*/\1/p' "$2/config.json" | head -n 1)" "" "$5"
  case $1,$3 in
  , | ,default)
    [ -n "$5" ] || return 0
    set -- "" "" "" unix:///var/run/docker.sock ;;
  ,*)
    meta=$2/contexts/meta/$(printf %s "$3" | sha256sum | cut -d ' ' -f 1)/meta.json
    set -- "" "" "$3" "$(limited_sed 's/.*"Host": *"\([^"]*\)".*/\1/p' "$meta" | head -n 1)" ;;
  esac
  case $4 in unix://*) ! is_own_socket "${4#unix://}" || return 0 ;; esac
  printf '%s\n' "${4:-context $3}" | tr -cd '[:print:]\n' | cut -c 1-100
}
is_own_socket() {
  { own_sockets | grep . || printf '%s\n' /run/docker.sock /var/run/docker.sock; } | {
    while IFS= read -r socket; do [ "$1" != "$socket" ] && ! [ "$1" -ef "$socket" ] || exit 0; done
    exit 1
  }
}
limited_sed() { # a home on a network, or a pipe, may never answer
  timeout -s KILL 2 sed -n "$1" "$2" 2>/dev/null || [ $? = 137 ] || sed -n "$1" "$2" 2>/dev/null
}
