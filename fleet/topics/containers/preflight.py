"""What would stand in the way of running a container as another user, found out without changing anything.

Asked only of containers of declared services whose processes run as somebody else: a fleet that is right pays nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from fleet.commands import Command, Output, Unobservable
from fleet.schema import Service
from fleet.topics.containers.facts import Container, Denied, Mount, Preflight
from fleet.topics.containers.parsing import Json, listed
from fleet.topics.containers.users import wrong_processes

HELPERS = ("runuser", "su", "gosu", "su-exec", "setpriv", "sudo", "chown", "chmod", "setuidgid")
COUNTED = 1000
MOST_WORDS = 8
LIMIT = 60.0

# Start scripts are read through links, but never outside the container's own root.
START = r"""
pid=$1; shift
root=/proc/$pid/root
[ -d "$root/." ] || { echo "may not look into the container" >&2; exit 71; }
floor=$(nsenter -t "$pid" -n cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null) || floor=1024
echo "floor ${floor:-1024}"
awk '$4 == "0A" { n = split($2, a, ":"); print "port " a[n] }' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null
seen() {
  at=$root$1; hops=0
  while [ -L "$at" ] && [ $hops -lt 5 ]; do
    to=$(readlink "$at")
    case $to in /*) at=$root$to ;; *) at=${at%/*}/$to ;; esac
    hops=$((hops + 1))
  done
  [ -f "$at" ] && [ ! -L "$at" ] || return 1
  [ "$(head -c 2 "$at" | tr -d '\000')" = '#!' ] && head -c 65536 "$at" | grep -v '^ *#' |
    grep -owE 'runuser|su|gosu|su-exec|setpriv|sudo|chown|chmod|setuidgid' | sort -u | sed 's/^/helper /'
  return 0
}
for word in "$@"; do
  case $word in
    /*) seen "$word" ;;
    */*) ;;
    *) for directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
         seen "$directory/$word" && break
       done ;;
  esac
done
exit 0
"""

# What the container's own files say about users is checked to be numbers: find would take anything else as its own.
# Who may use what: owner, group, others, in the kernel's order (path_resolution(7)); access lists are not considered.
# $source is where; $uid and $groups who; $d and $f the bits that are needed on directories and files.
DENIED = r"""
denied() {
  first=$1; shift
  find "$source" -xdev $first \( -type d ! \( -user $uid -perm -${d}00 -o ! -user $uid $groups -perm -0${d}0 \
      -o ! -user $uid ! $groups -perm -00$d \) -o ! -type d ! -type l ! \( -user $uid -perm -${f}00 \
      -o ! -user $uid $groups -perm -0${f}0 -o ! -user $uid ! $groups -perm -00$f \) \) "$@"
}
"""

ACCESS = (
    DENIED
    + r"""
pid=$1 user=$2; shift 2
etc=/proc/$pid/root/etc
entry=$(awk -F: -v u="$user" '$1 == u { print; exit }' "$etc/passwd")
[ -n "$entry" ] || entry=$(awk -F: -v u="$user" '$3 == u { print; exit }' "$etc/passwd")
[ -n "$entry" ] || entry="$user:x:$user:0:"
name=${entry%%:*}
uid=$(printf %s "$entry" | cut -d: -f3)
gid=$(printf %s "$entry" | cut -d: -f4)
number() { case $1 in '' | *[!0-9]*) echo "/etc/passwd or /etc/group holds an odd number" >&2; exit 74 ;; esac; }
number "$uid"; number "$gid"
echo "who $uid $gid"
groups="( -group $gid"
for extra in $(awk -F: -v u="$name" '{ n = split($4, m, ","); for (i = 1; i <= n; i++) if (m[i] == u) print $3 }' \
               "$etc/group" 2>/dev/null); do
  number "$extra"
  groups="$groups -o -group $extra"
done
groups="$groups )"
while [ $# -ge 2 ]; do
  if [ "$1" = rw ]; then d=7 f=6; else d=5 f=4; fi
  source=$2; shift 2
  echo "mount"
  [ -e "$source" ] || { echo "$source is not there" >&2; exit 72; }
  denied -prune >/dev/null || exit 73
  denied '' | head -n 1001 | wc -l
  denied '' | head -n 3 | while IFS= read -r path; do stat -c '%u:%g %a %n' "$path"; done | sed 's/^/ /'
done
"""
)

# What was only a directory is left out: its content is listed by itself.
DIFF = r"""
pid=$1
changed=$(docker diff "$2") || exit 71
printf '%s\n' "$changed" | while IFS= read -r line; do
  [ -d "/proc/$pid/root${line#? }" ] && [ ! -L "/proc/$pid/root${line#? }" ] || printf '%s\n' "$line"
done
"""


def preflights(
    raw: str, containers: Sequence[Container], services: Mapping[str, Service]
) -> Generator[Sequence[Command], list[Output], tuple[Container, ...]]:
    """The containers, with a preflight for those that run as somebody else. At most one round trip."""
    asked = [(one, user) for one in containers if (user := wanted(one, services))]
    if not asked:
        return tuple(containers)
    words = start_words(raw)
    answers = iter((yield [command for one, user in asked for command in commands(one, user, words.get(one.id, ()))]))
    found = {one.id: read(one, user, next(answers), next(answers), next(answers)) for one, user in asked}
    return tuple(replace(one, preflight=found.get(one.id)) for one in containers)


def wanted(container: Container, services: Mapping[str, Service]) -> str:
    """The user to try, for a container whose processes are somebody else's: the first that it knows. Else empty."""
    for service in services.values():
        if service.user and container.pid and container.belongs_to(service.name):
            try:
                wrong, missing = ([], []) if container.remapped else wrong_processes(container, service)
            except Unobservable:
                return ""
            return next((user for user in service.user if user not in missing), "") if wrong else ""
    return ""


def start_words(raw: str) -> dict[str, tuple[str, ...]]:
    """The words of each container's command line that can name a program: used to look them up, then forgotten."""
    inspected: list[Json] = json.loads(raw)
    return {str(one["Id"]): programs(one) for one in inspected}


def programs(inspected: Json) -> tuple[str, ...]:
    line = " ".join([str(inspected.get("Path") or ""), *(str(arg) for arg in listed(inspected, "Args"))])
    words = (
        word for word in re.split(r"[\s;|&()'\"]+", line) if re.fullmatch(r"[A-Za-z0-9_/][\w./+-]*", word, re.ASCII)
    )
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def commands(container: Container, user: str, words: Iterable[str]) -> list[Command]:
    pid = str(container.pid)
    mounts = [part for mount in kept(container) for part in ("rw" if mount.rw else "ro", mount.source)]
    return [
        Command(("sh", "-c", START, "reading start scripts", pid, *words), sudo=True),
        Command(("sh", "-c", ACCESS, "looking for files it could not use", pid, user, *mounts), sudo=True, limit=LIMIT),
        Command(("sh", "-c", DIFF, "docker diff", pid, container.id), sudo=True, limit=LIMIT),
    ]


def kept(container: Container) -> list[Mount]:
    """The mounts with files on them; what Docker itself mounts below /etc is not among them."""
    return [mount for mount in container.mounts if mount.type in ("volume", "bind") and mount.source.startswith("/")]


def read(container: Container, user: str, start: Output, access: Output, diff: Output) -> Preflight | Unobservable:
    try:
        uid, gid, counted = parse_access(access.text(), kept(container))
    except (Unobservable, ValueError) as why:
        return why if isinstance(why, Unobservable) else Unobservable(f"{container.name}: odd answer of find ({why})")
    return Preflight(
        user=user,
        uid=uid,
        gid=gid,
        denied=counted,
        helpers=or_why(start, helpers),
        low_ports=or_why(start, low_ports),
        unsaved=or_why(diff, lambda printed: unsaved(printed, container.mounts)),
    )


def or_why(answer: Output, parse: Any) -> Any:
    try:
        return parse(answer.text())
    except Unobservable as why:
        return why
    except (ValueError, LookupError) as odd:
        return Unobservable(f"`{answer.command}` gave an odd answer: {odd}")


def parse_access(printed: str, mounts: Sequence[Mount]) -> tuple[int, int, tuple[Denied, ...]]:
    """Who it is, and what of each mount that user could not use.

    >>> parse_access("who 33 33\\nmount\\n1\\n 0:0 600 /srv/x\\n", [Mount("bind", "/srv", "/data")])[2][0].examples
    ('0:0 600 /srv/x',)
    """
    who, *sections = printed.split("\nmount\n") if "\nmount\n" in printed else [printed]
    _, uid, gid = who.split()
    return int(uid), int(gid), tuple(filter(None, map(denied, mounts, sections)))


def denied(mount: Mount, section: str) -> Denied | None:
    count, *examples = section.rstrip("\n").split("\n")
    number = int(count)
    if not number:
        return None
    return Denied(
        mount.destination, mount.source, min(number, COUNTED), number > COUNTED, tuple(e.strip() for e in examples)
    )


def helpers(printed: str) -> tuple[str, ...]:
    named = {line.removeprefix("helper ") for line in printed.splitlines() if line.startswith("helper ")}
    return tuple(name for name in HELPERS if name in named)


def low_ports(printed: str) -> tuple[int, ...]:
    """The ports below the floor on which something listens. Docker 20.10 and later set the floor to 0 by themselves.

    >>> low_ports("floor 1024\\nport 0050\\nport 1F40\\n"), low_ports("floor 0\\nport 0050\\n")
    ((80,), ())
    """
    [floor] = (int(line.removeprefix("floor ")) for line in printed.splitlines() if line.startswith("floor "))
    ports = {int(line.removeprefix("port "), 16) for line in printed.splitlines() if line.startswith("port ")}
    return tuple(sorted(port for port in ports if port < floor))


HARMLESS = re.compile(
    r"/(tmp|run|proc|sys|dev|var/(tmp|run|cache|log|lock|spool/cron))(/.*)?"
    r"|.*/(__pycache__|\.cache|\.ash_history|\.bash_history|\.python_history|\.config/matplotlib)(/.*)?"
    r"|.*\.(pyc|pid|sock|log|lock)"
    r"|/etc/(mtab|hosts|hostname|resolv\.conf|ld\.so\.cache|\.pwd\.lock)"
)


def unsaved(printed: str, mounts: Iterable[Mount]) -> tuple[str, ...]:
    """What a container wrote outside its volumes and would lose, from `docker diff`.

    >>> unsaved("A /etc/letsencrypt/key.pem\\nA /tmp/x\\nA /data\\n", [Mount("bind", "/d", "/data")])
    ('/etc/letsencrypt/key.pem',)
    """
    paths = [line[2:] for line in printed.splitlines() if line[:2] in ("A ", "C ")]
    points = {str(PurePosixPath(mount.destination)) for mount in mounts}
    return tuple(path for path in paths if path not in points and not HARMLESS.fullmatch(path))
