#!/bin/sh
# Runs cron in a directory tree, in namespaces of its own, over the begin of one minute; prints `ran`, then waits for
# its input to end. Argument: the directory.
set -eu
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
hostname vm
chroot "$1" flock /run/held.lock sleep 600 > /dev/null 2>&1 &
while [ "$(date +%S)" -gt 45 ]; do sleep 1; done
chroot "$1" cron -f > /dev/null 2>&1 &
cron=$!
sleep 3
while [ "$(date +%S)" -gt 2 ]; do sleep 1; done
sleep 45
kill -STOP "$cron"
echo ran
cat > /dev/null
