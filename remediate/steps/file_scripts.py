"""The shell that changes files on a node: constant text for any POSIX sh, values only as arguments.

Content arrives on standard input under another name, and is compared by length and SHA-256 before it takes the place of
the old one: a connection that is cut while sending looks like an end of file to the node.
"""

from __future__ import annotations

INTERRUPTED, NO_ROOM, SHORT, STALE, NOT_AS_WANTED = 71, 73, 74, 75, 76

WHY = {
    INTERRUPTED: "was interrupted before anything was changed",
    NO_ROOM: "could not keep the old content or write the new one (disk full, read-only, or no right to)",
    SHORT: "did not arrive whole, so nothing was changed",
    NOT_AS_WANTED: "was written, but what is there now is not what was sent",
}

SEEN = r"""
if [ -h "$1" ]; then echo link
elif [ -f "$1" ]; then sha256sum <"$1" | cut -c 1-64
elif [ -e "$1" ]; then echo odd
else echo absent; fi
"""

# $1 file or crontab, $2 its path or user, $3 bytes that follow on standard input ("kept": take $9 instead, "none":
# remove it), $4 digest wanted, $5 digest expected now, $6 directory for the old content, $7 mode ("" keeps what is
# there), $8 owner, $9 file to put back, ${10} the crontab program
PUT = r"""
set -u; umask 077
what=$1 target=$2 size=$3 wanted=$4 expected=$5 keep=$6 mode=$7 owner=$8 from=$9 crontab=${10}
digest() { sha256sum | cut -c 1-64; }
now() {
  if [ "$what" = crontab ]; then
    if "$crontab" -u "$target" -l >"$keep/seen" 2>"$keep/said"; then digest <"$keep/seen"
    elif grep -q 'no crontab for' "$keep/said"; then echo absent
    else echo unreadable; fi
  elif [ -h "$target" ]; then echo link
  elif [ -f "$target" ]; then digest <"$target"
  elif [ -e "$target" ]; then echo odd
  else echo absent; fi
}
keep_old() {
  if [ "$what" = crontab ]; then cp -- "$keep/seen" "$keep/old"; else cp -p -- "$target" "$keep/old"; fi &&
  [ "$(digest <"$keep/old")" = "$expected" ] && flush "$keep/old"
}
flush() { sync -- "$1" 2>/dev/null || sync; }
receive() {
  if [ "$size" = kept ]; then cp -p -- "$from" "$new"; return; fi
  if [ "$what" = file ] && [ -z "$mode" ] && [ -f "$target" ]; then cp -p -- "$target" "$new" || return; fi
  cat >"$new" || return
  [ "$(wc -c <"$new")" -eq "$size" ] || exit 74
}
mkdir -p -- "$keep" || exit 73
if [ "$what" = file ]; then new=${target%/*}/.fleetkeeper.${target##*/}.new; else new=$keep/new; fi
trap 'rm -f -- "$new" "$keep/seen" "$keep/said"' EXIT
trap 'exit 71' HUP INT TERM
rm -f -- "$new" || exit 73
if [ "$size" != none ]; then
  receive || exit 73
  [ "$(digest <"$new")" = "$wanted" ] || exit 74
  if [ -n "$mode" ]; then chown -- "$owner" "$new" && chmod -- "$mode" "$new" || exit 73; fi
  flush "$new"
fi
[ "$(now)" = "$expected" ] || exit 75
if [ "$expected" != absent ]; then keep_old || exit 73; fi
case $what-$size in
  file-none) rm -f -- "$target" ;;
  file-*) mv -f -- "$new" "$target" ;;
  crontab-none) "$crontab" -u "$target" -r >/dev/null 2>&1 ;;
  *) "$crontab" -u "$target" - <"$new" >/dev/null 2>&1 ;;
esac || exit 76
if [ "$what" = file ]; then flush "${target%/*}/"; fi
[ "$(now)" = "$wanted" ] || exit 76
"""
