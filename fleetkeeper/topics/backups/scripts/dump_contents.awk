# What a dump holds, by the names of its tables: `contents` prints it as one word. Names are as they stand in the dump,
# with %, comma and blank as %XX; one that is too long or holds control characters is counted only, and so are those
# beyond 24000 bytes of names.
#
# The word is DATABASES:INSIDE:INSERTS:UNNAMED:MADE and then, each after a comma, `@` and what `\connect` names, before all
# that follows there; `=TABLE` has rows, `-TABLE` has a part for its rows and none in it, `+TABLE` is created only;
# `*NAME` is an extension, `&NAME` a subscription. Large objects are told as the catalog's table, pg_largeobject. INSIDE: databases stand inside of a dump of a cluster. MADE: it creates
# tables.

function forgets(  key) {
  for (key in held) delete held[key]
  for (key in order) delete order[key]
  tables = room = unnamed = inserts = databases = inside = made = 0
  section = into = last = ""
}
function word(s) { gsub(/%/, "%25", s); gsub(/,/, "%2C", s); gsub(/ /, "%20", s); return s }
function name_at(s,  name) {
  while (match(s, /^("[^"]*")+/) || match(s, /^[^ ,.();"]+/)) {
    name = name substr(s, 1, RLENGTH)
    s = substr(s, RLENGTH + 1)
    if (substr(s, 1, 1) != ".") break
    name = name "."
    s = substr(s, 2)
  }
  if (s ~ /^"/ || name ~ /\.$/) return ""
  return name
}
function holds(name, how,  key) {
  key = section SUBSEP name
  if (!(key in held)) {
    if (name == "" || length(name) > 200 || name ~ /[\001-\037\177]/ || room > 24000) { unnamed++; return }
    room += length(name)
    order[++tables] = key
    held[key] = how
  }
  if (held[key] < how) held[key] = how
}
function created(s) {
  if (match(s, /^CREATE (UNLOGGED )?TABLE (IF NOT EXISTS )?/)) {
    made = 1
    holds(name_at(substr(s, RLENGTH + 1)), 0)
  }
  else if (match(s, /^CREATE EXTENSION (IF NOT EXISTS )?/)) holds("*" name_at(substr(s, RLENGTH + 1)), 3)
  else if (match(s, /^CREATE SUBSCRIPTION /)) holds("&" name_at(substr(s, RLENGTH + 1)), 3)
}
function inserted(s,  name) {
  if (last != "" && index(s, last) == 1) return
  name = name_at(substr(s, 13))
  last = "INSERT INTO " name " "
  inserts = 1
  holds(name, 2)
}
function connected(s) {
  sub(/^\\connect (-reuse-previous=on )?/, "", s)
  section = s ~ /[\001-\037\177]/ ? "?" : substr(word(s), 1, 200)
  last = ""
}
function contents(  i, part, now, all) {
  all = (databases + 0) ":" (inside + 0) ":" (inserts + 0) ":" (unnamed + 0) ":" (made + 0)
  for (i = 1; i <= tables; i++) {
    split(order[i], part, SUBSEP)
    if (part[1] != now) { now = part[1]; all = all ",@" now }
    all = all "," substr("+-=", held[order[i]] + 1, 1) word(part[2])
  }
  return all
}
