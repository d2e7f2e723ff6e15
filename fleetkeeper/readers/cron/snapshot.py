"""What is asked of a node: a constant script that prints every schedule there is, and how to read what it prints.

A second one answers what only the entries can raise: `/path` is that program there, `=/path` what is in that script,
anything else is that a user, and may they talk to Docker.

A file is printed as one header line and its content with `|` before each line; a missing newline at its end shows as a
missing empty line after it. Nothing is ever written on the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fleetkeeper.readers.numbers import epoch_seconds, whole_number
from fleetkeeper.transport.commands import Unobservable

LARGEST = 1 << 20
FILES = frozenset({"user", "system", "directory", "script"})
ABOUT_FILES = frozenset({"uid", "unseen", "user", "denied", "program"})
ABOUT_CRON = frozenset({"anacron", "boot", "cron", "crontz", "hidden", "installed", "localtime", "unread", "zone"})
KEYS = ABOUT_FILES | ABOUT_CRON | {"account", "docker", "end", "manager", "service", "timer", "unit"}
"""First words of the lines that the scripts print, besides `file`."""
OCTAL = re.compile(r"[0-7]{1,7}")
SHOW = r"""
export LC_ALL=C
say() { printf '%s\n' "$*"; }
show() { # kind path
    case $2 in *'
'*) return ;; esac
    [ -f "$2" ] || return
    if ! [ -r "$2" ]; then say "unseen $2"; return; fi
    { show_opened "$1" "$2"; } 2>/dev/null 3<"$2" || say "unseen $2"
}
show_opened() { # kind path, which is open as 3: what is told about it, asked and printed is one file
    [ -f /proc/self/fd/3 ] && own=$(stat -c %u "$2") || return 1
    of=$(stat -L -c '%u %a %h %Y %s' /proc/self/fd/3) && [ "${of##* }" -le 1048576 ] || return 1
    [ "$1" != script ] || [ -z "${ASKER:-}" ] || may_show "$2" "${of%% *}" || return 1
    say "file $1 $own $of $2"
    sed 's/^/|/' <&3
    echo
}
"""
"""`show KIND PATH` prints a file. What is open stays the same file, whatever takes its name meanwhile."""

MAY_SHOW = r"""
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
        [ -f "$table" ] && grep -hsF -- "$1" "$table" | named "$1" || continue
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
"""
"""Whether root shows a script for an account that may only look ($ASKER is its number): one that can be run, that
nobody but root and its owner, who is not the one who asks, can put another file in place of, and that root's or its
owner's own schedule names. The owner is asked of the open file first: only root can make a path look like root's own.
"""

SCRIPT = (
    SHOW
    + r"""
shown() { # kind directory
    [ -d "$2" ] || return
    if ! [ -r "$2" ] || ! [ -x "$2" ]; then say "unseen $2"; return; fi
    for path in "$2"/*; do show "$1" "$path"; done
}
for spool in /var/spool/cron/crontabs /var/spool/cron/tabs /var/spool/cron; do
    shown user "$spool"
    for path in "$spool"/*; do
        if [ -f "$path" ]; then say "uid $(id -u "${path##*/}" 2>/dev/null || echo none) ${path##*/}"; fi
    done
done
show system /etc/crontab
shown system /etc/cron.d
for period in hourly daily weekly monthly yearly; do shown directory "/etc/cron.$period"; done
for directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin /snap/bin; do
    if [ -x "$directory/docker" ]; then say "docker $directory/docker"; fi
done
[ -x /usr/sbin/anacron ] && say anacron
if command -v crontab >/dev/null; then say installed; fi
say "account $(id -un)"
say "localtime $(readlink -f /etc/localtime)"
if [ -r /etc/timezone ]; then say "zone $(cat /etc/timezone)"; fi
say "boot $(sed -n 's/^btime //p' /proc/stat)"
[ -r /proc/1/status ] || say hidden
for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2>/dev/null || continue
    case $name in cron | crond | fcron | dcron) ;; *) continue ;; esac
    inner=
    parent=
    while read -r key value rest; do
        case $key in PPid:) parent=$value ;; NSpid:) inner=$rest ;; esac
    done < "$process/status"
    [ -z "$inner" ] || continue
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
    if timers=$(systemctl show -p Id,ActiveState,Unit,TimersCalendar,FragmentPath '*.timer'); then
        printf '%s\n' "$timers" | sed 's/^/timer /'
        units=$(printf '%s\n' "$timers" | sed -n 's/^Unit=//p')
        # Names of units hold no blanks.
        [ -z "$units" ] || systemctl show -p Id,ExecStart,User $units | sed 's/^/service /'
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
"""
)

ASK = (
    SHOW
    + MAY_SHOW
    + r"""
socket=$(stat -L -c %g /var/run/docker.sock 2>/dev/null)
for word; do
    case $word in
    =*) show script "${word#=}" ;;
    /*) if [ -x "$word" ]; then printf 'program %s\n' "$word"; fi ;;
    *)
        if uid=$(id -u "$word" 2>/dev/null); then
            printf 'user %s\n' "$word"
            case " $(id -G "$word") " in
            *" ${socket:-none} "*) ;;
            *) if [ -n "$socket" ] && [ "$uid" != 0 ]; then printf 'denied %s\n' "$word"; fi ;;
            esac
        fi ;;
    esac
done
echo end
"""
)


@dataclass(frozen=True)
class File:
    """One file as it was printed. `owner` is the file's, `link_owner` that of the link by which it was reached."""

    path: str
    kind: str
    link_owner: int
    owner: int
    mode: int
    links: int
    changed: float
    content: bytes

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass
class Printed:
    """The script's output: files, and all other lines by their first word."""

    files: list[File] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def one(self, key: str) -> str:
        """The rest of the first line with that first word; empty when there is none."""
        return (self.lines.get(key) or [""])[0]

    def cannot_tell(self, path: str) -> None:
        """Note that what stands in a file is not known: it was seen, and makes no sense."""
        self.lines.setdefault("unseen", []).append(path)


def read(text: str) -> Printed:
    """Read what the script printed. Raises Unobservable when it did not come to its end.

    >>> printed = read("file system 0 0 644 1 1700000000 4 /etc/crontab\\n|a b\\n\\ndocker /usr/bin/docker\\nend\\n")
    >>> printed.files[0].content, oct(printed.files[0].mode), printed.one("docker")
    (b'a b\\n', '0o644', '/usr/bin/docker')
    """
    rows = text.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the list of schedules was cut short")
    printed = Printed()
    at = 0
    while at < len(rows):
        key, _, rest = rows[at].partition(" ")
        at += 1
        if key == "file":
            content = list(contents(rows, at))
            at += len(content)
            ended = rows[at] == ""
            at += ended
            try:
                printed.files.append(file(rest, content, ended))
            except (ValueError, Unobservable):
                printed.cannot_tell(rest.split(" ", 7)[-1])
        elif key in KEYS:
            printed.lines.setdefault(key, []).append(rest)
        elif key:
            printed.cannot_tell("a part of the list of schedules, which makes no sense,")
    return printed


def contents(rows: list[str], start: int) -> Iterator[str]:
    for at in range(start, len(rows)):  # a slice would copy all that follows, once a file
        if not rows[at].startswith("|"):
            return
        yield rows[at][1:]


def file(header: str, content: list[str], ended: bool) -> File:
    """A file from its header and its lines. Raises Unobservable or ValueError for a header that makes no sense."""
    kind, link_owner, owner, mode, links, changed, _, path = header.split(" ", 7)
    text = "\n".join(content) + ("\n" if content and ended else "")
    if not OCTAL.fullmatch(mode) or kind not in FILES or not path.startswith("/"):
        raise Unobservable("it is no file that the script prints")
    return File(
        path,
        kind,
        whole_number(link_owner),
        whole_number(owner),
        int(mode, 8),
        whole_number(links),
        epoch_seconds(changed),
        text.encode("utf-8", "surrogateescape"),
    )
