#!/bin/sh
# `describe_path PATH` prints `at COMPONENTS FLAGS PATH`: owner, group and mode (hex) of the root and of each part on the
# way, or why nobody looked (link, network, automount, unseen); `none` where a part is not there. FLAGS are of the last
# part that is there: w, x and s as test(1) has them, m a mount point, k locked by another program than docker.

describe_path() {
    case $1 in *[!\ -~]* | *' '* | */../* | */..) return ;; esac
    if [ -n "${ASKER:-}" ] && ! mentioned "$1"; then printf 'at unseen - %s\n' "$1"; return; fi
    [ -n "$mounts" ] || mounts=$(awk '{ for (i = 6; i < NF; i++) if ($i == "-") print $(i + 1), $5 }' /proc/self/mountinfo)
    at=
    way=$(stat -L -c %u:%g:%f / 2>/dev/null)
    rest=${1#/}/
    while [ -n "$rest" ]; do
        name=${rest%%/*}
        rest=${rest#*/}
        case $name in '' | .) continue ;; esac
        if [ -L "$at/$name" ] && [ "$(stat -c %u "$at/$name")" != 0 ]; then way=$way,link; break; fi
        limited=
        case $(kind_of_mount "$at/$name") in
        '') ;;
        autofs) way=$way,automount; break ;;
        *) limited="timeout -s KILL 2" ;;
        esac
        # shellcheck disable=SC2086 # a program and its options, or nothing
        part=$($limited stat -L -c %u:%g:%f "$at/$name" 2>/dev/null) || part=none
        if [ "$part" = none ] && [ -n "$limited" ]; then
            # shellcheck disable=SC2086 # the same
            $limited stat "$at" >/dev/null 2>&1 || part=network
        fi
        way=$way,$part
        case $part in none | network) break ;; esac
        at=$at/$name
    done
    printf 'at %s -%s %s\n' "$way" "$(flags_of "${at:-/}")" "$1"
}
mounts=
kind_of_mount() { # path: the kind of the file system on the network that it is on; empty on any other
    path=$1 awk 'BEGIN { path = ENVIRON["path"] "/" } {
        gsub(/\\040/, " ", $2); end = ($2 == "/") ? "/" : $2 "/"
        if (index(path, end) == 1 && length(end) >= most) { most = length(end); kind = $1 } }
        END { if (kind ~ /^(nfs|nfs4|cifs|smb3|smbfs|autofs|9p|ceph|lustre|afs|gfs2|ocfs2|glusterfs|davfs|fuse.*)$/) print kind }' <<EOT
$mounts
EOT
}
flags_of() { # path
    case $way in *,link | *,network | *,automount) return ;; esac
    if [ -w "$1" ]; then printf w; fi
    if [ -x "$1" ]; then printf x; fi
    if [ -s "$1" ]; then printf s; fi
    case "
$mounts
" in *" $(readlink -f "$1")
"*) printf m ;; esac
    if [ -f "$1" ] && locked "$1"; then printf k; fi
}
locked() { # file
    inode=$(stat -L -c %i "$1")
    pid=$(awk -v inode="$inode" '$2 == "FLOCK" { n = split($6, id, ":"); if (id[n] == inode) print $5 }' /proc/locks 2>/dev/null)
    [ -n "$pid" ] || return 1
    for one in $pid; do
        tr '\0' ' ' < "/proc/$one/cmdline" 2>/dev/null | grep -q docker || return 0
    done
    return 1
}
mentioned() { # path: whether a schedule that is root's own names it, or something below it
    grep -hsF -- "$1" /var/spool/cron/crontabs/root /var/spool/cron/tabs/root /var/spool/cron/root /etc/crontab \
        /etc/cron.d/* /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/* /etc/cron.yearly/* |
        grep -q '^[[:space:]]*[^#[:space:]]' && return
    grep -rqsF -- "$1" /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system
}
