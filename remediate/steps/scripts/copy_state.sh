#!/bin/sh
# Prints the SHA-256 of a copy, or why there is none. Arguments: directory, name.

target=$1 name=$2
cd -P -- "$target" 2>/dev/null || { echo absent; exit; }
if [ -h "./$name" ]; then echo link
elif [ -f "./$name" ]; then sha256sum <"./$name" | cut -c 1-64
elif [ -e "./$name" ]; then echo odd
elif [ -f "./.fleetkeeper.$name.part" ]; then echo part
else echo absent; fi
