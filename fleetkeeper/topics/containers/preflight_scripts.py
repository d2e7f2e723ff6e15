"""What is run on a node before a container is given another user: constant text for any POSIX sh."""

from __future__ import annotations

from fleetkeeper.transport.shell_functions import CAPPED_DOCKER, ENTER_BELOW, IS_OPENED

# Start scripts are read through links, but never outside the container's own root: one name after the other, each
# directory held, links followed by hand.
START = (
    ENTER_BELOW
    + IS_OPENED
    + r"""
pid=$1; shift
root=/proc/$pid/root
[ -d "$root/." ] || { echo "may not look into the container" >&2; exit 71; }
floor=$(nsenter -t "$pid" -n cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null) || floor=1024
echo "floor ${floor:-1024}"
awk '$4 == "0A" { n = split($2, a, ":"); print "port " a[n] }' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null
seen() {
  ahead=${1#/} hops=0
  cd -P -- "$root" || return 1
  while [ -n "$ahead" ]; do
    name=${ahead%%/*}
    case $ahead in */*) ahead=${ahead#*/} last= ;; *) ahead= last=yes ;; esac
    case $name in
    '' | .) continue ;;
    ..) [ . -ef "$root/." ] || cd -P .. || return 1; continue ;;
    esac
    if [ -h "./$name" ]; then
      hops=$((hops + 1)); to=$(readlink "./$name") && [ "$hops" -lt 20 ] || return 1
      case $to in /*) cd -P -- "$root" || return 1 ;; esac
      ahead=$to${ahead:+/$ahead}
    elif [ -z "$last" ]; then step_into "$name" || return 1
    else
      [ -f "./$name" ] && { is_opened 3 "$name" && helpers; } 3<"./$name"; return
    fi
  done
  return 1
}
helpers() {
  text=$(head -c 65536 <&3 | tr -d '\000')
  case $text in '#!'*) ;; *) return 0 ;; esac
  printf '%s\n' "$text" | grep -v '^ *#' |
    grep -owE 'runuser|su|gosu|su-exec|setpriv|sudo|chown|chmod|setuidgid' | sort -u | sed 's/^/helper /'
  return 0
}
{
  for word in "$@"; do
    case $word in
      /*) seen "$word" ;;
      */*) ;;
      *) for directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
           seen "$directory/$word" && break
         done ;;
    esac
  done
} 2>/dev/null
exit 0
"""
)

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

# The container's own files are read from its own directory, held, and each as the one file that was opened; what is
# mounted is walked from where it really is.
ACCESS = (
    DENIED
    + ENTER_BELOW
    + IS_OPENED
    + r"""
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
"""
)

# What was only a directory is left out: its content is listed by itself.
DIFF = (
    CAPPED_DOCKER
    + ENTER_BELOW
    + r"""
root=/proc/$1/root
changed=$(docker diff "$2") || exit 71
printf '%s\n' "$changed" | while IFS= read -r line; do
  path=${line#? }
  { enter_below "$root" "${path%/*}" && [ -d "./${path##*/}" ] && [ ! -h "./${path##*/}" ]; } 2>/dev/null ||
    printf '%s\n' "$line"
done
"""
)
