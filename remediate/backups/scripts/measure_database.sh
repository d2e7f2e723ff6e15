#!/bin/sh
# `measure DATABASE` prints how many rows a database holds, and a digest of the numbers and sums of all its tables.
#
# The mark of a database that a restore made ends with it: `fleetkeeper: NAME was never live; ROWS rows; sha256 HEX`, in
# its comment. The change of names takes the mark away in its own transaction; whoever renames it by hand makes the name
# in the mark another one than its own; whoever writes in it, the rows. Only a database with a mark that is still true
# is dropped: nobody has ever entered anything in it.

measure() {
  measured=$(count on "$1" && content on "$1") || return
  printf '%s\n' "$measured" | awk -F'|' '/^rows / { rows += $NF } END { printf "%.0f rows; ", rows }' &&
    printf 'sha256 %s\n' "$(printf '%s\n' "$measured" | sha256sum | cut -d ' ' -f 1)"
}
