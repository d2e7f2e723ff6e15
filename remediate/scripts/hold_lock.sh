#!/bin/sh
# Holds a lock while it hears from us: one line of standard input is one heartbeat. Arguments: the lock's file, patience
# in seconds, who holds it.
#
# A holder that is dead and not waited for (proc_pid_stat(5): state Z or X) has no birth any more. One at a time takes a
# dead lock over; whoever dies at that leaves `.breaking` behind, which may go a minute later. A lock's line is PID BIRTH
# v1 WHO (an older one has no v1). One that is not like that, or of a newer fleetkeeper, is held until a person has seen.

set -u; umask 022; lock=$1 patience=$2 who=$3 dog=
nobody='? ? somebody who is just letting go'
born() { sed -n 's/.*) \([^ZX]\)/\1/p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
me="$$ $(born $$) v1 $who"
take() {
  printf '%s\n' "$me" >"$lock.$$" && ln "$lock.$$" "$lock" 2>/dev/null; took=$?
  rm -f "$lock.$$"; return $took
}
held() {
  line=; IFS= read -r line <"$lock" 2>/dev/null || [ -n "$line" ] || line=$nobody; rest=${line#* }
}
busy() {
  held; who=${rest#* }
  understood || who="a newer fleetkeeper: upgrade this one; if nothing of it runs on this node, remove $lock"
  printf 'held %s\n' "${who#v1 }"; exit 75
}
understood() {
  case $line in
    "$nobody" | [0-9]*' v1 '*) ;;
    [0-9]*' v'[0-9]*' '*) return 1 ;;
    [0-9]*' '*' '*) ;;
    *) return 1 ;;
  esac
}
alive() { pid=${line%% *}; birth=${rest%% *}; kill -0 "$pid" 2>/dev/null && [ "$(born "$pid")" = "$birth" ]; }
free() { held; [ "$line" = "$me" ] && rm -f "$lock"; }
stuck() { find "$lock.breaking" -prune -type d -mmin +1 -exec rmdir {} \; 2>/dev/null; }
( : >"$lock.$$" ) 2>/dev/null || exit 73
if ! take; then
  held; [ "$line" != "$nobody" ] || sleep 1
  held; { understood && ! alive; } || busy
  mkdir "$lock.breaking" 2>/dev/null || { stuck; busy; }
  dead=$line; held; [ "$line" = "$dead" ] && rm -f "$lock"
  rmdir "$lock.breaking"; take || busy
fi
watch() {
  old=$dog
  ( nap=; trap 'kill $nap; exit 0' TERM; sleep "$patience" & nap=$!; wait $nap; trap '' TERM
    held; [ "$line" = "$me" ] && alive && kill -9 "$$"; free ) </dev/null >/dev/null 2>&1 &
  dog=$!
  [ -z "$old" ] || kill "$old" 2>/dev/null
}
trap '' HUP
watch; echo taken
while IFS= read -r beat; do watch; echo "$beat" || break; done
free; kill "$dog" 2>/dev/null
