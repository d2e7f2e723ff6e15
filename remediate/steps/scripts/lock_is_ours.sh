#!/bin/sh
# `ours` says whether the lock's file $lock holds the line of $who; without $who there is no lock to ask for. It has no
# single quotes, so that it may be part of the text of an inner shell.

ours() {
  [ -n "$who" ] || return 0
  IFS= read -r line <"$lock" 2>/dev/null || return 1
  rest=${line#* }; [ "${rest#* v1 }" = "$who" ]
}
