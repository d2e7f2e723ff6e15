#!/bin/sh
# Ends the whole container when nobody waits for it any more, when it takes too long, and before it fills the disk.
# What is said for a person begins with `drill: `; shells, too, say things when what they run is killed.

say() { printf 'drill: %s\n' "$*" >&2; }
trap 'exit 71' HUP INT TERM
room() { df -Pk "$dir" | { read -r head; read -r system all used free rest; echo "$((free / 1024))"; }; }
finish() { say "$*"; kill -TERM 1; while :; do kill -KILL -1; sleep 1; done; }
exec 3<&0 </dev/null
( cat <&3 >/dev/null; finish "nobody waits for it any more" ) &
( sleep "$limit"; finish "it took longer than $limit s" ) &
( while sleep 2; do [ "$(room)" -ge 256 ] || finish "it filled the disk, and was ended in time"; done ) &
exec 3<&-
