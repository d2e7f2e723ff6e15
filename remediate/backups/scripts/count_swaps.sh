#!/bin/sh
# Prints how many sessions are changing names of databases: a change goes on in the container when the connection to the
# node is lost. Arguments: user, database. Only reads.
set -u
# include remediate/backups/scripts/connect.sh

echo "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fleetkeeper: change of names';" | on "$home"
