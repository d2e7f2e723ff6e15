#!/bin/sh
# `w PROGRAM…` runs a command where whoever listens cannot end it: both of its outputs are cut, after $b bytes.
exec 8>&1 9>&2
w() {
c=$({ { { "$@" </dev/null 7>&- 8>&- 9>&-; echo $? >&7; } 2>&1 >&6 6>&- | head -c "$b" >&9; } 6>&1 |
head -c "$b" >&8; } 7>&1)
f
}
