# Prints a dump without what is not for the one new, empty database that it is restored into: an empty line stands for
# each line that is left out, so that numbers of lines stay true.
#
# Left out are what `pg_dump --clean` writes (there is nothing to drop), what `--create` writes about the database itself
# and its `\connect`, and roles and settings of a `pg_dumpall -g` beside it. `public` is there from the start, so it is
# dropped where the dump makes it anew. Rows and quoted text are passed on as they are.

function unquoted(s) {}
# include fleetkeeper/topics/backups/scripts/follow_quotes.awk
function leaves() {
  print ""
  if (q != "" || /[\047"$]/) follow($0)
  leaving = !(q == "" && /;[ \t]*$/)
}
function is_about_the_database(s) {
  return s ~ /^(DROP|CREATE|ALTER|COMMENT ON|(GRANT|REVOKE|SECURITY LABEL) .* ON) DATABASE / ||
    s ~ /^ALTER ROLE .* IN DATABASE / || s ~ /^UPDATE pg_catalog\.pg_database SET /
}
function drops(s) {
  return s ~ /^DROP / || s ~ /^SELECT pg_catalog\.lo_unlink\(/ ||
    s ~ /^ALTER (FOREIGN )?(TABLE|DOMAIN) .* (DROP (CONSTRAINT .*|DEFAULT|IDENTITY)|DETACH PARTITION .*);$/
}
copying { print; if ($0 == "\\.") copying = 0; next }
leaving { leaves(); next }
q == "" && /^--/ {
  if (/^-- PostgreSQL database cluster dump$/) globals = 1
  if (/^-- PostgreSQL database cluster dump complete$/) globals = 0
  if (/^-- (TOC entry|Name: |Data for Name: )/) begun = 1
  print
  next
}
q == "" && /^\\(connect|encoding) / { print ""; next }
q == "" && globals && /^(\\.*)?$/ { print ""; next }
q == "" && /^DROP SCHEMA (IF EXISTS )?public;$/ { print "DROP SCHEMA IF EXISTS public;"; next }
q == "" && (globals || drops($0) || is_about_the_database($0) || !begun && /^CREATE OR REPLACE VIEW /) { leaves(); next }
q == "" { copy = /^COPY / }
{ print }
q != "" || /[\047"$]/ { follow($0) }
copy && q == "" && / FROM stdin;$/ { copying = 1; copy = 0 }
