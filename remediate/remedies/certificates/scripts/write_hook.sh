#!/bin/sh
# Writes the hook that reloads nginx after a renewal. Argument: its path.

set -eu
text='#!/bin/sh
# Set up by fleetkeeper: what was renewed is served.
exec nginx -s reload'
if [ -e "$1" ] && ! grep -qx '# Set up by fleetkeeper: what was renewed is served.' "$1"; then
  echo "$1 is there already, and is not what this fleetkeeper writes" >&2; exit 1
fi
mkdir -p "${1%/*}"
trap 'rm -f "$1.new"' EXIT
printf '%s\n' "$text" >"$1.new"
chmod 755 "$1.new"
written=$(cat "$1.new" && echo .)
[ "$written" = "$text
." ] || { echo "$1 could not be written whole" >&2; exit 1; }
mv "$1.new" "$1"
