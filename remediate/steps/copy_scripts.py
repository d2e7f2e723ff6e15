"""The shell that sends and takes a copy: constant text for any POSIX sh, values only as arguments."""

from __future__ import annotations

from fleetkeeper.transport.shell_functions import ENTER_BELOW, IS_OPENED

FULL, SHORT, TAKEN, GONE, LINK, OTHER = 73, 74, 75, 72, 77, 78

WHY = {
    71: "was interrupted; nothing is left of it",
    FULL: "does not fit (no room beside what must stay free, a read-only disk, or no right to write)",
    SHORT: "did not arrive whole; nothing is left of it",
    TAKEN: "is there already, and is never written over",
    LINK: "would go through a link, or to something that is no directory",
}
STALE = {
    GONE: "is gone",
    LINK: "is reached through a link",
    OTHER: "is no longer the file that was seen",
}

QUIET = r"""
export LC_ALL=C
renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
"""

HERE = r"""
same() {
  [ -e "./$1" ] || exit 72
  [ ! -h "./$1" ] && [ -f "./$1" ] && [ "$(stat -c '%i:%s:%Y:%h' "./$1")" = "$2" ] || exit 78
}
cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || exit 77
same "$2" "$3"
"""
"""Arguments: directory, name, and the file's identity as stat prints it."""

SAME = f"set -u{HERE}"

SEND = (
    f"set -u{QUIET}{IS_OPENED}{HERE}"
    + r"""
exec 5>&1
{
  is_opened 6 "$2" || exit 78
  digest=$({ { cat <&6 | tee /dev/fd/3 | sha256sum >&4; } 3>&1 | cat >&5; } 4>&1)
} 6<"./$2" || exit 72
same "$2" "$3"
printf '%s\n' "${digest%% *}"
"""
)
"""The content, then its SHA-256: as long as the file is what it was, before and after.

What is sent goes through pipes of its own: standard output may be a socket, and /dev/fd opens none.
"""

ROOM = r"""
set -u
umask 077
target=$1 name=$2
above=$target
while [ -n "$above" ] && [ ! -e "$above" ] && [ ! -h "$above" ]; do above=${above%/*}; done
above=${above:-/}
cd -P -- "$above" 2>/dev/null && [ "$(pwd -P)" = "$above" ] || exit 77
room() {
  free=$(df -Pk . | { read -r head; read -r system all used free rest; echo "$free"; })
  [ "${free:-0}" -ge "$1" ] || exit 73
}
"""

READY = (
    ROOM
    + r"""
room "$3"
[ "$above" != "$target" ] || { [ ! -e "./$name" ] && [ ! -h "./$name" ]; } || exit 75
"""
)
"""Arguments: the directory, the name, and the KiB that must be free."""

TAKE = (
    QUIET
    + ENTER_BELOW
    + IS_OPENED
    + ROOM
    + r"""
size=$3 wanted=$4 mtime=$5 needed=$6 mine= making=
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
trap 'if [ -n "$making" ] || ours; then rm -f -- "./$part"; fi' EXIT
trap 'exit 71' HUP INT TERM
making=yes
set -C
{ take; } 2>/dev/null 4>"./$part" || { making=; exit 73; }
rm -f -- "./$part"
flush .
"""
)
"""Arguments: directory, name, size, SHA-256, its time (`@SECONDS`), and the KiB that must be free. Content on standard
input. A name that is taken is not taken over: `link` fails there, whoever came first, and follows nothing. What arrives
is written to the file that was made, asked for its digest there, and must be what has the name in the end: whoever else
may write in that directory can swap names, and wins nothing.

Nobody else of ours writes while the node's lock is held, so what has the name of a part was left by a run that died.
Should that one's last process still linger, it finds that the part is not its own.
"""

STANDS = r"""
target=$1 name=$2
cd -P -- "$target" 2>/dev/null || { echo absent; exit; }
if [ -h "./$name" ]; then echo link
elif [ -f "./$name" ]; then sha256sum <"./$name" | cut -c 1-64
elif [ -e "./$name" ]; then echo odd
elif [ -f "./.fleetkeeper.$name.part" ]; then echo part
else echo absent; fi
"""

REMOVE = r"""
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
"""
