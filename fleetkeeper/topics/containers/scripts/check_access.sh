#!/bin/sh
# Prints the uid and gid of a user of a container, and for each mount how many files that user could not use, with three
# of them. Arguments: process of the container, user, then `ro` or `rw` and a path for each mount.
#
# The container's own files are read from its own directory, held, and each as the one file that was opened; what is
# mounted is walked from its real path.

# include fleetkeeper/topics/containers/scripts/find_denied.sh

# include fleetkeeper/transport/scripts/enter_below.sh

# include fleetkeeper/transport/scripts/is_opened.sh

pid=$1 user=$2; shift 2
account() { # file of /etc
  ( enter_below "/proc/$pid/root" etc 2>/dev/null && [ -f "./$1" ] &&
    { is_opened 3 "$1" && head -c 1048576 <&3; } 3<"./$1" )
}
passwd=$(account passwd)
first() { printf '%s\n' "$passwd" | awk -F: -v u="$user" -v field="$1" '$field == u { print; exit }'; }
entry=$(first 1)
[ -n "$entry" ] || entry=$(first 3)
[ -n "$entry" ] || entry="$user:x:$user:0:"
name=${entry%%:*}
uid=$(printf %s "$entry" | cut -d: -f3)
gid=$(printf %s "$entry" | cut -d: -f4)
number() { case $1 in '' | *[!0-9]*) echo "/etc/passwd or /etc/group holds an odd number" >&2; exit 74 ;; esac; }
number "$uid"; number "$gid"
echo "who $uid $gid"
groups="( -group $gid"
for extra in $(account group |
    awk -F: -v u="$name" '{ n = split($4, m, ","); for (i = 1; i <= n; i++) if (m[i] == u) print $3 }'); do
  number "$extra"
  groups="$groups -o -group $extra"
done
groups="$groups )"
if find / -prune -printf '' 2>/dev/null; then printf=yes; else printf=; fi
owners() { # the prefix of what find names as ./…
  if [ -n "$printf" ]; then denied '' -printf '%U:%G %m %p\n' | head -n 3
  else denied '' | head -n 3 | while IFS= read -r path; do stat -c '%u:%g %a %n' -- "$path"; done; fi |
    while IFS= read -r line; do
      case $line in *' '*' .'*) owner=${line%% .*}; printf ' %s %s%s\n' "$owner" "$1" "${line#"$owner" .}" ;;
      *) printf ' %s\n' "$line" ;; esac
    done
}
while [ $# -ge 2 ]; do
  if [ "$1" = rw ]; then d=7 f=6; else d=5 f=4; fi
  mounted=$2; shift 2
  echo "mount"
  [ -e "$mounted" ] || { echo "$mounted is not there" >&2; exit 72; }
  if [ -d "$mounted" ]; then above=$mounted source=.
  else above=${mounted%/*} source=./${mounted##*/}; fi
  cd -P -- "${above:-/}" || exit 72
  denied -prune >/dev/null || exit 73
  denied '' | head -n 1001 | wc -l
  owners "$above"
done
