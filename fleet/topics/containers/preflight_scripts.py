"""What is run on a node before a container is given another user: constant text for any POSIX sh."""

# Start scripts are read through links, but never outside the container's own root.
START = r"""
pid=$1; shift
root=/proc/$pid/root
[ -d "$root/." ] || { echo "may not look into the container" >&2; exit 71; }
floor=$(nsenter -t "$pid" -n cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null) || floor=1024
echo "floor ${floor:-1024}"
awk '$4 == "0A" { n = split($2, a, ":"); print "port " a[n] }' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null
seen() {
  at=$root$1; hops=0
  while [ -L "$at" ] && [ $hops -lt 5 ]; do
    to=$(readlink "$at")
    case $to in /*) at=$root$to ;; *) at=${at%/*}/$to ;; esac
    hops=$((hops + 1))
  done
  [ -f "$at" ] && [ ! -L "$at" ] || return 1
  [ "$(head -c 2 "$at" | tr -d '\000')" = '#!' ] && head -c 65536 "$at" | grep -v '^ *#' |
    grep -owE 'runuser|su|gosu|su-exec|setpriv|sudo|chown|chmod|setuidgid' | sort -u | sed 's/^/helper /'
  return 0
}
for word in "$@"; do
  case $word in
    /*) seen "$word" ;;
    */*) ;;
    *) for directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
         seen "$directory/$word" && break
       done ;;
  esac
done
exit 0
"""

# What the container's own files say about users is checked to be numbers: find would take anything else as its own.
# Who may use what: owner, group, others, in the kernel's order (path_resolution(7)); access lists are not considered.
# $source is where; $uid and $groups who; $d and $f the bits that are needed on directories and files.
DENIED = r"""
denied() {
  first=$1; shift
  find "$source" -xdev $first \( -type d ! \( -user $uid -perm -${d}00 -o ! -user $uid $groups -perm -0${d}0 \
      -o ! -user $uid ! $groups -perm -00$d \) -o ! -type d ! -type l ! \( -user $uid -perm -${f}00 \
      -o ! -user $uid $groups -perm -0${f}0 -o ! -user $uid ! $groups -perm -00$f \) \) "$@"
}
"""

ACCESS = (
    DENIED
    + r"""
pid=$1 user=$2; shift 2
etc=/proc/$pid/root/etc
entry=$(awk -F: -v u="$user" '$1 == u { print; exit }' "$etc/passwd")
[ -n "$entry" ] || entry=$(awk -F: -v u="$user" '$3 == u { print; exit }' "$etc/passwd")
[ -n "$entry" ] || entry="$user:x:$user:0:"
name=${entry%%:*}
uid=$(printf %s "$entry" | cut -d: -f3)
gid=$(printf %s "$entry" | cut -d: -f4)
number() { case $1 in '' | *[!0-9]*) echo "/etc/passwd or /etc/group holds an odd number" >&2; exit 74 ;; esac; }
number "$uid"; number "$gid"
echo "who $uid $gid"
groups="( -group $gid"
for extra in $(awk -F: -v u="$name" '{ n = split($4, m, ","); for (i = 1; i <= n; i++) if (m[i] == u) print $3 }' \
               "$etc/group" 2>/dev/null); do
  number "$extra"
  groups="$groups -o -group $extra"
done
groups="$groups )"
while [ $# -ge 2 ]; do
  if [ "$1" = rw ]; then d=7 f=6; else d=5 f=4; fi
  source=$2; shift 2
  echo "mount"
  [ -e "$source" ] || { echo "$source is not there" >&2; exit 72; }
  denied -prune >/dev/null || exit 73
  denied '' | head -n 1001 | wc -l
  denied '' | head -n 3 | while IFS= read -r path; do stat -c '%u:%g %a %n' "$path"; done | sed 's/^/ /'
done
"""
)

# What was only a directory is left out: its content is listed by itself.
DIFF = r"""
pid=$1
changed=$(docker diff "$2") || exit 71
printf '%s\n' "$changed" | while IFS= read -r line; do
  [ -d "/proc/$pid/root${line#? }" ] && [ ! -L "/proc/$pid/root${line#? }" ] || printf '%s\n' "$line"
done
"""
