#!/bin/sh
# Prints why a directory cannot be written, or has no room. Arguments: paths, of which the nearest directory that exists
# is asked.

for path; do
  d=$path; while [ ! -d "$d" ]; do d=${d%/*}; [ -n "$d" ] || d=/; done
  [ -w "$d" ] || { echo "$d: cannot be written (read-only, or no right to)"; continue; }
  free=$(df -Pk -- "$d" | { read -r head; read -r fs all used free rest; echo "$free"; })
  [ "${free:-0}" -ge 256 ] || echo "$d: the disk is full ($free KiB left)"
done
