#!/bin/sh
# Sets PATH and DOCKER_HOST for the node's engine, or ends: 69 no engine, 68 several rootless ones, 70 no client.
#
# A client alone is no engine, and without its processes and its socket nothing can run in containers. Where even
# process 1 is hidden from this account, processes prove nothing, and the client is asked. A rootless engine has its
# socket with its user; of several, one alone would be half the truth.

PATH=$PATH:/usr/local/bin:/snap/bin
[ -S /run/docker.sock ] || [ -S /var/run/docker.sock ] || [ -n "$DOCKER_HOST" ] || [ ! -r /proc/1/comm ] ||
  grep -qsE '^(dockerd|containerd|containerd-shim)' /proc/[0-9]*/comm || exit 69
if [ -z "$DOCKER_HOST" ] && [ ! -S /run/docker.sock ] && [ ! -S /var/run/docker.sock ]; then
  for socket in /run/user/*/docker.sock; do
    [ -S "$socket" ] || continue
    [ -z "$DOCKER_HOST" ] || { echo "several rootless engines run here" >&2; exit 68; }
    DOCKER_HOST=unix://$socket; export DOCKER_HOST
  done
fi
command -v docker >/dev/null 2>&1 || { echo "an engine, but no docker client" >&2; exit 70; }
