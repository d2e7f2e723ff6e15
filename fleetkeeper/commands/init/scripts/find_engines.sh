#!/bin/sh
# Prints what may run containers on this node: `engine UID NAME` for each process of an engine, and `context NAME` where
# the Docker client of this account is not pointed at the node's own engine.

export LC_ALL=C
# shellcheck disable=SC2013 # paths of /proc have no blanks
for file in $(grep -lsxE 'dockerd|podman|conmon|crio' /proc/[0-9]*/comm); do
  { read -r name <"$file"; } 2>/dev/null && echo "engine $(stat -c %u "${file%/comm}" 2>/dev/null) $name"
done | sort -u
context=$(docker context ls --format '{{if .Current}}{{.Name}}{{end}}' 2>/dev/null | grep .)
case $context in '' | default) ;; *) printf 'context %s\n' "$context" | head -n 1 ;; esac
exit 0
