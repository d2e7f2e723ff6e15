# Prints of nginx' configuration only what says who serves which name with which certificate, each word on its own line
# number; comments, other directives, and keys written into the configuration are left out. Words end as nginx reads
# them.

function emit(text, at) {
  while (line < at) { printf "\n"; line++ }
  printf " %s", text
  line += gsub(/\n/, "\n", text)
}
function kept_value(k) {
  if (word[1] !~ /^ssl_/ || word[k] !~ /^["\047]?data:/) return word[k]
  return (word[k] ~ /^["\047]?data:[$][A-Za-z0-9_]*["\047]?$/) ? word[k] : "data:"
}
function ends(mark,  k) {
  if (mark == ";" && word[1] ~ /^(listen|server_name|ssl|ssl_certificate|ssl_certificate_key|include|root|alias)$/) {
    for (k = 1; k <= words; k++) emit(kept_value(k), at[k])
    emit(";", now)
  } else if (mark == ";" && words > 1 && word[1] ~ /^(proxy_pass|rewrite|try_files|fastcgi_pass)$/) {
    emit(word[1] " x;", at[1])
  } else if (mark == "{") {
    emit((word[1] ~ /^(http|server|location)$/) ? word[1] : "block", words ? at[1] : now)
    for (k = 2; k <= words; k++) if (word[1] == "location" && index(word[k], "well-known")) emit("well-known", at[k])
    emit("{", now)
  } else if (mark == "}") emit("}", now)
  words = inside = 0
}
# A quote that does not end must not hide what follows it: whoever reads on sees it too.
function end_of_file() { if (quote != "") printf " %s", quote }
function more(text) {
  if (!inside) { word[++words] = ""; at[words] = now; inside = 1 }
  word[words] = word[words] text
}
function read_line(text,  i, n, c, k) {
  n = length(text)
  for (i = 1; i <= n; i++) {
    c = substr(text, i, 1)
    if (escaped) { more(c); escaped = 0 }
    else if (c == "\\") { more(c); escaped = 1 }
    else if (quote != "") { more(c); if (c == quote) quote = inside = "" }
    else if (!inside && c == "#") return
    else if (!inside && (c == "\"" || c == "\047")) { more(c); quote = c }
    else if (c == "$" && match(substr(text, i), /^[$][{][A-Za-z0-9_]*[}]/)) {
      k = RLENGTH; more(substr(text, i, k)); i += k - 1
    }
    else if (c == " " || c == "\t" || c == "\r") inside = 0
    else if (c == ";" || c == "{" || c == "}") ends(c)
    else more(c)
  }
  if (escaped || quote != "") more("\n")
  else inside = 0
  escaped = 0
}
/^# configuration file .+:$/ {
  end_of_file(); print "\n" $0
  now = line = 1; words = inside = escaped = 0; quote = ""
  next
}
now { read_line($0); now++ }
END { end_of_file(); printf "\n" }
