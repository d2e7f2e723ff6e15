#!/bin/sh
# `show KIND PATH` prints a file: one header line, then its lines with `|` before each. What is open stays the same
# file, whatever takes its name meanwhile.

export LC_ALL=C
say() { printf '%s\n' "$*"; }
show() { # kind path
    case $2 in *'
'*) return ;; esac
    [ -f "$2" ] || return
    if ! [ -r "$2" ]; then say "unseen $2"; return; fi
    # shellcheck disable=SC2094 # nothing writes to the file
    { show_opened "$1" "$2"; } 2>/dev/null 3<"$2" || say "unseen $2"
}
is_text() { # whether what is open as 3 is a script: a program of machine code is not shown, and is named so
    [ "$(dd bs=512 count=1 2>/dev/null < /proc/self/fd/3 | tr -d '\0' | wc -c)" = "$(dd bs=512 count=1 2>/dev/null < /proc/self/fd/3 | wc -c)" ]
}
show_opened() { # kind path, which is open as 3: what is told about it, asked and printed is one file
    [ -f /proc/self/fd/3 ] && own=$(stat -c %u "$2") || return 1
    of=$(stat -L -c '%u %a %h %Y %s' /proc/self/fd/3) && [ "${of##* }" -le 1048576 ] || return 1
    [ "$1" != script ] || is_text || { say "binary $2"; return 0; }
    [ "$1" != script ] || [ -z "${ASKER:-}" ] || may_show "$2" "${of%% *}" || return 1
    say "file $1 $own $of $2"
    sed 's/^/|/' <&3
    echo
}
