#!/bin/sh
# On the lab's volume: makes a disk for each name from the seed, with hard links, and an empty backup volume for all.

clone() {
    rm -rf "$1"; mkdir "$1"
    cp -al seed/overlay2 "$1/overlay2"
    find seed -mindepth 1 -maxdepth 1 ! -name overlay2 ! -name engine-id ! -name swarm ! -name containers \
        ! -name network -exec cp -a {} "$1/" ';'
}
set -eu; rm -rf /lab/data/backups; mkdir /lab/data/backups
cd /lab/data/nodes; for name; do clone "$name"; done
