#!/bin/sh
# Sets PATH and DOCKER_HOST for the node's engine, or ends: 69 no engine, 67 one that does not run, 68 several rootless
# ones, 70 no client, 66 a client that asks another engine than one of this node.
#
# A client alone is no engine, and without its processes and its socket nothing can run in containers. An engine that is
# installed and has been used should run, unless systemd was told not to start it. Where even process 1 is hidden from
# this account, processes prove nothing, and the client is asked. A rootless engine has its socket with its user; of
# several, one alone would be half the truth.

# include fleetkeeper/readers/docker/scripts/foreign_endpoint.sh

no_engine() {
  { command -v dockerd >/dev/null 2>&1 && [ -d /var/lib/docker ]; } || exit 69
  case $(systemctl is-enabled docker.service 2>/dev/null) in disabled|masked) exit 69 ;; esac
  echo "the Docker engine does not run" >&2; exit 67
}

PATH=$PATH:/usr/local/bin:/snap/bin
# A context that somebody has chosen for the client may be an engine elsewhere; the node's own is meant.
if [ -S /run/docker.sock ] || [ -S /var/run/docker.sock ]; then DOCKER_CONTEXT=default; export DOCKER_CONTEXT; fi
[ -S /run/docker.sock ] || [ -S /var/run/docker.sock ] || [ -n "$DOCKER_HOST" ] || [ ! -r /proc/1/comm ] ||
  grep -qsE '^(dockerd|containerd|containerd-shim)' /proc/[0-9]*/comm || no_engine
if [ -z "$DOCKER_HOST" ] && [ ! -S /run/docker.sock ] && [ ! -S /var/run/docker.sock ]; then
  for socket in /run/user/*/docker.sock; do
    [ -S "$socket" ] || continue
    [ -z "$DOCKER_HOST" ] || { echo "several rootless engines run here" >&2; exit 68; }
    DOCKER_HOST=unix://$socket; export DOCKER_HOST
  done
fi
elsewhere=$(foreign_endpoint "$DOCKER_HOST" "${DOCKER_CONFIG:-${HOME:-/root}/.docker}" "$DOCKER_CONTEXT")
[ -z "$elsewhere" ] || { echo "the Docker client of this account asks another engine: $elsewhere" >&2; exit 66; }
command -v docker >/dev/null 2>&1 || { echo "an engine, but no docker client" >&2; exit 70; }
