#!/bin/sh
# Prints for each directory whether a file with content lies in it, on its own file system: `data`, `empty`, `other` or
# `denied`, a line each, in their order. Arguments: the directories. The search ends at the first such file.

# include fleetkeeper/topics/backups/scripts/enter.sh

export LC_ALL=C
for place in "$@"; do
  if [ ! -d "$place" ]; then
    near=$(nearest "$place")
    if [ -e "$place" ]; then echo other; elif [ -d "$near" ] && [ ! -x "$near" ]; then echo denied; else echo empty; fi
  elif [ ! -r "$place" ] || [ ! -x "$place" ]; then
    echo denied
  elif find "$place/" -xdev -type f -size +0 2>/dev/null | head -n 1 | grep -q .; then
    echo data
  elif [ -n "$(find "$place/" -xdev -type f -size +0 2>&1 | head -n 1)" ]; then
    echo denied
  else
    echo empty
  fi
done
