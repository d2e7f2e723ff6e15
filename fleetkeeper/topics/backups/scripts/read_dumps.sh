#!/bin/sh
# `each FILE…` judges dumps, and prints a line for each (see read_dump.sh). Arguments: directory, format, the service
# whose container has pg_restore, then the files as ./NAME.
#
# The mark between a text and what its reader said is random, made on the node: no file can hold it. An archive
# (`pg_dump -Fc`) is read to its end by pg_restore: `pg_restore -l` reads its table of contents only, and passes a
# truncated one. Each file has a time limit of its own, so that one with which a tool never ends costs only itself;
# after two of those the rest has to wait. What runs in the container has its limit there: it does not end with `docker
# exec`. Where awk ends a line at a zero byte (BusyBox, the original), `tr` makes it a 1 before, and a 1 a 2. $signs:
# what files begin with, in hex, and our word for it. A word is all that leaves the node: no byte of the file does.

# include fleetkeeper/topics/backups/scripts/list_files.sh

renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
enter "$1"
form=$2 service=$3
shift 3
judge='# include fleetkeeper/topics/backups/scripts/dump_sections.awk'
kinds='# include fleetkeeper/topics/backups/scripts/file_kind.awk'
signs='1f8b gzip 28b52ffd zstd fd377a585a xz 425a68 bzip2 04224d18 lz4 02214c18 lz4 894c5a4f lzop 4c5a4950 lzip 1f9d compress 504b0304 zip 377abcaf 7z 5047444d50 custom 53616c7465645f5f openssl 6167652d656e6372 age 2d2d2d2d2d424547494e20 armour 8c0d gpg 850 gpg 840 gpg c1c gpg 53514c69746520666f726d6174 sqlite 2d2d0a2d2d20506f737467726553514c20646174616261736520 plain 3c21 html 3c68 html 3c48 html 3c3f html 2d2d204d7953514c20 mysql 2d2d204d617269614442 mysql 2f2a21 mysql 2f2a4d21 mysql 70675f64756d703a20 message 70675f64756d70616c6c3a20 message'
look='# include fleetkeeper/topics/backups/scripts/read_dump.sh'
# shellcheck disable=SC2016,SC2089 # a program for another shell
bounded='
  if timeout 5 true 2>/dev/null; then exec timeout "$1" pg_restore -f "$2"; fi
  exec pg_restore -f "$2"
'
watch='# include fleetkeeper/transport/scripts/run_with_limit.sh'
closing='' zeros='' inside=''
if [ "$(printf 'a\000b\n' | awk '{ print (length($0) == 3 && $0 ~ /\000/ && "a" !~ /\000/) }')" = 1 ]; then
  # shellcheck disable=SC2089 # a program for awk
  judge=$judge'/\000/ { if (!zero) zero = n + 1; if (db || cluster) fails("zeros", n + 1) }
'
else
  zeros=1
  judge=$judge'/\001/ { if (!zero) zero = n + 1; if (db || cluster) fails("zeros", n + 1) }
'
fi
if [ "$form" = sql.gz ]; then
  case $(gzip --version 2>/dev/null) in
  'gzip 1.'*) ;;
  *)
    closing=1
    # shellcheck disable=SC2016 # a program for awk
    judge=$judge'{ bytes += length($0) + 1 }
'
    ;;
  esac
fi
judge=$judge'# include fleetkeeper/topics/backups/scripts/dump_lines.awk'
if timeout --version >/dev/null 2>&1; then limited=1; else limited=; fi
memory=$(awk '/^MemTotal:/ { printf "%d", $2 / 2 }' /proc/meminfo 2>/dev/null)
# shellcheck disable=SC2090 # programs, which sh and awk get whole
export judge kinds signs bounded closing zeros inside seconds memory
mark=$(printf '\002'; od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
[ ${#mark} -eq 33 ] || { echo "no random bytes" >&2; exit 7; }
running() { docker ps --quiet --no-trunc --filter status=running "$@" | head -n 1; }
need_pg_restore() {
  command -v pg_restore >/dev/null 2>&1 && return
  inside=$(running --filter "label=com.docker.swarm.service.name=$service")
  [ -n "$inside" ] || inside=$(running --filter "label=com.docker.compose.service=${service#*/}")
  [ -n "$inside" ] || inside=$(running --filter "name=^/$service\$")
  [ -n "$inside" ] || { echo "no pg_restore on this node, and no container of $service to run it in" >&2; exit 10; }
}
within() { # seconds, words
  if [ -n "$limited" ]; then timeout -k 5 "$@" & else sh -c "$watch" sh "$@" & fi
  child=$!
  wait "$child"
}
each() {
  child=
  trap 'trap "" TERM; [ -z "$child" ] || kill "$child" 2>/dev/null; exit 143' TERM
  [ "$form" != dump ] || need_pg_restore
  printf '' | awk '{ }' || exit 8
  number=0 slow=0
  seconds=$(stat -c %s -- "$@" 2>/dev/null | awk '$1 > most { most = $1 } END { printf "%d", most / 10000000 + 30 }')
  for file; do
    number=$((number + 1))
    if [ "$slow" -ge 2 ]; then echo "$number - unknown late 0 - 0 - "; continue; fi
    within "$seconds" sh -c "$look" look "$number" "$form" "$file" "$mark"
    case $? in
    0) ;;
    124 | 137 | 143) slow=$((slow + 1)); echo "$number - unknown slow 0 - 124 - " ;;
    *) echo "$number - unknown died 0 - 0 - " ;;
    esac
  done
}
