#!/bin/sh
# `fill DATABASE` restores the dump, and ends the whole with 66 only when the dump is to blame: its stream is damaged,
# or the server refuses a statement of it. What the server lacks (memory, room, a connection, a file: classes 08, 40,
# 53, 55, 57, 58, F0 and XX of PostgreSQL's appendix A) proves nothing about the dump (75), and neither does whatever
# was killed.

# include remediate/backups/scripts/leave_out.sh

# include fleetkeeper/topics/backups/scripts/own_reason.sh

unpack() {
  case $form in
    sql.gz) gzip -dc -- "$dump" ;;
    dump) pg_restore -f /dev/stdout -- "$dump" ;;
    *) cat -- "$dump" ;;
  esac
}
said() { tr -d '\r' <"$own/$1" | grep -m 1 "$2" || head -n 1 "$own/$1"; }
not_tried() { say "it could not be tried to its end: $(printf '%s\n' "$*" | own_reason)"; exit 75; }
bad() { say "it does not restore: $(printf '%s\n' "$*" | own_reason)"; exit 66; }
judge() {
  why=$(said unpacking .)
  case $unpack-$why in
    0-* | 141-* | [12]-*roken\ pipe*) ;;
    [12]-*crc\ error* | [12]-*nexpected\ end\ of\ file* | [12]-*ength\ error* | [12]-*ncorrect\ length* | \
      [12]-*format\ violated* | [12]-*orrupted\ data* | [12]-*trailing\ garbage* | [12]-*put\ file:\ end\ of\ file* | \
      [12]-*ould\ not\ uncompress\ data*) bad "$why" ;;
    *) not_tried "unpacking ended with $unpack: $why" ;;
  esac
  why=$(said filling 'ERROR: ')
  case $fill-$why in
    0-*)
      [ "$unpack" = 0 ] || not_tried "unpacking ended with $unpack"
      [ "$pass" = 0 ] || not_tried "awk ended with $pass" ;;
    3-*ERROR:\ \ 08* | 3-*ERROR:\ \ 40* | 3-*ERROR:\ \ 5[3578]* | 3-*ERROR:\ \ F0* | 3-*ERROR:\ \ XX*)
      not_tried "$why" ;;
    3-*) bad "$(printf '%s\n' "$why" | sed 's/ERROR:  [0-9A-Z]\{5\}: /ERROR:  /')" ;;
    *) not_tried "psql ended with $fill: $why" ;;
  esac
}
fill() {
  own=$(mktemp -d /tmp/drill.XXXXXX) || exit 70
  ends=$({ { unpack 2>"$own/unpacking"; echo "unpack $?" >&3; } | { leave_out; echo "pass $?" >&3; } |
    on "$1" -v VERBOSITY=verbose >/dev/null 2>"$own/filling"; echo "fill $?" >&3; } 3>&1)
  unpack=$(printf '%s\n' "$ends" | sed -n 's/^unpack //p') fill=$(printf '%s\n' "$ends" | sed -n 's/^fill //p')
  pass=$(printf '%s\n' "$ends" | sed -n 's/^pass //p')
  judge
}
