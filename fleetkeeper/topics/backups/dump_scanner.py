"""The awk that judges the text of a dump section by section, and names what is none by its first bytes."""

from __future__ import annotations

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
