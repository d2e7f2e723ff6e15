#!/bin/sh
# Prints the content of a file, then its SHA-256, if the file is the same before and after. Arguments: as same_file.sh.
#
# What is sent goes through pipes of its own: standard output may be a socket, and /dev/fd opens none.
set -u
# include remediate/steps/scripts/lowest_priority.sh

# include fleetkeeper/transport/scripts/is_opened.sh

# include remediate/steps/scripts/same_file.sh

exec 5>&1
{
  is_opened 6 "$2" || exit 78
  digest=$({ { cat <&6 | tee /dev/fd/3 | sha256sum >&4; } 3>&1 | cat >&5; } 4>&1)
} 6<"./$2" || exit 72
same "$2" "$3"
printf '%s\n' "${digest%% *}"
