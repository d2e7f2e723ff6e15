#!/bin/sh
# `own_reason` prints the first error of what a program said (its standard input), in one line of at most 300 bytes,
# without what may be a value of a row or a password: quoted text, and what stands in `=(…)`. Lines that only add to an
# error (DETAIL, CONTEXT, STATEMENT, …) are left out. So it never leaves the node.

own_reason() {
  LC_ALL=C awk '
    { line = tolower($0) }
    line ~ /^[ \t\r]*$/ || line ~ /(^|: )(detail|context|statement|hint|query|location|line [0-9]+)( was)?: / { next }
    first == "" { first = $0 }
    error == "" && line ~ /(error|fatal|panic): / { error = $0 }
    END {
      told = error != "" ? error : first
      gsub(/"[^"]*"?/, "\"...\"", told)
      gsub(/=\([^)]*\)?/, "=(...)", told)
      gsub(/\047[^\047]*\047?/, "...", told)
      gsub(/`[^`]*`?/, "...", told)
      sub(/\302[\253\273].*|\342\200[\234\236\271\230\232].*|\343\200[\214\216].*/, "...", told)
      gsub(/[\001-\037\177]/, " ", told)
      print substr(told, 1, 300)
    }'
}
