#!/bin/sh
# Prints the last error lines that a container has logged in the last 24 hours, as they are: for a terminal, and for
# nothing that is kept. Arguments: the id of the container, and how many lines.
#
# At most 20000 lines, 8 MiB and 20 seconds of its log are read, as for the digest. The last line is `=end STATUS`.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

LC_ALL=C; export LC_ALL
errors='# include fleetkeeper/topics/errors/scripts/error_lines.awk'
{ status=$({
    { timeout -s KILL 20 docker logs --since 24h --tail 20000 "$1" 2>&1 7>&- 8>&-; echo $? >&7; } |
      head -c 8388608 | cut -b 1-4000 | awk "$errors"' { s = $0; gsub(/\033\[[0-9;]*[A-Za-z]/, "", s) } is_error(s) { print " " substr($0, 1, 1000) }' |
      tail -n "$2" >&8
  } 7>&1); } 8>&1
printf '=end %s\n' "$status"
