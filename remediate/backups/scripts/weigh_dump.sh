#!/bin/sh
# `weigh` prints how many bytes of SQL a dump holds, or why only a person can restore it: `connects` when it is of
# another database than $database, or of several (pg_dumpall): it would change, or drop, others than the new one;
# `commands` when it has other commands of psql than pg_dump writes. Rows in COPY blocks are no commands, and neither is
# what is quoted: quotes are followed as PostgreSQL's scanner reads them.

unpack() {
  case $form in
    sql.gz) gzip -dc -- "$dump" ;;
    dump) pg_restore -f /dev/stdout -- "$dump" ;;
    *) cat -- "$dump" ;;
  esac
}
weigh() {
  unpack 2>/dev/null | LC_ALL=C LIVE=$database awk '# include remediate/backups/scripts/weigh_dump.awk'
}
