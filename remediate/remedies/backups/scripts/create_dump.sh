#!/bin/sh
# Makes a dump, in the database's container. Arguments: directory there, name, user and database (empty: the container's
# own), format, the KiB that must be free, and a pattern of the shell that the names of unfinished dumps match.
#
# The exit status of pg_dump is known (the image's own `backup` loses it and leaves a gzip of nothing), and only a whole
# dump, flushed to the disk, gets a backup's name.

set -u
umask 027

# include fleetkeeper/topics/backups/scripts/own_reason.sh

directory=$1 name=$2 user=$3 database=$4 form=$5 needed=$6 parts=${7:-}
cd -- "$directory" || { echo "$directory is not there" >&2; exit 65; }
# What a dump left that ended with its node: a part that nobody has written to for an hour, and nobody here has open.
is_open() { for file in /proc/[0-9]*/fd/*; do [ "$file" -ef "$1" ] && return 0; done; return 1; }
for old in ${parts:+./$parts}; do
  if [ -f "$old" ] && [ ! -L "$old" ] && [ -n "$(find "$old" -prune -mmin +60 2>/dev/null)" ]; then
    is_open "$old" || rm -f -- "$old"
  fi
done
free=$(df -Pk . | { read -r head; read -r system all used free rest; echo "$free"; })
[ "${free:-0}" -ge "$needed" ] || { echo "only ${free:-0} KiB are free, $needed are needed" >&2; exit 73; }
# A shell's noclobber opens what is no regular file, and waits for whoever reads a FIFO.
is_taken() { [ -e "$1" ] || [ -h "$1" ]; }
! is_taken "./$name" || { echo "$name is already there" >&2; exit 75; }
part="./$name.part"
stopped=
trap 'stopped=yes' HUP INT TERM
if is_taken "$part" || ! (set -C; : >"$part") 2>/dev/null; then
  [ ! -f "$part" ] || [ -h "$part" ] || { echo "$name.part is there: another dump writes it" >&2; exit 75; }
  ! is_taken "$part" || { echo "$name.part is there, and is no regular file: remove it" >&2; exit 75; }
  echo "no file can be made in $directory" >&2
  exit 73
fi
trap 'rm -f -- "$part"' EXIT
trap 'exit 71' HUP INT TERM
[ -z "$stopped" ] || exit 71
user=${user:-${POSTGRES_USER:-postgres}}
database=${database:-${POSTGRES_DB:-$user}}
if [ -z "${PGPASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
export PGDATABASE="$database"
dump() {
  if [ "$form" = dump ]; then pg_dump -w -Fc -U "$user"; else pg_dump -w -U "$user"; fi
}
pack() { if [ "$form" = sql.gz ]; then gzip; else cat; fi; }
unpack() { if [ "$form" = sql.gz ]; then gzip -dc -- "$part"; else cat -- "$part"; fi; }
ends=$({ { dump; echo "ended $?" >&3; } | pack >"$part"; echo "ended $?" >&3; } 3>&1 2>&1)
[ "$(printf '%s\n' "$ends" | grep -cx 'ended 0')" = 2 ] || {
  echo "the dump failed: $(printf '%s\n' "$ends" | grep -v '^ended [0-9]*$' | own_reason)" >&2
  exit 66
}
if [ "$form" = dump ]; then
  pg_restore -f /dev/null -- "$part" || exit 67
else
  end='-- PostgreSQL database dump complete'
  ends=$({ { unpack; echo $? >&3; } | tail -n 20 | grep -qxe "$end"; echo $? >&3; } 3>&1)
  [ "$ends" = "0
0" ] || { echo "what was written is not a whole dump" >&2; exit 67; }
fi
sync -- "$part" 2>/dev/null || sync
# A second name never replaces a file. Where there are no hard links, the name is taken first, and then replaced.
if ! ln -- "$part" "./$name" 2>/dev/null; then
  { ! is_taken "./$name" && (set -C; : >"./$name") 2>/dev/null; } || { echo "$name is already there" >&2; exit 68; }
  mv -f -- "$part" "./$name" || { rm -f -- "./$name"; echo "$name could not be given its name" >&2; exit 68; }
fi
rm -f -- "$part"
sync -- . 2>/dev/null || sync
