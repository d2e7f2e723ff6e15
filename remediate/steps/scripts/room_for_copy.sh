#!/bin/sh
# `room KIB` ends the script with 73 if less is free. It has entered $1, or the nearest directory above that exists.

set -u
umask 077
target=$1 name=$2
above=$target
while [ -n "$above" ] && [ ! -e "$above" ] && [ ! -h "$above" ]; do above=${above%/*}; done
above=${above:-/}
cd -P -- "$above" 2>/dev/null && [ "$(pwd -P)" = "$above" ] || exit 77
room() {
  free=$(df -Pk . | { read -r head; read -r system all used free rest; echo "$free"; })
  [ "${free:-0}" -ge "$1" ] || exit 73
}
