#!/bin/sh
# `may_show PATH OWNER` says whether root shows a script to an account that may only look ($ASKER is its number): one
# that can be run, that nobody but root and its owner (who is not the one who asks) can put another file in place of,
# and that root's or its owner's own schedule names. The owner is asked of the open file first: only root can make a
# path look like root's own.

may_show() { # path, the owner of the file that is open as 3
    real=$(readlink /proc/self/fd/3) && [ -x /proc/self/fd/3 ] || return 1
    [ "$2" = 0 ] || [ "$2" != "$ASKER" ] || return 1
    guarded "$1" "$2" && guarded "$real" "$2" && scheduled "$1" "$2"
}
guarded() { # path owner
    at=$1
    while [ -n "$at" ]; do
        case $(stat -c '%u %A' -- "$at") in "0 l"*) ;; *" "l* | *" "?????w* | *" "????????w*) return 1 ;;
        "0 "* | "$2 "*) ;; *) return 1 ;; esac
        at=${at%/*}
    done
}
scheduled() { # path owner
    for table in /var/spool/cron/crontabs/* /var/spool/cron/tabs/* /var/spool/cron/*; do
        { [ -f "$table" ] && grep -hsF -- "$1" "$table" | named "$1"; } || continue
        user=$(id -u "${table##*/}" 2>/dev/null) || continue
        if [ "$user" = 0 ] || [ "$user" = "$2" ]; then return 0; fi
    done
    grep -hsF -- "$1" /etc/crontab /etc/cron.d/* /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* \
        /etc/cron.monthly/* /etc/cron.yearly/* | named "$1" && return
    grep -rhsF -- "$1" /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system \
        /lib/systemd/system | named "$1"
}
named() { # path: whether it is a word of a line, no part of another path, and no comment
    path=$1 awk 'BEGIN { path = ENVIRON["path"]; apart = "[ \t\r\"\047`;&|<>()={},:$]" }
        /^[ \t]*#/ { next }
        { for (rest = " " $0 " "; at = index(rest, path); rest = substr(rest, at + 1)) {
            if (substr(rest, at - 1, 1) !~ apart "|[-@+!]") continue
            if (substr(rest, at + length(path), 1) ~ apart) { found = 1; exit }
        } }
        END { exit !found }'
}
