#!/bin/sh
# Prints what a volume takes, its biggest entries, and what is left on its disk. Arguments: name of the volume, its path
# (or empty). KiB are counted as they lie on the disk; hard links once.
#
# The last line of du is the sum, and begins with a 2 here: a file's name may hold a line that looks like it.

# include fleetkeeper/topics/backups/scripts/root_of_volume.sh

# include fleetkeeper/topics/backups/scripts/enter.sh

root=$(root_of "$1" "$2") || exit
enter "$root"
echo "at $(pwd -P)"
df -kP . | awk 'END { print "disk", $2, $4 }'
df -iP . 2>/dev/null | awk 'END { print "inodes", $2, $4 }'
find . -xdev -print0 | tr -dc '\0' | wc -c | awk '{ print "entries", $1 }'
du -xak . | awk '
  NR > 1 { print "1 " last }
  { last = $0 }
  END { print "2 " last }
' | sort -k1,1rn -k2,2rn | head -n 40
