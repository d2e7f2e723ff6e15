"""After a service was changed: whether it still answers where it answered before, inside and from outside.

Two looks, since neither proves it alone. Inside its network namespace the new task listens on the same ports as the old
one. From the node, its published port takes a connection and keeps it: where nothing listens behind it, the connection
is refused, or Docker's own proxy takes it and drops it at once. The same was asked before the change, so that what did
not answer then is not held against it. A port of the swarm's mesh (ingress) may be answered by any replica.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetkeeper.looking.facts import seen
from fleetkeeper.topics.containers.placement import Placement
from fleetkeeper.topics.services.facts import Published, SwarmService
from remediate.remedies.containers.file_owners import preflight_of
from remediate.steps import Require, Run

# $1 the service, then its ports in hexadecimal, as /proc/net/tcp has them. One that moved away is not judged here.
LISTENS = r"""
name=$1; shift
for again in 1 2 3 4 5 6 7 8 9 10; do
  ids=$(docker ps -q --no-trunc --filter "label=com.docker.swarm.service.name=$name") || exit 71
  [ -n "$ids" ] || { echo "$name runs on another node now: its ports were not tried there" >&2; exit 0; }
  missing=
  for pid in $(docker inspect --format '{{.State.Pid}}' $ids); do
    for port in "$@"; do
      grep -qsE ":$port [0-9A-F]+:0000 0A" "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" || missing="$missing $port"
    done
  done
  [ -n "$missing" ] || exit 0
  sleep 2
done
echo "not served any more:$(for port in $missing; do printf ' %d' "0x$port"; done)" >&2
exit 1
"""

# $1 the service, $2 host or ingress, $3 how often, then ports. Through the node's own address, as its clients come:
# the loopback address would meet Docker's proxy alone. bash says 1 for a connection that was closed at once.
ANSWERS = r"""
name=$1 mode=$2 tries=$3; shift 3
if [ "$mode" = host ]; then
  here=$(docker ps -q --filter "label=com.docker.swarm.service.name=$name") || exit 71
  [ -n "$here" ] || { echo "$name runs on another node now: its ports were not tried there" >&2; exit 0; }
fi
at=$({ hostname -I || ip -o -4 addr show scope global | awk '{ print $4 }'; } 2>/dev/null | head -n 1)
at=${at%% *}; at=${at%%/*}; at=${at:-127.0.0.1}
if command -v bash >/dev/null 2>&1; then
  answers() {
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit 1; read -r -t 1 -N 1 <&3; [ $? -ne 1 ]' "$at" "$1" 2>/dev/null
  }
elif command -v nc >/dev/null 2>&1; then
  answers() { nc -z -w 5 "$at" "$1" >/dev/null 2>&1; }
else
  echo "from outside it could not be tried: the node has neither bash nor nc" >&2
  exit 0
fi
while :; do
  missing=
  for port in "$@"; do answers "$port" || missing="$missing $port"; done
  [ -n "$missing" ] || exit 0
  tries=$((tries - 1)); [ $tries -gt 0 ] || break
  sleep 2
done
echo "port$missing of $at does not answer" >&2
exit 1
"""
TRIES = 10
WHY_BEFORE = "or nobody could see afterwards that it does so again"


def port_check_steps(place: Placement, name: str) -> list[Run]:
    """A last look before the rule's own: the same ports are served again, or a silent half-start would pass."""
    ports = seen(preflight_of(place).listens)
    if not ports:
        return []
    words = ("sh", "-c", LISTENS, "looking for its ports", name, *(f"{port:04X}" for port in ports))
    return [
        Run(place.node, words, says=f"see that {name} serves {port_numbers(ports)} again", changes=False, tells=True)
    ]


def open_before(place: Placement, told: SwarmService) -> list[Require]:
    """The published ports answer now: else nobody could say afterwards whether they do again."""
    return [
        Require(
            *(place.node, port_check_command(told, mode, ports, 1)),
            because=f"port {port_numbers(ports)} of {place.node} answers ({WHY_BEFORE})",
            limit=at_most(ports, 1),
        )
        for mode, ports in published_ports_in_use(place, told)
    ]


def open_again(place: Placement, told: SwarmService) -> list[Run]:
    """The published ports answer from outside."""
    return [
        Run(
            *(place.node, port_check_command(told, mode, ports, TRIES)),
            says=f"see that port {port_numbers(ports)} of {place.node} reaches {told.name} again",
            changes=False,
            tells=True,
            limit=at_most(ports, TRIES),
        )
        for mode, ports in published_ports_in_use(place, told)
    ]


def at_most(ports: tuple[int, ...], tries: int) -> float:
    """Seconds that it may take: each port of each try has 5, with 2 in between."""
    return 20.0 + tries * (2 + 5 * len(ports))


def published_ports_in_use(place: Placement, told: SwarmService) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The published TCP ports behind which something listens today, by mode."""
    served = seen(preflight_of(place).listens)
    for mode in ("host", "ingress"):
        ports = tuple(one.port for one in told.published if leads_to_listener(one, mode) and one.target in served)
        if ports:
            yield mode, ports


def leads_to_listener(one: Published, mode: str) -> bool:
    return one.mode == mode and one.protocol == "tcp"


def port_check_command(told: SwarmService, mode: str, ports: Iterable[int], tries: int) -> tuple[str, ...]:
    numbers = (str(port) for port in ports)
    return ("sh", "-c", ANSWERS, "trying its published ports", told.name, mode, str(tries), *numbers)


def port_numbers(ports: Iterable[int]) -> str:
    return ", ".join(str(port) for port in ports)
