#!/bin/sh
# Prints what the engine says about images and how they were built, in parts: a line `=NAME WORDS`, then what belongs to
# it, each line with a blank before it. The last part is `=end`. It changes nothing.
#
# Each argument is ID:PID: an image, and a process of a container of it whose set-uid files are looked for, else 0.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

# include fleetkeeper/transport/scripts/capped_docker.sh

LC_ALL=C; export LC_ALL
indented() { head -c "$1" | tr '\r' ' ' | sed 's/^/ /'; }
# Of environments only names, and values that are empty, a switch, one digit or a path; `?` for others, `?address` for an
# address with a password.
harmless() {
  sed -E '/^ *"Env": \[$/,/^ *\],?$/{
    s/^( *"[^="]*=)[^"]*[a-z]:\/\/[^/@"]*:[^/@"$]+@.*(",?)$/\1?address\2/
    /^ *"[^="]*=(true|false|yes|no|on|off|[0-9]|\?address|\/[^"]*)?",?$/!s/^( *"[^="]*=).*(",?)$/\1?\2/
  }'
}
limit='timeout 60'
command -v timeout >/dev/null 2>&1 || limit=''
files() { # with set-uid or set-gid, on the file system of a container's root alone; `?` where that took too long
  {
    $limit find "/proc/$1/root/" -xdev -type f '(' -perm -4000 -o -perm -2000 ')' 2>/dev/null
    [ $? -lt 124 ] || echo '?'
  } | sed "s|^/proc/$1/root||" | head -n 200 | indented 65536
}

images=''
for argument; do images="$images sha256:${argument%%:*}"; done
echo "=images"
# shellcheck disable=SC2086 # ids, to be split
docker image inspect $images 2>/dev/null | harmless | indented 16777216
echo
for argument; do
  id=${argument%%:*} pid=${argument#*:}
  if steps=$(docker history --no-trunc --format '{{json .CreatedBy}}' "sha256:$id" 2>/dev/null); then
    echo "=history $id"
    printf '%s\n' "$steps" | indented 262144
    [ "${#steps}" -lt 262144 ] || echo
  fi
  [ "$pid" != 0 ] || continue
  if [ -r "/proc/$pid/root/." ]; then
    echo "=setuid $id"
    files "$pid"
  fi
done
echo "=end"
