"""The shell and awk that read dumps on a node: constant text, values only as arguments."""

from __future__ import annotations

import shlex

from fleet.framing import LIMIT
from fleet.topics.backups.listing import SHELL_LIST

AWK_HEAD = r"""
function fresh() {
  n = width = bytes = copying = copy = marked = since = said = 0
  db = cluster = whole = filled = title = rule = begun = terminal = zero = 0
  before = partial = 0
  kind = fault = doubt = q = ""
}
function fails(what, line) { if (fault == "") fault = what " " line }
function doubts(what, line) { if (doubt == "") doubt = what " " line }
function begins() {
  if (q != "" || copying) { doubts("inside", title); return }
  if (!db && !cluster && before != title - 1) return
  if (db && filled) fails("next", db)
  else if (db) doubts("before", db)
  if (kind == "cluster" && cluster) fails("next", cluster)
  sub(/^behind/, "between", doubt)
  db = filled = 0
  if (kind == "cluster") cluster = title; else db = title
}
function ends() {
  if (q != "") { marked = 1; return }
  if (kind == "cluster") {
    if (!cluster) { doubts("mark", n); return }
    if (db) fails("next", db)
    cluster = db = 0
  } else if (db) db = 0
  else { doubts("mark", n); return }
  if (!cluster) whole++
}
function neutral(s) {
  s = toupper(s)
  if (s ~ /^[ \t]*(--.*)?$/ || s ~ /^\\(UN)?RESTRICT [A-Z0-9]+$/) return 1
  if (starts(s) || s ~ /^(COMMIT|END)( WORK| TRANSACTION)?;[ \t]*$/) return 1
  gsub(/\047[^\047]*\047/, "", s)
  gsub(/"[^"]*"/, "", s)
  if (s ~ /--/ || s !~ /^[^;\047"]*;[ \t]*$/) return 0
  return s ~ /^(SET|RESET|(CREATE|ALTER) ROLE) / || s ~ /^GRANT .* TO / ||
    s ~ /^SELECT (PG_CATALOG\.)?SET_CONFIG\([A-Z0-9_, ]*\);/
}
function starts(s) { return s ~ /^(BEGIN|START TRANSACTION)( [A-Z ,]+)?;[ \t]*$/ }
function verdict(rc, told) {
  if (n == 1 && width == 0) return "broken empty 0"
  if (terminal) return "unknown terminal " terminal
  if (fault != "") return "broken " fault
  if ((db || cluster) && q != "" && marked && !copying) return "unknown quoted " since
  if (copying) return "broken rows " since
  if (q != "") return "broken quote " since
  if (db || cluster) return "broken end " (db ? db : cluster)
  if (!whole && !said && !zero) return "broken comments 0"
  if (!whole) return "unknown none " said
  if (begun) doubts("begin", begun)
  if (doubt != "") return "unknown " doubt
  if (title && title >= n - 1 || partial && partial >= n - 1) return "unknown header " n - 1
  if (rc != 0) return "unknown failed 0"
  if (told != "-" && (bytes - 1) % 4294967296 != told) return "unknown length 0"
  return "complete - 0"
}
function next_copy() { if (copy && q == "" && / FROM stdin;$/) { copying = 1; since = n } }
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
/^\002/ && index($0, mark) == 1 {
  print verdict($2, $3) " " substr($0, length(mark) + 2)
  fresh()
  next
}
"""
AWK_ZEROS = r"""/\000/ { if (!zero) zero = n + 1; if (db || cluster) fails("zeros", n + 1) }
"""
AWK_COUNT = r"""{ bytes += length($0) + 1 }
"""
AWK_REST = r"""n++ == 0 { width = length($0) }
copying {
  if ($0 == "\\.") copying = 0
  else if (/^--/) {
    if ($0 == "--" && title == n - 1) begins()
    if ($0 == "-- PostgreSQL database dump" || $0 == "-- PostgreSQL database cluster dump") title = n
  }
  next
}
/^-- PostgreSQL database/ {
  kind = /^-- PostgreSQL database cluster / ? "cluster" : "database"
  if (/^-- PostgreSQL database (cluster )?dump$/) { title = n; before = rule; next }
  if (/^-- PostgreSQL database (cluster )?dump complete$/) { ends(); next }
  if (q == "" && !terminal && /^-- PostgreSQL database (cluster )?dump( complete)?\r$/) terminal = n
}
/^(--)?$/ {
  if ($0 == "--") { if (title && title == n - 1) begins(); rule = n }
  next
}
!db && !cluster {
  if (/^-- P/ && index("-- PostgreSQL database dump-- PostgreSQL database cluster dump", $0)) partial = n
  if (/^[ \t]*(--.*)?$/) next
  if (!said) said = n
  if (!neutral($0)) doubts(whole ? "behind" : "before", n)
  else if (starts(toupper($0))) begun = n
  else if (toupper($0) ~ /^(COMMIT|END)/) begun = 0
  next
}
db && !filled { if (/^(-- Dumped |\\restrict )/ || (q == "" && !neutral($0))) filled = 1 }
q == "" && /^pg_(dump|dumpall|restore): / { doubts("message", n); next }
q == "" && !db && !/^(CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT|SECURITY LABEL|SET|RESET|UPDATE|DELETE|SELECT|--) ?/ &&
  !/^\\(connect|restrict|unrestrict) / { doubts("cluster", n) }
q == "" && /^(--|\\)/ { next }
q == "" { copy = /^COPY / }
q == "" && /[\047"$]/ {
  many = split($0, part, "\047")
  for (i = 1; i <= many && part[i] !~ /["$]|--/; i += 2) ;
  if (i > many) { if (many % 2 == 0) q = "\047" } else follow($0)
  if (q != "") since = n
  next_copy()
  next
}
q != "" { if (marked && !/^\\unrestrict /) marked = 0; follow($0) }
{ next_copy() }
"""
AWK = AWK_HEAD + AWK_ZEROS + AWK_REST
"""Reads what `pg_dump` wrote, line by line, and judges it section by section: each dump in the file begins with a
header (`--`, `-- PostgreSQL database dump`, `--`; `db` and `cluster` are the lines of those that are open) and is whole
at its own end mark. Where the shell's mark ends the text, it prints STATE REASON LINE and the rest of that line.

`fault` is the first thing that proves damage, `doubt` the first that is not understood. Whether rows of a table
(`copying`) or a quoted text (`q`: a string, an identifier, a function's body) are open is followed within the dumps,
quotes as PostgreSQL's scanner reads them (its manual, 4.1 Lexical Structure): a function or a comment may hold any
line, that of a COPY or of the end mark too. pg_dump doubles every quote within a string. A header within rows or
quotes may be one of theirs, or the next dump's after one that was cut there: nobody can tell. A header in a dump that
is open proves that this one was cut, if more of it was seen than a header, which a script may have written.
"""

SIGNS = (
    ("1f8b", "gzip"),
    ("28b52ffd", "zstd"),
    ("fd377a585a", "xz"),
    ("425a68", "bzip2"),
    ("04224d18", "lz4"),
    ("02214c18", "lz4"),
    ("894c5a4f", "lzop"),
    ("4c5a4950", "lzip"),
    ("1f9d", "compress"),
    ("504b0304", "zip"),
    ("377abcaf", "7z"),
    ("5047444d50", "custom"),
    ("53616c7465645f5f", "openssl"),
    ("6167652d656e6372", "age"),
    ("2d2d2d2d2d424547494e20", "armour"),
    ("8c0d", "gpg"),
    ("850", "gpg"),
    ("840", "gpg"),
    ("c1c", "gpg"),
    ("53514c69746520666f726d6174", "sqlite"),
    ("2d2d0a2d2d20506f737467726553514c20646174616261736520", "plain"),
    ("3c21", "html"),
    ("3c68", "html"),
    ("3c48", "html"),
    ("3c3f", "html"),
    ("2d2d204d7953514c20", "mysql"),
    ("2d2d204d617269614442", "mysql"),
    ("2f2a21", "mysql"),
    ("2f2a4d21", "mysql"),
    ("70675f64756d703a20", "message"),
    ("70675f64756d70616c6c3a20", "message"),
)
"""What files begin with, in hex, and our word for it. A word is all that leaves the node: no byte of the file does."""

AWK_KIND = r"""
{ hex = hex " " $0 }
END {
  odd = (hex " ") ~ / (0[0-8bef]|1[0-9a-f]|7f) /
  zeros = hex !~ /[1-9a-f]/
  gsub(/[^0-9a-f]/, "", hex)
  if (hex == "") { print "nothing"; exit }
  if (zeros) { print "zeros"; exit }
  if (substr(hex, 515, 10) == "7573746172") { print "tar"; exit }
  many = split(signs, sign, " ")
  for (i = 1; i < many; i += 2) if (index(hex, sign[i]) == 1) { print sign[i + 1]; exit }
  print (odd ? "binary" : "text")
}
"""

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
' || { echo "not all of them are whole dumps any more" >&2; exit 9; }
"""
)
