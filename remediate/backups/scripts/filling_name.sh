#!/bin/sh
# `filling NAME` prints what a restored database is called until it is whole. The live one's name may hold `_restored_`
# itself: the last one counts.

filling() { printf '%s\n' "$1" | sed 's/\(.*\)_restored_/\1_filling_/'; }
