# The rules for each line of a dump. They follow the functions of dump_sections.awk in one program.
n++ == 0 { width = length($0) }
copying {
  if ($0 == "\\.") { copying = 0; if (n > since + 1) holds(into, 2) }
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
q == "" && /^\\connect / { connected($0) }
q == "" && /^(--|\\)/ { next }
q == "" {
  copy = 0
  if (/^COPY /) { copy = 1; into = name_at(substr($0, 6)) }
  else if (/^INSERT INTO /) inserted($0)
  else if (/^CREATE /) created($0)
  else if (/^SELECT (pg_catalog\.)?lo_(create|open)\(/) holds("pg_catalog.pg_largeobject", 2)
}
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
