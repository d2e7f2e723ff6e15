#!/bin/sh
# Prints for each file whether it is the same as when it was seen, changed or gone. Arguments: the directory, then per
# file its name (without slash), and its identity as `stat` prints it.

cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || exit 77
[ -w . ] || exit 73
shift
while [ $# -ge 2 ]; do
  if [ -h "./$1" ] || [ ! -f "./$1" ]; then now=other; [ -e "./$1" ] || [ -h "./$1" ] || now=gone
  else now=$(stat -c '%i:%s:%Y:%h' "./$1") || now=gone; fi
  if [ "$now" = "$2" ]; then echo same; elif [ "$now" = gone ]; then echo gone; else echo changed; fi
  shift 2
done
