#!/bin/sh
# Ends with 0 only if every one of the dumps is complete. Arguments: as read_dumps.sh.

# include fleetkeeper/topics/backups/scripts/read_dumps.sh

each "$@" | awk -v wanted=$# '
  $3 == "complete" && !($1 in seen) { seen[$1] = 1; whole++ }
  END { exit whole != wanted || NR != wanted }
' || { echo "not all of them are complete dumps any more (backups verify --again tells which)" >&2; exit 9; }
