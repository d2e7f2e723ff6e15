"""Giving a service its own user: only where nothing that can be seen stands in the way, and with a way back.

The runbook's to-do list asks for it; it breaks things when files belong to root or start scripts want to be root. So
what would not work is not tried: a person reads the exact reasons, and what must change in image, volume or stack file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet import discovery
from fleet.discovery import Placement
from fleet.facts import Fleet, seen
from fleet.rules import Finding
from fleet.schema import Service
from fleet.topics.containers.facts import COMPOSE_PROJECT, COMPOSE_SERVICE, Preflight
from fleet.topics.containers.users import uids
from fleet.topics.services.facts import Facts as Services
from fleet.topics.services.facts import SwarmService
from fleet.topics.services.pinning import judged as unpinned
from remediate.plan import ForAPerson, Plan
from remediate.remedies.giving import Reason, all_files, gifts, own_files, ready
from remediate.steps import ChangeOwner, Require, Run, UpdateService

SETTLE = 20.0
SETTLE_WITHOUT_HEALTHCHECK = 60.0
VERSION = ("docker", "service", "inspect", "--format", "{{.Version.Index}}")
# $1 the service, then its ports in hexadecimal, as /proc/net/tcp has them. One that moved away is not judged here.
LISTENS = r"""
name=$1; shift
for again in 1 2 3 4 5 6 7 8 9 10; do
  ids=$(docker ps -q --no-trunc --filter "label=com.docker.swarm.service.name=$name") || exit 71
  [ -n "$ids" ] || exit 0
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


def run_as_their_own_user(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Set the user of the swarm service, one restart, watched, with the old user as the way back.

    Files on volumes that are the service's alone are given to that user first; their old owners are kept.

    Raises Unobservable while anything that could stand in the way was not seen.
    """
    if finding.about:
        return ForAPerson(
            "the inventory does not say what this container is for, nor as whom it may run",
            f"add it under `services` with its `user`, or accept it under `waivers` with subject `{finding.about}`",
        )
    service = discovery.service_of(fleet, finding.subject)
    places = [place for place in discovery.instances(fleet, finding.subject) if place.container.pid]
    manager, told = told_by(fleet, service.name)
    if told is None:
        return by_compose(service, places)
    reasons = list(obstacles(fleet, service, told, places, finding))
    if reasons:
        return ForAPerson("; ".join(why for why, _ in reasons), "; ".join(dict.fromkeys(do for _, do in reasons)))
    user = known_user(service, places)
    given = [step for place in places for step in gifts(fleet, place)]
    return change(manager, told, user, given, [step for place in places for step in listening(place, told.name)])


def told_by(fleet: Fleet, name: str) -> tuple[str, SwarmService | None]:
    """The manager to ask, and the service as the swarm was told to run it. Raises Unobservable for an unseen node."""
    for node in fleet.inventory.nodes:
        facts = fleet.of(node, Services)
        for service in facts.services:
            if facts.swarm == "manager" and service.name == name:
                return node, service
    return "", None


def known_user(service: Service, places: Iterable[Placement]) -> str:
    """The first of the policy's users that the image knows; empty when it knows none."""
    for place in places:
        missing = uids(service.user, place.container)[1]
        return next((user for user in service.user if user not in missing), "")
    return ""


def change(manager: str, told: SwarmService, user: str, gifts: list[ChangeOwner], watch: list[Run]) -> Plan:
    settle = SETTLE if told.has_healthcheck else SETTLE_WITHOUT_HEALTHCHECK
    watched = "healthy" if told.has_healthcheck else "without ending"
    changed = f"{told.name}: down until its new task is up, some 10 to 30 s"
    back = f"{told.name} is given its old user ({told.user or 'that of its image'}) again, with the same watch"
    return Plan(
        steps=(*gifts, UpdateService(manager, told.name, user, told.user, told.image, settle=settle), *watch),
        disturbs=("ownership", "restart") if gifts else ("restart",),
        disturbance=f"new owners of files, then a restart of {changed}" if gifts else f"a restart of {changed}",
        undo=back + (", and the files their old owners" if gifts else ""),
        success=f"{watched} for {settle:.0f} s as {user}; then every process, on a fresh look at all nodes",
        requires=(
            Require(
                manager, (*VERSION, told.name), f"nobody has changed {told.name} since the look", str(told.version)
            ),
        ),
        notes=(patch(told.name.removeprefix(f"{told.stack}_"), user),),
        memory=f"{told.name} {told.image} {told.user!r} to {user!r}",
    )


def listening(place: Placement, name: str) -> list[Run]:
    """A last look before the rule's own: the same ports are served again, or a silent half-start would pass."""
    ports = seen(ready(place).listens)
    if not ports:
        return []
    words = ("sh", "-c", LISTENS, "looking for its ports", name, *(f"{port:04X}" for port in ports))
    served = ", ".join(str(port) for port in ports)
    return [Run(place.node, words, says=f"see that {name} serves {served} again", changes=False, tells=True)]


def patch(service: str, user: str) -> str:
    """What keeps the stack or compose file the same as what runs: the next deployment would undo the change."""
    return f"put it into the stack file too, or the next deployment undoes it: services.{service}.user: {user}"


def obstacles(
    fleet: Fleet, service: Service, told: SwarmService, places: list[Placement], finding: Finding
) -> Iterator[Reason]:
    """Everything that stands in the way of a plan. Raises Unobservable for what was not seen."""
    if finding.severity == "warning":
        yield (
            "its root is an unprivileged user of the node already (user namespaces)",
            "give it a user of its own in image and stack file, as time allows",
        )
        return
    yield from policy_obstacles(service, told, known_user(service, places))
    for loose in unpinned(fleet, told):
        yield f"it may lose its data at any restart: {loose.saw}", loose.hint
    for place in places:
        if place.container.preflight is not None or known_user(service, [place]):
            yield from own_files(fleet, place)
            yield from seen_obstacles(ready(place))


def policy_obstacles(service: Service, told: SwarmService, user: str) -> Iterator[Reason]:
    wanted = " or ".join(service.user)
    if service.master:
        yield (
            f"its master is meant to be {service.master}: as whom its workers run is said in its own configuration",
            f"set the workers' user to {wanted} there (nginx: `user`), in the image or on a volume",
        )
    elif not user:
        yield f"its image has no user {wanted}", f"make the user in the image ({told.image.partition('@')[0]})"
    elif told.user == user:
        yield (
            f"it is told to run as {user} already, and yet something in it became somebody else",
            "look for set-uid programs or sudo in its image",
        )
    if told.update_state in ("updating", "paused", "rollback_started", "rollback_paused"):
        yield f"an update of it is {told.update_state}", "end or roll back that update first (`docker service update`)"


def seen_obstacles(preflight: Preflight) -> Iterator[Reason]:
    """What would not work whatever belongs to whom."""
    if helpers := seen(preflight.helpers):
        yield (
            f"its start script calls {', '.join(helpers)}, which only root may use so",
            "change the start script in the image: start the program directly, `user:` does the rest",
        )
    for port in seen(preflight.low_ports):
        yield (
            f"it listens on port {port}, and ports below 1024 are closed to {preflight.user} there",
            f"let it listen on a port above 1024 and publish that as {port}",
        )
    if unsaved := seen(preflight.unsaved):
        yield (
            f"it holds {len(unsaved)} changed or new files outside volumes, which a new container would not have: "
            + ", ".join(unsaved[:3]),
            "put them on a volume or into the image (`docker cp` saves them)",
        )


def by_compose(service: Service, places: list[Placement]) -> ForAPerson:
    """Compose files are kept by people: what to change in them, and the command that brings it about."""
    user = known_user(service, places) or service.user[0]
    container = places[0].container if places else None
    name = (container.label(COMPOSE_SERVICE) if container else "") or service.name
    if container is None or not container.label(COMPOSE_PROJECT):
        return ForAPerson(
            "it was started by hand (`docker run`): how, only a person knows", f"start it again with `--user {user}`"
        )
    looked = [place for place in places if place.container.preflight is not None]
    found = [reason for place in looked for reason in (*all_files(place), *seen_obstacles(ready(place)))]
    first = "; ".join(f"{why} ({do})" for why, do in found)
    return ForAPerson(
        "it belongs to a Compose project, whose file is kept by people" + (f"; before that: {first}" if first else ""),
        f"in the compose file: services.{name}.user: {user}; then `docker compose up -d --no-deps {name}`",
    )
