#!/bin/sh
# Prints where processes of containers write logs, what of Sentry they have, and who reads logs on this node. Arguments:
# the first process of each container; as `search:PID` its files are searched for an SDK of Sentry too; `journal` for the
# limits of the journal.
#
# Parts are `=NAME WORDS`, then rows with a blank before them. No line of a log, no value of a variable and no content of
# a container's file is printed, no link of a container is followed, and line breaks in names become `?`.

find /proc/self -prune -printf '' 2>/dev/null || { echo "find on this node has no -printf" >&2; exit 72; }
LC_ALL=C; export LC_ALL
rows() { tr '\n\000' '?\n' | head -c 65536; }
firsts='' searched=' ' journal=''
for word in "$@"; do
  case $word in
  journal) journal=yes ;;
  search:*) searched="$searched${word#search:} " firsts="$firsts ${word#search:}" ;;
  *) firsts="$firsts $word" ;;
  esac
done
# The processes of a container are those in the mount namespace of its first one.
members=$({
  for pid in $firsts; do stat -L -c "first $pid %i" "/proc/$pid/ns/mnt"; done
  stat -L -c '%i %n' /proc/[0-9]*/ns/mnt
} 2>/dev/null | awk '
  $1 == "first" { first[$3] = $2; next } ($1 in first) { split($2, path, "/"); print first[$1], path[3] }')
members_of() { printf '%s\n' "$members" | awk -v first="$1" '$1 == first { print $2 }' | head -n 200; }
mount_of() { # process, descriptor: the kind and the point of the mount that an open file is in
  id=$(sed -n 's/^mnt_id:[[:space:]]*//p' "/proc/$1/fdinfo/$2" 2>/dev/null)
  [ -z "$id" ] || awk -v id="$id" '
    $1 == id { for (i = 7; i < NF; i++) if ($i == "-") { print $(i + 1), $5; exit } }' "/proc/$1/mountinfo" 2>/dev/null
}
open_logs() { # processes: those of their open files that look like logs and are open for writing
  # shellcheck disable=SC2046 # numbers, to be split
  set -- $(printf '/proc/%s/fd ' "$@")
  find "$@" -maxdepth 1 -type l -perm -200 -lname '/*' \( -lname '*.log' -o -lname '*.log (deleted)' -o -lname '*.err' \
    -o -lname '*/log/*' -o -lname '*/logs/*' \) ! -lname '/proc/*' ! -lname '/dev/*' -printf '%p %l\0' 2>/dev/null | rows |
    awk '{ path = $0; sub(/^[^ ]* /, "", path) } !seen[path]++' | head -n 40 |
    while read -r link path; do
      process=${link#/proc/}
      mounted=$(mount_of "${process%%/*}" "${link##*/}")
      number=$(stat -L -c '%d:%i' "$link" 2>/dev/null)
      printf ' file %s %s %s\n' "${number:-?}" "${mounted:-? ?}" "$path"
    done
}
programs() { # processes: what they run
  # shellcheck disable=SC2046 # numbers, to be split
  set -- $(printf '/proc/%s/exe ' "$@")
  find "$@" -printf '%l\0' 2>/dev/null | rows | sort -u | head -n 40 | sed -n 's/^\/.*/ program &/p'
}
variables() { # processes: the names of variables of Sentry that have a value in one of them, a DSN's that of an address
  # shellcheck disable=SC2046 # numbers, to be split
  set -- $(printf '/proc/%s/environ ' "$@")
  cat "$@" 2>/dev/null | tr '\n\000' '?\n' | head -c 4194304 |
    sed -n -e '/^[A-Za-z0-9_]*[Dd][Ss][Nn][A-Za-z0-9_]*=/{' -e '/=https*:\/\/[^ ]*@./!d' -e '}' \
      -e 's/^\([A-Za-z0-9_]*[Ss][Ee][Nn][Tt][Rr][Yy][A-Za-z0-9_]*\)=..*/ filled \1/p' | sort -u | head -n 20
}
secrets() { # process: what is mounted into its container under a name of Sentry
  awk 'tolower($5) ~ /(sentry|dsn)[^\/]*$/ { print " secret " $5 }' "/proc/$1/mountinfo" 2>/dev/null | head -n 20
}
search() { # process: the first SDK of Sentry in the container's own layers
  package=$(timeout 6 find "/proc/$1/root/" -xdev -maxdepth 10 -type d \( -name sentry_sdk -o -path '*-packages/raven' \
    -o -path '*/node_modules/@sentry/node' -o -name 'sentry-ruby-[0-9]*' -o -path '*/vendor/sentry/sentry' \) \
    -printf '%P' -quit 2>/dev/null)
  rc=$?
  if [ -n "$package" ]; then printf '%s\0' "$package" | rows | sed 's/^/ package \//'
  elif [ "$rc" = 0 ]; then echo ' searched'; fi
}
for pid in $firsts; do
  printf '=container %s\n' "$pid"
  # shellcheck disable=SC2046 # numbers, to be split
  set -- $(members_of "$pid")
  if [ $# = 0 ] || ! ls "/proc/$pid/fd" >/dev/null 2>&1; then echo ' hidden'; continue; fi
  programs "$@"
  open_logs "$@"
  variables "$@"
  secrets "$pid"
  case $searched in *" $pid "*) search "$pid" ;; esac
done
# Whoever has the log of a container open for reading ships it; one that is known by its name may ask the engine instead.
readers=$(find /proc/[0-9]*/fd -maxdepth 1 -type l -perm 500 -lname '*-json.log' 2>/dev/null | sed 's/fd.*/comm/' | sort -u)
named=$(grep -lsxE 'promtail|fluent-bit|fluentd|vector|alloy|grafana-agent|filebeat|otelcol|otelcol-contrib' /proc/[0-9]*/comm)
printf '%s\n' "$readers" "$named" | sort -u | head -n 20 | while read -r comm; do
  { read -r name < "$comm"; } 2>/dev/null || continue
  # The engine itself, and what people read with for a while.
  case $name in dockerd | tail | less | more | most | cat | grep | head | view | vi | vim | vim.* | nano) continue ;; esac
  printf '=shipper %s\n' "$name"
  find "${comm%comm}fd" -maxdepth 1 -type l -lname '/*' -printf '%l\0' 2>/dev/null | rows | sort -u |
    sed -n -e 's/.*\/\([0-9a-f]\{64\}\)-json\.log$/ reads \1/p' -e 's/.*\.journal$/ journal/p'
  find "${comm%comm}fd" -maxdepth 1 -type l -lname '/*' -exec stat -L -c ' file %d:%i' {} + 2>/dev/null |
    sort -u | head -n 500
done
if [ -n "$journal" ] && conf=$(systemd-analyze cat-config systemd/journald.conf 2>/dev/null); then
  echo '=journal'
  printf '%s\n' "$conf" | sed -n 's/^\(Storage\|SystemMaxUse\|SystemKeepFree\)=[[:space:]]*\([A-Za-z0-9.]*\)$/ \1 \2/p'
  df -kP /var/log/journal 2>/dev/null | awk 'END { if (NR > 1) print " disk " $2 }'
fi
echo '=end'
