# Prints how many bytes of SQL there are, or why only a person can restore them (see weigh_dump.sh).

function refuse(why) { refused = 1; print why; exit }
function is_live(s,  name) {
  sub(/^\\connect (-reuse-previous=on )?/, "", s)
  name = live
  gsub(/"/, "\"\"", name)
  if (s == live || s == "\"" name "\"") return 1
  name = live
  gsub(/[\\\047]/, "\\\\&", name)
  gsub(/"/, "\"\"", name)
  return s == "\"dbname=\047" name "\047\""
}
function unquoted(s) { if (index(s, "\\")) refuse("commands") }
# include fleetkeeper/topics/backups/scripts/follow_quotes.awk
BEGIN { live = ENVIRON["LIVE"] }
{ size += length($0) + 1 }
copying { if ($0 == "\\.") copying = 0; next }
q == "" && /^-- PostgreSQL database cluster dump$/ { cluster = 1 }
q == "" && /^-- PostgreSQL database cluster dump complete$/ { cluster = 0 }
q == "" && cluster && /^-- PostgreSQL database dump$/ { refuse("connects") }
q == "" && /^\\c(onnect)?([ \t]|$)/ { if (cluster || !is_live($0)) refuse("connects"); next }
q == "" && /^(--|\\(un)?restrict [A-Za-z0-9]+$|\\encoding [A-Za-z0-9_]+$)/ { next }
q == "" { copy = /^COPY / }
q != "" || /[\047"$\\]/ { follow($0) }
copy && q == "" && / FROM stdin;$/ { copying = 1; copy = 0 }
END { if (!refused) printf "%.0f\n", size }
