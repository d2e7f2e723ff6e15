#!/bin/sh
# Prints how many processes restore a dump into a database: a restore goes on in the container when the connection to the
# node is lost, and reads the whole dump before there is a database. Arguments: user, the name of the new database. Only
# reads.
#
# restore_database.sh alone has a path behind that name.

for process in /proc/[0-9]*; do
  tr '\000' '\n' <"$process/cmdline"
  echo
done 2>/dev/null | awk -v name="$2" 'last == name && /^\// { found++ } { last = $0 } END { print found + 0 }'
