#!/bin/sh
# Goes into the directory $1, which no link may lead to.

cd -P -- "$1" 2>/dev/null && [ "$(pwd -P)" = "$1" ] || exit 77
