#!/bin/sh
# Tests nginx' configuration. The [emerg] line says why it fails; the last line only says that it does.

export LC_ALL=C
said=$(nginx -t 2>&1) && exit 0
printf '%s\n' "$said" | grep -E '\[(emerg|alert|crit)\]' | head -n 1 >&2
exit 1
