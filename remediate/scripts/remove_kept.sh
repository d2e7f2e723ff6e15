#!/bin/sh
# Removes what was kept for the way back, when nothing else of ours is left. Arguments: the directory, the text of
# find_traces.sh, then its further arguments.

export LC_ALL=C
kept=$1 look=$2; shift 2
[ ! -h "$kept" ] && [ -d "$kept" ] || { echo "$kept is no directory" >&2; exit 72; }
left=$(sh -c "$look" sh "$kept" "$@") || { echo "what else is left could not be seen: $kept stays" >&2; exit 71; }
case $left in *end) ;; *) echo "what else is left could not be seen: $kept stays" >&2; exit 71 ;; esac
others=$(printf '%s\n' "$left" | sed -e '/^kept [0-9]*$/d' -e '$d' | head -n 1)
[ -z "$others" ] || { echo "$kept stays: there still is \`$others\`" >&2; exit 72; }
rm -rf -- "$kept" && [ ! -e "$kept" ]
