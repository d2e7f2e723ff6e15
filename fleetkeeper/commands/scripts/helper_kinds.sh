#!/bin/sh
# `is_KIND WORD` says whether a word of a question looks as it must. None may begin with a dash where a program could
# take it for an option.

is_text() { :; }
is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }
is_id() { case $1 in '' | *[!0-9a-f]*) return 1 ;; esac; }
is_word() { case $1 in -* | *[!A-Za-z0-9_./@+-]*) return 1 ;; esac; }
is_path() { case $1 in /*) ;; *) return 1 ;; esac; }
is_user() { case $1 in -* | =* | @* | /* | \?* | \&*) return 1 ;; esac; }
is_where() { case $1 in '' | -* | *[!][A-Za-z0-9.:_-]*) return 1 ;; esac; }
is_tls() { case $1 in -servername | -noservername | -starttls) ;; *) is_where "$1" ;; esac; }
is_served() { case $1 in hook:*) is_hook "${1#hook:}" ;; *) is_path "$1" || is_where "$1" ;; esac; }
# A file in a container whose text is shown: one that root's own schedules name as a hook, so that no asker can choose.
is_hook() {
  is_path "$1" && is_word "$1" || return 1
  { grep -hsF -- "$1" /var/spool/cron/crontabs/root /var/spool/cron/tabs/root /var/spool/cron/root /etc/crontab \
    /etc/cron.d/* /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/* /etc/cron.yearly/*
    grep -rhsF -- "$1" /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system
  } | grep -v '^[[:space:]]*#' | grep -qE -- "-hook[=[:space:]]+[\"']*$(printf %s "$1" | sed 's/[.+]/\\&/g')([\"'[:space:]]|\$)"
}
is_here() { case $1 in 127.0.0.1:*) is_number "${1#127.0.0.1:}" ;; *) return 1 ;; esac; }
is_asked() { case $1 in =/* | /* | \?/*) ;; \&?*) is_word "${1#&}" ;; @/*) is_word "${1#@}" ;; *) is_user "$1" ;; esac; }
# A process of a container of the node's own engine: whoever makes namespaces of their own decides what is at / there.
is_process() {
  is_number "$1" || return 1
  case $1 in 0* | 1) return 1 ;; esac
  grep -qsE '[0-9a-f]{64}' "/proc/$1/cgroup" && ! grep -qsE 'user\\?\.slice|/user/' "/proc/$1/cgroup"
}
# The same, or one that has ended by now: its number may be anybody's the next moment, so it is not what is asked about.
is_processes() {
  case $1 in '' | 0* | 1 | *[!0-9]*) return 1 ;; esac
  if [ -d "/proc/$1" ]; then is_process "$1"; else gone="$gone $1 "; fi
}
gone=
# What containers have mounted, in the words of the node's own engine: an account could run one that names any place.
is_access() {
  case $1 in ro | rw) return ;; /*) ;; *) return 1 ;; esac
  case $1 in *'
'*) return 1 ;; esac
  [ -n "$mounted" ] || mounted=$(mounts)
  printf '%s\n' "$mounted" | grep -qxF -- "$1"
}
mounted=
# shellcheck disable=SC2030 # a subshell that asks the engine of this node
mounts() (
  [ -S /run/docker.sock ] || [ -S /var/run/docker.sock ] || exit
  DOCKER_HOST=
  for_docker
  ids=$(docker ps -aq --no-trunc) && [ -n "$ids" ] || exit
  # shellcheck disable=SC2086 # ids, to be split
  docker inspect --type container --format '{{range .Mounts}}{{println .Source}}{{end}}' $ids
)
# shellcheck disable=SC2031 # only that subshell sets it
docker() { env -i PATH="$PATH" HOME=/root DOCKER_HOST="$DOCKER_HOST" docker "$@"; }
# Where dumps are, by its real path; $1 volume, $2 path, $3 directory below it.
place_of() (
  at=$(root_of "$1" "$2") && cd -P -- "$at" && top=$(pwd -P) && cd -P -- "./$3" && at=$(pwd -P) || exit 1
  case $at/ in /dev/* | /proc/* | /sys/*) exit 1 ;; "${top%/}"/*) printf '%s\n' "$at" ;; *) exit 1 ;; esac
)
# The next words are files in it.
stands_in() { [ "$1" = "$2" ] && cd -P -- "$2" && [ "$(pwd -P)" = "$2" ]; }
