"""How the containers of a node are seen: the engine's own JSON, and one scan of /proc.

Two constant scripts in one round trip. `docker inspect` of everything at once survives a container that vanishes in
between, and costs one start of the client. Users come from /proc, because an image may drop its privileges itself: what
`docker inspect` says about users is only what `docker exec` would be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.readers.lines import lines
from fleetkeeper.readers.numbers import epoch_seconds
from fleetkeeper.topics.containers import parse, process_scan
from fleetkeeper.topics.containers.facts import Facts
from fleetkeeper.topics.containers.preflight import preflights
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.shell_functions import CAPPED_DOCKER

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

SEVERAL = 68
ABSENT = 69
NO_CLIENT = 70

# A client alone is no engine, and without its processes and its socket nothing can run in containers.
# Where even process 1 is hidden from this account, processes prove nothing, and the client is asked.
# A rootless engine has its socket with its user; of several, one alone would be half the truth.
DOCKER = """
PATH=$PATH:/usr/local/bin:/snap/bin
[ -S /run/docker.sock ] || [ -S /var/run/docker.sock ] || [ -n "$DOCKER_HOST" ] || [ ! -r /proc/1/comm ] ||
  grep -qsE '^(dockerd|containerd|containerd-shim)' /proc/[0-9]*/comm || exit 69
if [ -z "$DOCKER_HOST" ] && [ ! -S /run/docker.sock ] && [ ! -S /var/run/docker.sock ]; then
  for socket in /run/user/*/docker.sock; do
    [ -S "$socket" ] || continue
    [ -z "$DOCKER_HOST" ] || { echo "several rootless engines run here" >&2; exit 68; }
    DOCKER_HOST=unix://$socket; export DOCKER_HOST
  done
fi
command -v docker >/dev/null 2>&1 || { echo "an engine, but no docker client" >&2; exit 70; }
"""

NAMES_ONLY = r"""
names_only() {
  LC_ALL=C sed '/^ *"Env": \[$/,/^ *\],\{0,1\}$/s/^\( *"[^="]*\)=.*\("\)\(,\{0,1\}\)$/\1=\2\3/'
}
inspected() {
  said=$("$@"); rc=$?
  printf '%s\n' "$said" | names_only
  return "$rc"
}
"""
"""`inspected docker … inspect …` leaves the values out of environments: passwords stand there, and no rule asks them.
The engine's client prints one variable a line."""

INSPECT = Command(
    (
        "sh",
        "-c",
        DOCKER
        + CAPPED_DOCKER
        + NAMES_ONLY
        + """
date +%s
ids=$(docker ps -aq --no-trunc) || exit 71
[ -n "$ids" ] || { echo '[]'; exit 0; }
inspected docker inspect --type container $ids
""",
        "docker inspect",
    ),
    sudo=True,
)

# The processes of containers only: those whose control group names 64 hexadecimal digits.
SCAN = Command(
    (
        "sh",
        "-c",
        r"""
grep -lsE '[0-9a-f]{64}' /proc/[0-9]*/cgroup |
  sed 's,cgroup$,status,p;s,status$,uid_map,p;s,uid_map$,cgroup,' |
  xargs grep -HsE '^(Name|State|PPid|Uid|NoNewPrivs):|^ *[0-9]+ +[0-9]+ +[0-9]+$|[0-9a-f]{64}'
exit 0
""",
        "scan of /proc",
    ),
    sudo=True,
)

# A symbolic link could lead out of the container, a FIFO could hang: only plain files of sane size are read, and only
# lines of accounts (passwd(5)) are told of, whatever a link that was swapped in meanwhile may lead to.
# What a file says is indented, so that no container can speak for another one. Three programs, however many containers.
ACCOUNTS = r"""
for pid in "$@"; do
  shift
  root=/proc/$pid/root
  if [ ! -d "$root/." ]; then
    if [ -d "/proc/$pid" ]; then printf '=%s\n!not permitted\n' "$pid"; else printf '=%s\n!ended\n' "$pid"; fi
  elif [ -L "$root/etc" ] || [ -L "$root/etc/passwd" ]; then
    printf '=%s\n!/etc/passwd is a symbolic link\n' "$pid"
  elif [ ! -e "$root/etc/passwd" ]; then
    printf '=%s\n' "$pid"
  elif [ ! -r "$root/etc/passwd" ]; then
    printf '=%s\n!/etc/passwd could not be read\n' "$pid"
  else
    set -- "$@" "$root/etc/passwd"
  fi
done
[ $# -gt 0 ] || exit 0
find "$@" -prune -type f -size -512 |
  xargs awk -F: 'FNR == 1 { split(FILENAME, path, "/"); print "=" path[3] }
    NF >= 4 && NF <= 7 && $1 !~ /[[:cntrl:]]/ && $3 $4 ~ /^[0-9]+$/ && $4 != "" { print " " $1 ":" $3 }'
exit 0
"""


def observe(node: Node, inventory: Inventory) -> Look:
    """Inspect and scan in one round trip; a second one reads the account names of the containers that run.

    A third one only where a declared service runs as somebody else: what would stand in the way of mending it.
    """
    inspected, scan = yield [INSPECT, SCAN]
    if inspected.rc == ABSENT:
        return Facts("absent")
    clock, _, listed = engine_says(inspected).partition("\n")
    containers = parse.containers(listed)
    pids = tuple(str(container.pid) for container in containers if container.pid)
    accounts = (
        (yield [Command(("sh", "-c", ACCOUNTS, "reading /etc/passwd of containers", *pids), sudo=True)]) if pids else []
    )
    processes = process_scan.by_container(scan, containers)
    names = process_scan.accounts(accounts[0]) if accounts else {}
    joined = process_scan.joined(containers, processes, names)
    if isinstance(inventory.services, dict) and not inventory.quick:
        joined = yield from preflights(listed, joined, inventory.services)
    return Facts("present", joined, epoch_seconds(clock))


def engine_says(inspected: Output) -> str:
    """What `docker inspect` printed. Raises Unobservable, unless it only missed containers that are gone by now."""
    if inspected.rc == NO_CLIENT:
        raise Unobservable(
            "a Docker engine runs here, but there is no `docker` client to ask it with",
            hint="install the client (Debian: docker-cli or docker.io) on the node",
        )
    if inspected.rc == SEVERAL:
        raise Unobservable(
            "several rootless Docker engines run here, and only one can be asked",
            hint="list the node once for each, as the user that runs it, with `sudo: false`",
        )
    if inspected.rc == 1 and only_gone(inspected.err.decode("utf-8", "replace")):
        return inspected.text({0, 1})
    return inspected.text()


def only_gone(said: str) -> bool:
    """Whether all complaints are about containers that ended between the list and the look at them.

    >>> only_gone("Error: No such container: 5f2\\n"), only_gone("Cannot connect to the Docker daemon")
    (True, False)
    """
    found = [line for line in lines(said) if line.strip()]
    return bool(found) and all(
        re.match(r"(Error( response from daemon)?: )?No such (container|object)", x) for x in found
    )
