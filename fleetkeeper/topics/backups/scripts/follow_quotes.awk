# `follow LINE` follows the quotes of SQL: `q` is the one that is open behind the line, or empty. Each part of the line
# outside of quotes and comments is handed to `unquoted`, which whoever includes this file defines.

function follow(s,  part, many, i, at) {
  for (;;) {
    if (q != "" && q != "\047") {
      if (!(i = index(s, q))) return
      s = substr(s, i + length(q)); q = ""
    }
    many = split(s, part, "\047"); at = 1
    for (i = 1; i <= many && (q != "" || part[i] !~ /["$]|--/); i++) {
      if (q == "") unquoted(part[i])
      at += length(part[i]) + 1
      if (i < many) q = (q == "" ? "\047" : "")
    }
    if (i > many) return
    s = substr(s, at)
    match(s, /["$]|--/)
    unquoted(substr(s, 1, RSTART - 1))
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
