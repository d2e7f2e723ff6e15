#!/bin/sh
# Prints what a container listens on, and which programs that change users its start scripts call. Arguments: process of
# the container, then the words of its command.
#
# Start scripts are read through links, but never outside the container's own root: one name after the other, each
# directory held, links followed by hand.

# include fleetkeeper/transport/scripts/enter_below.sh

# include fleetkeeper/transport/scripts/is_opened.sh

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
    case $ahead in */*) ahead=${ahead#*/} last='' ;; *) ahead='' last=yes ;; esac
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
