#!/bin/sh
# `weigh` prints how many bytes of SQL a dump holds, or why only a person can restore it: `connects` when it goes to a
# database of its own choice (made with --create, or by pg_dumpall): it would change, or drop, others than the new one,
# or roles; `commands` when it has other commands of psql than pg_dump writes. Rows in COPY blocks are no commands, and
# neither is what is quoted: quotes are followed as PostgreSQL's scanner reads them.

unpack() {
  case $form in
    sql.gz) gzip -dc -- "$dump" ;;
    dump) pg_restore -f /dev/stdout -- "$dump" ;;
    *) cat -- "$dump" ;;
  esac
}
weigh() {
  unpack 2>/dev/null | LC_ALL=C awk '
    function refuse(why) { refused = 1; print why; exit }
    function commands(s) { if (index(s, "\\")) refuse("commands") }
    function follow(s,  part, many, i, at) {
      for (;;) {
        if (q != "" && q != "\047") {
          if (!(i = index(s, q))) return
          s = substr(s, i + length(q)); q = ""
        }
        many = split(s, part, "\047"); at = 1
        for (i = 1; i <= many && (q != "" || part[i] !~ /["$]|--/); i++) {
          if (q == "") commands(part[i])
          at += length(part[i]) + 1
          if (i < many) q = (q == "" ? "\047" : "")
        }
        if (i > many) return
        s = substr(s, at)
        match(s, /["$]|--/)
        commands(substr(s, 1, RSTART - 1))
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
    { size += length($0) + 1 }
    copying { if ($0 == "\\.") copying = 0; next }
    q == "" && /^-- PostgreSQL database cluster dump/ { refuse("connects") }
    q == "" && /^\\c(onnect)?([ \t]|$)/ { refuse("connects") }
    q == "" && /^(--|\\(un)?restrict )/ { next }
    q == "" { copy = /^COPY / }
    q != "" || /[\047"$\\]/ { follow($0) }
    copy && q == "" && / FROM stdin;$/ { copying = 1; copy = 0 }
    END { if (!refused) printf "%.0f\n", size }'
}
