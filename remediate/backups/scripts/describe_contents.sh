#!/bin/sh
# Prints what a database holds, with a sum over the content of each table: a row that was changed changes it. Arguments:
# user, database. Only reads.
set -u
# include remediate/backups/scripts/connect.sh

# include remediate/backups/scripts/count_rows.sh

# include remediate/backups/scripts/sum_contents.sh

count on "$database" || exit 1
content on "$database"
exit 0
