"""The shell and awk that read dumps on a node: constant text, values only as arguments."""

from __future__ import annotations

from fleet.topics.backups.listing import SHELL_LIST

AWK_HEAD = r"""
function fresh() { n = copying = ended = width = bytes = copy = marked = 0; kind = whole = "-"; q = "" }
function next_copy() { if (copy && q == "" && / FROM stdin;$/) { copying = 1; ended = 0 } }
function follow(s,  part, many, i, at) {
  for (;;) {
    if (q != "" && q != "\047") {
      if (!(i = index(s, q))) return
      s = substr(s, i + length(q)); q = ""
    }
    many = split(s, part, "\047"); at = 1
    for (i = 1; i <= many && (q != "" || part[i] !~ /["$]|--/); i++) {
      at += length(part[i]) + 1
      if (i < many) q = (q == "" ? "\047" : "")
    }
    if (i > many) return
    s = substr(s, at)
    match(s, /["$]|--/)
    if (RLENGTH == 2) return
    if (substr(s, RSTART, 1) == "\"") q = "\""
    else if (substr(s, RSTART) ~ /^\$[A-Za-z_]*\$/ && substr(s, RSTART - 1, 1) !~ /[A-Za-z0-9_]/) {
      s = substr(s, RSTART)
      match(s, /^\$[A-Za-z_]*\$/)
      q = substr(s, 1, RLENGTH)
    }
    s = substr(s, RSTART + RLENGTH)
  }
}
BEGIN { fresh() }
/^\001/ && index($0, mark) == 1 {
  printf "%d %d %d %d %s %s ", n, width, copying, ended, kind, whole
  printf "%d %.0f %s\n", (q == "" ? 0 : marked ? 2 : 1), bytes - 1, substr($0, length(mark) + 2)
  fresh()
  next
}
"""
AWK_REST = r"""n++ == 0 { width = length($0); if (/^(PGDMP|\037\213)/) kind = "packed" }
copying { if ($0 == "\\.") copying = 0; next }
/^-- PostgreSQL database / {
  if ($0 == "-- PostgreSQL database dump" && n < 20 && kind == "-") kind = "database"
  if ($0 == "-- PostgreSQL database cluster dump" && n < 20) kind = "cluster"
  if ($0 == "-- PostgreSQL database dump\r" && n < 20) kind = "terminal"
  if ($0 == "-- PostgreSQL database dump complete") { marked = 1; if (q == "") { ended = 1; whole = "database" }; next }
  if ($0 == "-- PostgreSQL database cluster dump complete") {
    marked = 1; if (q == "") { ended = 1; whole = "cluster" }; next
  }
}
/^(--)?$/ { next }
(ended || marked) && !/^\\unrestrict / && !/^(CREATE|ALTER|SET|RESET) (ROLE|SESSION AUTHORIZATION)[ ;]/ &&
  !/^GRANT .* TO .*;$/ { ended = marked = 0 }
q == "" && /^(--|\\)/ { next }
q == "" { copy = /^COPY / }
q == "" && /[\047"$]/ {
  many = split($0, part, "\047")
  for (i = 1; i <= many && part[i] !~ /["$]|--/; i += 2) ;
  if (i > many) { if (many % 2 == 0) q = "\047" } else follow($0)
  next_copy()
  next
}
q != "" { follow($0) }
{ next_copy() }
"""
AWK = AWK_HEAD + AWK_REST
"""Reads what `pg_dump` wrote, line by line: which dump it is, whether its end mark is the last of weight, and whether
rows of a table (`copying`) or a quoted text (`q`: a string, an identifier, a function's body) are open where it stops.

Outside of rows, quotes are followed as PostgreSQL's scanner reads them (its manual, 4.1 Lexical Structure): a function
or a comment may hold any line, that of a COPY or of the end mark too. pg_dump doubles every quote within a string.
"""

SHELL_STREAM = (
    SHELL_LIST
    + r"""
renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
cd -P -- "$1" || exit 5
form=$2 service=$3
shift 3
case $(gzip --version 2>/dev/null) in 'gzip 1.'*) count= ;; *) count='{ bytes += length($0) + 1 }' ;; esac
[ "$form" = sql.gz ] || count=
number() { printf '%s' "$(($1 + ($2 << 8) + ($3 << 16) + ($4 << 24)))"; }
closing() { # what a gzip says of its length, or a dash
  length=$(tail -c 4 -- "$1" | od -An -tu1 -v)
  if [ -n "$count" ]; then number $length; else printf '-'; fi
}
opening() { head -c 8 -- "$1" 2>/dev/null | od -An -tx1 -v | tr -d ' \n'; }
about() {
  if [ "$2$form" = 0sql.gz ]; then printf '%s -' "$(closing "$1")"; else printf -- '- %s' "$(opening "$1")"; fi
}
stream() {
  mark=$(printf '\001'; od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  [ ${#mark} -eq 33 ] || { echo "no random bytes" >&2; exit 7; }
  {
    for file; do
      if [ "$form" = sql ]; then said=$(cat -- "$file" 2>&1 >&3); else said=$(gzip -dc -- "$file" 2>&1 >&3); fi
      rc=$?
      printf '\n%s %s %s %s\n' "$mark" "$rc" "$(about "$file" "$rc")" "$(printf '%s' "$said" | tr '\n\0' '  ')"
    done
  } 3>&1 | awk -v mark="$mark" '"""
    + AWK_HEAD
    + """'"$count"'"""
    + AWK_REST
    + r"""'
}
running() { docker ps --quiet --no-trunc --filter status=running "$@" | head -n 1; }
read_archive() {
  if [ -z "$inside" ]; then pg_restore -f /dev/null; return; fi
  docker exec -i "$inside" sh -c "$bounded" sh "$(($(stat -c %s "$1") / 10000000 + 50))"
}
bounded='
  if timeout 5 true 2>/dev/null; then exec timeout "$1" pg_restore -f /dev/null; fi
  exec pg_restore -f /dev/null
'
archives() {
  inside=
  if ! command -v pg_restore >/dev/null 2>&1; then
    inside=$(running --filter "label=com.docker.swarm.service.name=$service")
    [ -n "$inside" ] || inside=$(running --filter "label=com.docker.compose.service=${service#*/}")
    [ -n "$inside" ] || inside=$(running --filter "name=^/$service\$")
    [ -n "$inside" ] || { echo "no pg_restore on this node, and no container of $service to run it in" >&2; exit 10; }
  fi
  for file; do
    if said=$(read_archive "$file" 2>&1 <"$file" >/dev/null); then rc=0; else rc=$?; fi
    said=$(printf '%s' "$said" | tr '\n\0' '  ')
    printf '2 2 0 1 database database 0 0 %s %s %s\n' "$rc" "$(about "$file" 1)" "$said"
  done
}
each() { if [ "$form" = dump ]; then archives "$@"; else stream "$@"; fi; }
"""
)
"""Arguments: directory, format, the service whose container has pg_restore, then the files as ./NAME.

The mark between two files is random, made on the node: no file can hold it. An archive (`pg_dump -Fc`) is read to its
end by pg_restore, in the same words: `pg_restore -l` reads its table of contents only, and passes a truncated one. What
runs in the container has a time limit of its own there: it does not end with `docker exec`, and pg_restore of
PostgreSQL 15 never ends with a tar that was cut short.
"""

SHELL_VERIFY = (
    SHELL_STREAM
    + r"""
each "$@" || exit 8
printf '\0'
list "$@"
"""
)
SHELL_PROVE = (
    SHELL_STREAM
    + r"""
each "$@" | awk -v wanted=$# '
  $3 == 0 && $4 == 1 && $5 != "-" && $5 == $6 && $7 == 0 && $9 == 0 &&
    ($10 == "-" || $8 % 4294967296 == $10) { whole++ }
  END { exit whole != wanted }
' || { echo "not all of them are whole dumps any more" >&2; exit 9; }
"""
)
