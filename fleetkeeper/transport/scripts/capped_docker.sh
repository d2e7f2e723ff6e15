#!/bin/sh
# `docker` is Docker's client from here on, with output that ends after 32 MiB, and its own exit status (that of
# SIGPIPE, if it had more to say).
#
# That is twice what any answer may have. A script that puts an answer into a variable holds all of it in the node's
# memory until its time is up.

docker() {
  { status=$({ { command docker "$@" 7>&- 8>&-; echo $? >&7; } | head -c 33554432 >&8; } 7>&1); } 8>&1
  return "$status"
}
