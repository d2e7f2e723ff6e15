#!/bin/sh
# Runs `docker run -i …` on the node, with a standard input that stays open as long as somebody waits for the answer:
# when we, the connection or the client go away, the container sees the end of it and ends itself. Arguments: seconds
# that it may take at most, then the words.

limit=$1; shift
sh -c 'sleep "$1" >/dev/null & trap "kill $!; exit 0" TERM; echo $$; wait' sh "$limit" | {
  read -r keeper
  "$@"; rc=$?
  kill "$keeper" 2>/dev/null
  exit "$rc"
}
