#!/bin/sh
# Prints what the live database holds: who it is, its tables with their rows, its extensions. Arguments: user, database.
# Only reads.
# include remediate/backups/scripts/describe_server.sh

# include remediate/backups/scripts/count_rows.sh
count on "$database" || exit 1
