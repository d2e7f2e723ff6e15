#!/bin/sh
# Puts new content in the place of a file or a crontab, and keeps the old. Arguments: `file` or `crontab`; its path or
# user; how many bytes follow on standard input ("kept": take $9 instead, "none": remove it); the digest wanted; the
# digest expected now; the directory for the old content; the mode ("" keeps the old one); the owner; the file to put
# back; the crontab program.

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
