# Reads what `pg_dump` wrote, line by line, and judges it section by section: each dump in the file begins with a header
# (`--`, `-- PostgreSQL database dump`, `--`; `db` and `cluster` are the lines of those that are open) and is complete
# at its own end mark. Where the shell's mark ends the text, it prints STATE REASON LINE CONTENTS and the rest of that line.
#
# `fault` is the first thing that proves damage, `doubt` the first that is not understood. Whether rows of a table
# (`copying`) or a quoted text (`q`: a string, an identifier, a function's body) are open is followed within the dumps,
# quotes as PostgreSQL's scanner reads them (its manual, 4.1 Lexical Structure): a function or a comment may hold any
# line, that of a COPY or of the end mark too. pg_dump doubles every quote within a string. A header within rows or
# quotes may be one of theirs, or the next dump's after one that was cut there: nobody can tell. A header in a dump that
# is open proves that this one was cut, if more of it was seen than a header, which a script may have written.

function fresh() {
  n = width = bytes = copying = copy = marked = since = said = 0
  db = cluster = whole = filled = title = rule = begun = terminal = zero = 0
  before = partial = 0
  forgets()
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
  if (kind == "cluster") cluster = title
  else {
    db = title
    databases++
    if (cluster) inside = 1
  }
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
function next_copy() { if (copy && q == "" && / FROM stdin;$/) { copying = 1; since = n; holds(into, 1) } }
function unquoted(s) {}
# include fleetkeeper/topics/backups/scripts/dump_contents.awk
# include fleetkeeper/topics/backups/scripts/follow_quotes.awk
BEGIN { fresh() }
/^\002/ && index($0, mark) == 1 {
  print verdict($2, $3) " " contents() " " substr($0, length(mark) + 2)
  fresh()
  next
}
