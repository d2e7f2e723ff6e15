#!/bin/sh
# Judges one file, and prints NUMBER KIND STATE REASON LINE CONTENTS STATUS LENGTH MESSAGE in one line. It ends with 6 when the
# file could not be read. Arguments: number, format, file, mark; the programs and settings come in the environment.

exec 2>/dev/null
set -f
number=$1 form=$2 file=$3 mark=$4
[ -f "$file" ] && exec 5<"$file" || exit 6
[ "$(stat -c %d:%i -- "$file")" = "$(stat -L -c %d:%i /proc/self/fd/5)" ] || exit 6
file=/proc/self/fd/5
kind() { # of the first bytes on standard input
  head -c 512 2>/dev/null | od -An -tx1 -v | awk -v signs="$signs" "$kinds"
}
hear() { # $said: what the words say on standard error, in one line; $rc: their exit status
  said=$({ "$@" 2>&1 >&3 3>&-; printf " %s" "$?"; } | tail -c 2000)
  rc=${said##* }
  # shellcheck disable=SC2086 # words that are meant to be split
  set -- ${said% *}
  said=$*
}
unpack() { if [ "$form" = sql.gz ]; then gzip -dc; else cat; fi <"$file"; }
length_of() { if [ $# -eq 4 ]; then echo "$(($1 + ($2 << 8) + ($3 << 16) + ($4 << 24)))"; else echo -; fi; }
read_text() { # words that print the text
  told=-
  if [ -n "$closing" ] && [ "$form" = sql.gz ]; then
    # shellcheck disable=SC2046 # numbers that are meant to be split
    told=$(length_of $(tail -c 4 <"$file" | od -An -tu1 -v))
  fi
  seen=$({ hear "$@"; printf "\n%s %s %s %s\n" "$mark" "$rc" "$told" "$said"; } 3>&1 |
    if [ -n "$zeros" ]; then tr "\000\001" "\001\002" | awk -v mark="$mark" "$judge"
    else awk -v mark="$mark" "$judge"; fi)
}
read_archive() { # where its text goes to
  if [ -z "$inside" ]; then pg_restore -f "$1"
  else docker exec -i "$inside" sh -c "$bounded" sh "$seconds" "$1"; fi <"$file"
}
told_of_archive() { # STATE REASON LINE CONTENTS STATUS LENGTH MESSAGE, of its text
  holds=$4 rc=$5
  shift 6
  if [ "$rc" = 0 ]; then seen="complete - 0 $holds 0 - "; else seen="unknown failed 0 $holds $rc - $*"; fi
}
if [ "$form" = dump ]; then
  if ! read_text read_archive /dev/stdout; then
    hear read_archive /dev/null 3>/dev/null
    seen="- - 0 - $rc - $said"
  fi
  # shellcheck disable=SC2086 # words that are meant to be split
  told_of_archive $seen
else
  # shellcheck disable=SC3045 # dash, BusyBox and bash have it, and another shell goes on without
  [ -z "$memory" ] || ulimit -v "$memory" 2>/dev/null
  read_text unpack || exit 6
fi
# shellcheck disable=SC2086 # words that are meant to be split
set -- $seen
what=-
inner() { if [ "$1" = 0 ] && [ "$form" != dump ]; then unpack 2>/dev/null; else cat <"$file"; fi; }
if [ "$1" != complete ]; then
  what=$(inner "$5" | kind)
  case $form$5$what in sql.gz0gzip) ;; sql.gz*gzip | dump*custom | dump*tar) what=- ;; esac
  if [ "$what" = zeros ] && [ "$(inner "$5" | tr -d "\000" | head -c 1 | wc -c)" -eq 0 ]; then what=void; fi
fi
printf "%s %s %s\n" "$number" "$what" "$seen"
