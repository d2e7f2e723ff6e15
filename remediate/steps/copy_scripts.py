"""The shell that sends and takes a copy: constant text for any POSIX sh, values only as arguments."""

from __future__ import annotations

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
    f"set -u{QUIET}{HERE}"
    + r"""
exec 5>&1
digest=$({ { cat -- "./$2" | tee /dev/fd/3 | sha256sum >&4; } 3>&1 | cat >&5; } 4>&1)
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
    + ROOM
    + r"""
size=$3 wanted=$4 mtime=$5 needed=$6 mine=
part=./.fleetkeeper.$name.part
digest() { sha256sum <"$part" | cut -c 1-64; }
flush() { sync -- "$1" 2>/dev/null || sync; }
ours() { [ -n "$mine" ] && [ ! -h "$part" ] && [ "$(stat -c %i "$part" 2>/dev/null)" = "$mine" ]; }
mkdir -p -- "$target" 2>/dev/null || exit 73
cd -P -- "$target" 2>/dev/null && [ "$(pwd -P)" = "$target" ] || exit 77
for old in ./.fleetkeeper.*.part; do [ -h "$old" ] || [ ! -f "$old" ] || rm -f -- "$old"; done
room "$needed"
free_name() { [ ! -e "./$name" ] && [ ! -h "./$name" ]; }
free_name || exit 75
making=
trap 'if [ -n "$making" ] || ours; then rm -f -- "$part"; fi' EXIT
trap 'exit 71' HUP INT TERM
set -C
making=yes
{ : >"$part"; } 2>/dev/null || { making=; exit 73; }
set +C
mine=$(stat -c %i "$part") || exit 73
making=
cat >>"$part" || exit 73
[ "$(wc -c <"$part")" -eq "$size" ] && [ "$(digest)" = "$wanted" ] || exit 74
touch -d "$mtime" "$part" || exit 73
flush "$part"
ours || exit 74
free_name || exit 75
ln -- "$part" "./$name" 2>/dev/null || { free_name && mv -n -- "$part" "./$name" && [ ! -e "$part" ]; } || exit 75
rm -f -- "$part"
flush .
"""
)
"""Arguments: directory, name, size, SHA-256, its time (`@SECONDS`), and the KiB that must be free. Content on standard
input. A name that is taken is not taken over: `ln` fails there, whoever came first.

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
