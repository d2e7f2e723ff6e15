#!/bin/sh
# In nginx' container: runs the script $1 with the words after it, which reloads nginx, and waits until only new workers answer.
# `nginx -s reload` returns at once, and the old ones serve what they have read until they are told to end.

workers() { grep -lsx "PPid:$(printf '\t')$(cat /run/nginx.pid)" /proc/[0-9]*/status; }
has_new() { workers | grep -qvxF "$before"; }
has_old() { workers | grep -qxF "$before"; }

before=$(workers)
sh -c "$@" || exit
for _ in $(seq 300); do
    if has_new && ! has_old; then exit 0; fi
    sleep 0.1
done
echo "nginx was told to reload, and its old workers still answer" >&2
exit 1
