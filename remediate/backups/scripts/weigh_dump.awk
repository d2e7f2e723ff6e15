# Prints how many bytes of SQL there are, or why only a person can restore them (see weigh_dump.sh).

function refuse(why) { refused = 1; print why; exit }
function unquoted(s) { if (index(s, "\\")) refuse("commands") }
# include fleetkeeper/topics/backups/scripts/follow_quotes.awk
{ size += length($0) + 1 }
copying { if ($0 == "\\.") copying = 0; next }
q == "" && /^-- PostgreSQL database cluster dump/ { refuse("connects") }
q == "" && /^\\c(onnect)?([ \t]|$)/ { refuse("connects") }
q == "" && /^(--|\\(un)?restrict [A-Za-z0-9]+$)/ { next }
q == "" { copy = /^COPY / }
q != "" || /[\047"$\\]/ { follow($0) }
copy && q == "" && / FROM stdin;$/ { copying = 1; copy = 0 }
END { if (!refused) printf "%.0f\n", size }
