#!/bin/sh
# Judges dumps, then lists them once more. Arguments: as read_dumps.sh.

# include fleetkeeper/topics/backups/scripts/read_dumps.sh

each "$@"
printf '\0'
list "$@"
