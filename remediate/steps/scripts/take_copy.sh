#!/bin/sh
# Takes a copy on standard input. Arguments: directory, name, size, SHA-256, its time (`@SECONDS`), and the KiB that
# must be free.
#
# A name that is taken is not taken over: `link` fails there, whoever came first, and follows nothing. What arrives is
# written to the file that was made, asked for its digest there, and must be what has the name in the end: whoever else
# may write in that directory can swap names, and wins nothing. Nobody else of ours writes while the node's lock is
# held, so what has the name of a part was left by a run that died. Should that one's last process still linger, it
# finds that the part is not its own.

# include remediate/steps/scripts/lowest_priority.sh

# include fleetkeeper/transport/scripts/enter_below.sh

# include fleetkeeper/transport/scripts/is_opened.sh

# include remediate/steps/scripts/room_for_copy.sh

size=$3 wanted=$4 mtime=$5 needed=$6 mine='' making=''
part=.fleetkeeper.$name.part
flush() { sync -- "$1" 2>/dev/null || sync; }
make_below() {
  remaining=$1/
  while [ -n "$remaining" ]; do
    component=${remaining%%/*} remaining=${remaining#*/}
    [ -n "$component" ] || continue
    mkdir -- "./$component" 2>/dev/null || [ -d "./$component" ] || exit 73
    step_into "$component" || exit 77
  done
}
free_name() { [ ! -e "./$name" ] && [ ! -h "./$name" ]; }
ours() { [ -n "$mine" ] && [ "$(stat -c %d:%i "./$part" 2>/dev/null)" = "$mine" ]; }
named() {
  link "./$part" "./$name" 2>/dev/null || ln -T -- "./$part" "./$name" 2>/dev/null ||
    { free_name && mv -nT -- "./$part" "./$name" && [ ! -e "./$part" ]; }
}
take() {
  set +C
  is_opened 4 "$part" || exit 77
  mine=$opened making=
  cat >&4 || exit 73
  [ "$(stat -L -c %s /proc/self/fd/4)" -eq "$size" ] || exit 74
  [ "$(sha256sum </proc/self/fd/4 | cut -c 1-64)" = "$wanted" ] || exit 74
  touch -d "$mtime" /proc/self/fd/4 || exit 73
  flush "./$part"
  ours || exit 74
  free_name && named || exit 75
  is_opened 4 "$name" || exit 74
}
below=${target#"${above%/}"}
make_below "${below#/}"
[ "$(pwd -P)" = "$target" ] || exit 77
for old in ./.fleetkeeper.*.part; do [ -h "$old" ] || [ ! -f "$old" ] || rm -f -- "$old"; done
room "$needed"
free_name || exit 75
# A FIFO there would hold the shell that opens it until somebody reads.
[ ! -e "./$part" ] && [ ! -h "./$part" ] || exit 76
trap 'if [ -n "$making" ] || ours; then rm -f -- "./$part"; fi' EXIT
trap 'exit 71' HUP INT TERM
making=yes
set -C
{ take; } 2>/dev/null 4>"./$part" || { making=; exit 73; }
rm -f -- "./$part"
flush .
