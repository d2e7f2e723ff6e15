#!/bin/sh
# Prints every schedule that cron and systemd read, how cron and the clock are set up, and `end`. It takes no arguments.

# include fleetkeeper/readers/cron/scripts/show_file.sh

# include fleetkeeper/readers/docker/scripts/own_sockets.sh

# include fleetkeeper/readers/cron/scripts/print_environment.sh

shown() { # kind directory
    [ -d "$2" ] || return
    if ! [ -r "$2" ] || ! [ -x "$2" ]; then say "unseen $2"; return; fi
    for path in "$2"/*; do show "$1" "$path"; done
}
about=Id,LoadState,ActiveState,Result,NeedDaemonReload,User,Group,DynamicUser,WorkingDirectory,ExecStart
about=$about,SupplementaryGroups,ConditionResult,ConditionTimestamp,FragmentPath,DropInPaths,Environment
about=$about,EnvironmentFiles,PassEnvironment,UnsetEnvironment
services=
settings() { # unit files: the lines that say what a service starts, and when not; nothing of its environment
    awk 'FNR == 1 { line = "" }
        { line = line $0 }
        /\\$/ { sub(/\\$/, " ", line); next }
        line ~ /^[ \t]*(Exec(Condition|StartPre|Start|StartPost)|(Condition|Assert)[A-Za-z]+)[ \t]*=/ {
            print "setting " FILENAME " " line }
        { line = "" }' "$@" 2>/dev/null | head -c 131072
    echo
}
accounts() { # the accounts of numbers, and the numbers of groups, that services name: `number UID NAME`, `gid GROUP GID`
    for word in $(printf '%s\n' "$services" | sed -n 's/^User=\([0-9][0-9]*\)$/\1/p' | sort -u); do
        say "number $word $(getent passwd "$word" | cut -d : -f 1)"
    done
    for word in $(printf '%s\n' "$services" | sed -n 's/^Group=//p; s/^SupplementaryGroups=//p' | tr ' ' '\n' | sort -u); do
        say "gid $word $(getent group "$word" | cut -d : -f 3)"
    done
    say "socket $(stat -L -c %g /var/run/docker.sock 2>/dev/null)"
}
for spool in /var/spool/cron/crontabs /var/spool/cron/tabs /var/spool/cron; do
    shown user "$spool"
    for path in "$spool"/*; do
        if [ -f "$path" ]; then say "uid $(id -u "${path##*/}" 2>/dev/null || echo none) ${path##*/}"; fi
    done
done
show system /etc/crontab
shown system /etc/cron.d
for path in /etc/cron.d/*; do if [ -p "$path" ]; then say "fifo $path"; fi; done
for period in hourly daily weekly monthly yearly; do shown directory "/etc/cron.$period"; done
for directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin /snap/bin; do
    if [ -x "$directory/docker" ]; then say "docker $directory/docker"; fi
done
own_sockets | sed 's/^/own /'
[ -x /usr/sbin/anacron ] && say anacron
if command -v crontab >/dev/null; then say installed; fi
say "account $(id -un)"
say "host $(uname -n)"
say "sh $(basename "$(readlink -f /bin/sh)")"
if /bin/sh -c 'set -o pipefail' 2>/dev/null; then say pipefail; fi
dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' cron cronie 2>/dev/null | sed -n 's/^installed /package /p'
rpm -q --qf 'package %{NAME} %{VERSION}-%{RELEASE}\n' cronie 2>/dev/null | grep '^package [a-z]* [0-9]'
say "localtime $(readlink -f /etc/localtime)"
if [ -r /etc/timezone ]; then say "zone $(cat /etc/timezone)"; fi
say "today $(date +%F)"
say "boot $(sed -n 's/^btime //p' /proc/stat)"
[ -r /proc/1/status ] || say hidden
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2>/dev/null || continue
    case $name in cron | crond | fcron | dcron) ;; *) continue ;; esac
    inner=
    parent=
    uid=
    while read -r key value rest; do
        case $key in PPid:) parent=$value ;; NSpid:) inner=$rest ;; Uid:) uid=$value ;; esac
    done < "$process/status"
    if [ -n "$inner" ] || [ "$uid" != 0 ]; then continue; fi
    say "exe ${process#/proc/} $(readlink "$process/exe")"
    say "cron ${process#/proc/} $parent $name $(sed 's/.*) //' "$process/stat" | cut -d ' ' -f 20)"
    if [ -r "$process/environ" ]; then
        tr '\0' '\n' < "$process/environ" | sed -n "s|^TZ=|crontz ${process#/proc/} |p"
    else
        say "unread ${process#/proc/}"
    fi
done
if [ -d /run/systemd/system ]; then
    say manager systemd
    for unit in cron crond cronie; do
        state=$(systemctl is-enabled "$unit.service" 2>/dev/null)
        case $state in enabled* | disabled | masked*) say "unit $unit $state" ;; esac
    done
    if timers=$(systemctl show -p Id,ActiveState,SubState,UnitFileState,Unit,TimersCalendar,TimersMonotonic '*.timer'); then
        printf '%s\n' "$timers" | sed 's/^/timer /'
        units=$(printf '%s\n' "$timers" | sed -n 's/^Unit=//p')
        # Names of units hold no blanks.
        # shellcheck disable=SC2086 # names of units, to be split
        [ -z "$units" ] || services=$(systemctl show -p "$about" $units | without_other_variables)
        printf '%s\n' "$services" | sed 's/^/service /'
        environment
        accounts
        # shellcheck disable=SC2046 # paths of unit files, to be split
        set -- $(printf '%s\n' "$services" | sed -n 's/^FragmentPath=//p; s/^DropInPaths=//p' | tr ' ' '\n' | sort -u)
        [ $# = 0 ] || settings "$@"
    else
        say "unseen the timers of systemd"
    fi
elif command -v rc-service >/dev/null; then
    say manager openrc
    for unit in cronie dcron crond cron; do [ -x "/etc/init.d/$unit" ] && say "unit $unit"; done
elif command -v service >/dev/null; then
    say manager service
    for unit in cron cronie crond; do
        [ -x "/etc/init.d/$unit" ] || continue
        state=disabled
        for link in /etc/rc[2345].d/S[0-9]*"$unit"; do [ -e "$link" ] && state=enabled; done
        say "unit $unit $state"
    done
fi
say end
