#!/bin/sh
# Removes a copy that we took. Arguments: directory, name, its SHA-256, and whether to remove the directory, too (or
# empty).

set -u
target=$1 name=$2 wanted=$3 unmake=$4
cd -P -- "$target" 2>/dev/null && [ "$(pwd -P)" = "$target" ] || exit 77
part=./.fleetkeeper.$name.part
[ -h "$part" ] || [ ! -f "$part" ] || rm -f -- "$part" || exit 76
if [ -e "./$name" ] || [ -h "./$name" ]; then
  [ ! -h "./$name" ] && [ -f "./$name" ] && [ "$(sha256sum <"./$name" | cut -c 1-64)" = "$wanted" ] || exit 78
  rm -f -- "./$name" || exit 76
fi
if [ -n "$unmake" ]; then cd / && rmdir -- "$target" 2>/dev/null; fi
exit 0
