"""The shell and awk that read dumps on a node: constant text, values only as arguments."""

from __future__ import annotations

import shlex

from fleetkeeper.topics.backups.dump_scanner import AWK_COUNT, AWK_HEAD, AWK_KIND, AWK_REST, AWK_ZEROS, SIGNS
from fleetkeeper.topics.backups.parse import SHELL_LIST
from fleetkeeper.transport.shell_protocol import LIMIT

LOOK = r"""
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
  set -- ${said% *}
  said=$*
}
unpack() { if [ "$form" = sql.gz ]; then gzip -dc; else cat; fi <"$file"; }
read_text() {
  told=-
  if [ -n "$closing" ] && [ "$form" = sql.gz ]; then
    set -- $(tail -c 4 <"$file" | od -An -tu1 -v)
    [ $# -ne 4 ] || told=$(($1 + ($2 << 8) + ($3 << 16) + ($4 << 24)))
  fi
  seen=$({ hear unpack; printf "\n%s %s %s %s\n" "$mark" "$rc" "$told" "$said"; } 3>&1 |
    if [ -n "$zeros" ]; then tr "\000\001" "\001\002" | awk -v mark="$mark" "$judge"
    else awk -v mark="$mark" "$judge"; fi) || exit 6
}
read_archive() {
  if [ -z "$inside" ]; then pg_restore -f /dev/null
  else docker exec -i "$inside" sh -c "$bounded" sh "$seconds"; fi <"$file"
}
if [ "$form" = dump ]; then
  hear read_archive 3>/dev/null
  if [ "$rc" = 0 ]; then seen="complete - 0 0 - "; else seen="unknown failed 0 $rc - $said"; fi
else
  [ -z "$memory" ] || ulimit -v "$memory" 2>/dev/null
  read_text
fi
set -- $seen
what=-
inner() { if [ "$1" = 0 ] && [ "$form" != dump ]; then unpack 2>/dev/null; else cat <"$file"; fi; }
if [ "$1" != complete ]; then
  what=$(inner "$4" | kind)
  case $form$4$what in sql.gz0gzip) ;; sql.gz*gzip | dump*custom | dump*tar) what=- ;; esac
  if [ "$what" = zeros ] && [ "$(inner "$4" | tr -d "\000" | head -c 1 | wc -c)" -eq 0 ]; then what=void; fi
fi
printf "%s %s %s\n" "$number" "$what" "$seen"
"""
"""Look at one file, and say NUMBER KIND STATE REASON LINE STATUS LENGTH MESSAGE in one line; ends with 6 when it could
not."""

SHELL_STREAM = (
    SHELL_LIST
    + r"""
renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
cd -P -- "$1" || exit 5
form=$2 service=$3
shift 3
judge='"""
    + AWK_HEAD
    + r"""'
kinds='"""
    + AWK_KIND
    + r"""'
signs='"""
    + " ".join(f"{sign} {word}" for sign, word in SIGNS)
    + r"""'
look='"""
    + LOOK
    + r"""'
bounded='
  if timeout 5 true 2>/dev/null; then exec timeout "$1" pg_restore -f /dev/null; fi
  exec pg_restore -f /dev/null
'
watch="""
    + shlex.quote(LIMIT)
    + r"""
closing= zeros= inside=
if [ "$(printf 'a\000b\n' | awk '{ print (length($0) == 3 && $0 ~ /\000/ && "a" !~ /\000/) }')" = 1 ]; then
  judge=$judge'"""
    + AWK_ZEROS
    + r"""'
else
  zeros=1
  judge=$judge'"""
    + AWK_ZEROS.replace("000", "001")
    + r"""'
fi
if [ "$form" = sql.gz ]; then
  case $(gzip --version 2>/dev/null) in
  'gzip 1.'*) ;;
  *)
    closing=1
    judge=$judge'"""
    + AWK_COUNT
    + r"""'
    ;;
  esac
fi
judge=$judge'"""
    + AWK_REST
    + r"""'
if timeout --version >/dev/null 2>&1; then limited=1; else limited=; fi
memory=$(awk '/^MemTotal:/ { printf "%d", $2 / 2 }' /proc/meminfo 2>/dev/null)
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
    if [ "$slow" -ge 2 ]; then echo "$number - unknown late 0 0 - "; continue; fi
    within "$seconds" sh -c "$look" look "$number" "$form" "$file" "$mark"
    case $? in
    0) ;;
    124 | 137 | 143) slow=$((slow + 1)); echo "$number - unknown slow 0 124 - " ;;
    *) echo "$number - unknown died 0 0 - " ;;
    esac
  done
}
"""
)
"""Arguments: directory, format, the service whose container has pg_restore, then the files as ./NAME. `each FILE…`
prints a line for each, in the words of `LOOK`.

The mark between a text and what its reader said is random, made on the node: no file can hold it. An archive
(`pg_dump -Fc`) is read to its end by pg_restore: `pg_restore -l` reads its table of contents only, and passes a
truncated one. Each file has a time limit of its own, so that one with which a tool never ends costs itself; after two
of those the rest has to wait. What runs in the container has its limit there: it does not end with `docker exec`.
Where awk ends a line at a zero byte (BusyBox, the original), `tr` makes it a 1 before, and a 1 a 2.
"""
for constant in (AWK_HEAD, AWK_ZEROS, AWK_COUNT, AWK_REST, AWK_KIND, LOOK):
    assert "'" not in constant, "it stands in single quotes"

SHELL_VERIFY = (
    SHELL_STREAM
    + r"""
each "$@"
printf '\0'
list "$@"
"""
)
SHELL_PROVE = (
    SHELL_STREAM
    + r"""
each "$@" | awk -v wanted=$# '
  $3 == "complete" && !($1 in seen) { seen[$1] = 1; whole++ }
  END { exit whole != wanted || NR != wanted }
' || { echo "not all of them are whole dumps any more (backups verify --again tells which)" >&2; exit 9; }
"""
)
