#!/bin/sh
# Ends with 0 if a copy can be taken. Arguments: the directory, the name, and the KiB that must be free.

# include remediate/steps/scripts/room_for_copy.sh

room "$3"
[ "$above" != "$target" ] || { [ ! -e "./$name" ] && [ ! -h "./$name" ]; } || exit 75
