# Counts the kinds of error lines in a log. Lines that begin with `E8` or `E4` are values that may be secret, and are masked
# wherever they occur (parts of a value of that many characters or more; \001 stands for its line breaks); those with `L`
# are lines of the log; `S` has the exit status of what read it. Printed are `COUNT KIND`, ` more N`, ` read N` and ` status S`.
#
# What a kind keeps of a line: no number, nothing in quotes, no address, nothing after an equals sign, nothing of a word
# that may be a key. Lines of Postgres with values of rows (DETAIL, STATEMENT, CONTEXT, QUERY …) are dropped, and so are
# what follows them with a tab, and frames of a traceback, which counts once, by its last line.

function literal(text, from, to,   at, done) { # every occurrence of `from` becomes `to`
  done = ""
  while ((at = index(text, from)) > 0) { done = done substr(text, 1, at - 1) to; text = substr(text, at + length(from)) }
  return done text
}
function keep_part(text, least,   at) { # each once, the longest first: a short one in a longer would leave its rest
  if (length(text) < least || (text in kept)) return
  if (secrets >= 1000) { many = 1; return }
  kept[text] = 1
  for (at = ++secrets; at > 1 && length(secret[at - 1]) < length(text); at--) secret[at] = secret[at - 1]
  secret[at] = text
}
function keep_secret(value, least,   n, part, i) {
  n = split(value, part, "\001")
  for (i = 1; i <= n; i++) keep_part(part[i], least)
  if (match(value, /:\/\/[^\/@ ]+@/)) { # the account and the password of an address
    n = split(substr(value, RSTART + 3, RLENGTH - 4), part, ":")
    for (i = 1; i <= n; i++) keep_part(part[i], 4)
  }
}
# include fleetkeeper/topics/errors/scripts/error_lines.awk
function is_key(word) { # whether a word may be a key or a part of one
  if (word ~ /[0-9]/) return length(word) >= 6 && word ~ /[A-Za-z]/ && word !~ /^[A-Za-z_\/.]+([-_:#][0-9]+|\[0\])[^A-Za-z0-9]?$/
  return length(word) >= 32 && word ~ /[a-z]/ && word ~ /[A-Z]/ && word !~ /[.\/]/
}
function masked(s,   i, n, word, hide, result, postgres, server) {
  postgres = s ~ /(ERROR|FATAL|PANIC):  /
  server = s ~ /^[ ]*\{.*"error_severity": *"(ERROR|FATAL|PANIC)"/ # Postgres' own JSON: its words may be those of a row
  gsub(/[\001-\037\177]/, " ", s)
  for (i = 1; i <= secrets; i++) if (index(s, secret[i])) s = literal(s, secret[i], "***")
  if (s ~ /^[ ]*\{/ && match(s, /"(msg|message|event|error)": *"([^"\\]|\\.)*"/)) {
    s = substr(s, RSTART, RLENGTH); sub(/^"[a-z]*": *"/, "", s); sub(/"$/, "", s); gsub(/\\"/, "\"", s); gsub(/\\./, " ", s)
  }
  if (server) { s = "ERROR:  " s; postgres = 1 }
  gsub(/[A-Za-z][A-Za-z0-9+.-]*:\/\/[^ ]*/, "URL", s)
  gsub(/""[^"]*""/, "\"...\"", s)
  gsub(/"[^"]*("|$)/, "\"...\"", s)
  gsub(/''[^']*''/, "'...'", s)
  gsub(/'[^']*'/, "'...'", s)
  gsub(/`[^`]*`/, "'...'", s)
  gsub(/=\([^)]*(\)|$)/, "=(...)", s)
  gsub(/[^ ,;()<>:=]+@[^ ,;()<>:=]+/, "MAIL", s)
  gsub(/=[^] ,;)}(]+/, "=...", s)
  gsub(/\[[0-9a-f-]+\]/, "[0]", s)
  n = split(s, word, " "); hide = 0; result = ""
  for (i = 1; i <= n; i++) {
    if (hide > 0 && word[i] !~ /^[-=:]+$/) {
      if (word[i] == "authentication") hide = 0
      else { word[i] = "***"; hide-- }
    } else if (tolower(word[i]) ~ /(passw|passphrase|pwd|secret|token|api.?key|credential|bearer|authorization|dsn)/) {
      hide = 3
      if (word[i] ~ /[:=]./) sub(/[:=].*/, ":***", word[i])
    } else if (is_key(word[i])) word[i] = "***"
    result = result (i > 1 ? " " : "") word[i]
  }
  gsub(/0x[0-9A-Fa-f]+/, "0", result)
  gsub(/[0-9]+/, "0", result)
  if (postgres) sub(/(ERROR|FATAL|PANIC): /, "& ", result)
  return substr(result, 1, 300)
}
function count(s,   kind) {
  kind = masked(length(s) >= 4000 ? substr(s, 1, 3000) : s)
  if (kind in times) times[kind]++
  else if (kinds < 200) { times[kind] = 1; order[++kinds] = kind }
  else more++
}
/^E/ { keep_secret(substr($0, 3), substr($0, 2, 1) + 0); next }
many { next } # what cannot all be masked is not counted, and has no status
/^S/ { status = substr($0, 2); next }
!/^L/ { next }
{
  lines++
  s = substr($0, 2)
  if (s == "") next
  if (index(s, "\033")) gsub(/\033\[[0-9;]*[A-Za-z]/, "", s)
  if (s ~ /^\t/) next
  # A record of Postgres in CSV goes on over lines while a quote is open: they are a statement or values of a row.
  if (s ~ /^[0-9]+-[0-9]+-[0-9]+ [0-9:.]+ [^ ,]+,/)
    open = s ~ /,[A-Z]+[0-9]?,[0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z],/ && gsub(/"/, "&", s) % 2
  else if (open) { if (gsub(/"/, "&", s) % 2) open = 0; next }
  if (traced) {
    if (s ~ /^ /) next
    traced = 0
    if (within) { within = 0; next }
    if (s ~ /^[A-Za-z_]/) { count(s); within = 0; next }
  }
  if (s ~ /Traceback \(most recent call last\)/) { traced = 1; within = fresh; fresh = 0; next }
  # What Postgres says stands behind a word and two blanks, in the language of its messages.
  if (s ~ /(^|[^A-Za-z])([A-Z]|[^\001-\177])+:  / && s !~ /(ERROR|FATAL|PANIC):  /) { fresh = 0; next }
  fresh = 0
  if (is_error(s)) { count(s); fresh = 1 }
}
END {
  for (i = 1; i <= kinds; i++) print " " times[order[i]] " " order[i]
  if (more) print " more " more
  print " read " lines + 0
  print " status " status
}
