#!/bin/sh
# Prints what `docker diff` says of a container, without directories: their content is listed by itself. Arguments:
# process and id of the container.

# include fleetkeeper/transport/scripts/capped_docker.sh

# include fleetkeeper/transport/scripts/enter_below.sh

root=/proc/$1/root
changed=$(docker diff "$2") || exit 71
printf '%s\n' "$changed" | while IFS= read -r line; do
  path=${line#? }
  { enter_below "$root" "${path%/*}" && [ -d "./${path##*/}" ] && [ ! -h "./${path##*/}" ]; } 2>/dev/null ||
    printf '%s\n' "$line"
done
