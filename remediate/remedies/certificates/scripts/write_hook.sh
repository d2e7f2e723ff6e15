#!/bin/sh
# Writes the hook that reloads nginx after a renewal. Argument: its path. certbot runs no hook whose name ends in a tilde
# (list_hooks of its hooks.py): what a node that dies on the way has left does nothing.

set -eu
text='#!/bin/sh
# Set up by fleetkeeper: what was renewed is served.
exec nginx -s reload'
if [ -e "$1" ] && ! grep -qx '# Set up by fleetkeeper: what was renewed is served.' "$1"; then
  echo "$1 is there already, and is not what this fleetkeeper writes" >&2; exit 1
fi
mkdir -p "${1%/*}"
new="$1.new~"
trap 'rm -f "$new"' EXIT
printf '%s\n' "$text" >"$new"
chmod 755 "$new"
written=$(cat "$new" && echo .)
[ "$written" = "$text
." ] || { echo "$1 could not be written whole" >&2; exit 1; }
mv "$new" "$1"
