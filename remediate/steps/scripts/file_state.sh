#!/bin/sh
# Prints the SHA-256 of a file, or why there is none. Argument: the file.

if [ -h "$1" ]; then echo link
elif [ -f "$1" ]; then sha256sum <"$1" | cut -c 1-64
elif [ -e "$1" ]; then echo odd
else echo absent; fi
