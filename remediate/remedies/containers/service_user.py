"""Giving a service its own user: only where nothing that can be seen prevents it, and with a way back.

The runbook's to-do list requires it; it breaks things when files belong to root or start scripts need root. So what
would not work is not tried: a person reads the exact reasons, and what must change in image, volume or stack file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetkeeper.inventory.schema import Service, require_policy
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.account_names import describe_lacking, uids_of_users
from fleetkeeper.topics.containers.facts import Container, Placement, Preflight
from fleetkeeper.topics.containers.rules.users import wrong_processes
from fleetkeeper.topics.services.facts import MountedSecret, SwarmService
from fleetkeeper.topics.services.rules.drift import drift_line
from fleetkeeper.topics.services.rules.pinning import pinning_findings as unpinned
from fleetkeeper.untrusted import shown_word
from remediate.plan import ForAPerson, Plan
from remediate.remedies.containers.compose_instructions import compose_by_hand, for_a_person
from remediate.remedies.containers.file_owners import Reason, all_files, own_files, ownership_steps, preflight_of
from remediate.remedies.containers.port_checks import open_again, open_before, port_check_steps
from remediate.remedies.services.swarm_spec import manager_and_service
from remediate.remedies.services.update_settings import SETTLE, SETTLE_WITHOUT_HEALTHCHECK
from remediate.steps import Require, UpdateService

COME_UP = 180.0
"""Seconds that a new task may take at least; one whose health check is patient has that and a minute more."""
VERSION = ("docker", "service", "inspect", "--format", "{{.Version.Index}}")


def run_as_their_own_user(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Set the user of the swarm service, one restart, watched, with the old user as the way back.

    Files on volumes that are the service's alone are given to that user first; their old owners are kept. It must serve
    the same ports as before, inside and from its node. A Compose service is for a person: patch, file and command.
    Disturbs: a restart of the service (`--allow restart`), and new owners of files where needed (`ownership`). Way
    back: the old user and the old owners, by a second restart.

    Raises Unobservable while anything that could stand in the way was not seen.
    """
    if finding.about or finding.subject not in require_policy(fleet.inventory.services):
        return for_a_person(
            "the inventory does not say what this container is for, nor as whom it may run",
            "add it under `services` with its `user`, or accept it under `waivers` with subject "
            f"`{shown_word(finding.about or finding.subject)}`",
        )
    service = placement.service_of(fleet, finding.subject)
    alive = [instance for instance in placement.all_placements(fleet, finding.subject) if instance.container.pid]
    places = [location for location in alive if wrong_processes(location.container, service)[0]]
    if len(kinds := {deployment_kind(location.container) for location in alive}) > 1:
        return for_a_person(
            f"{service.name} is the name of several services: {', '.join(sorted(kinds))}",
            "say which one in the inventory: a Compose service as `project/service`",
        )
    manager, swarm_service = manager_and_service(fleet, service.name)
    user = known_user(service, places)
    if swarm_service is None:
        return compose_by_hand(user or service.user[0], places, seen_reasons(places))
    reasons = list(obstacles_to_plan(fleet, service, swarm_service, places, finding))
    if reasons:
        return for_a_person("; ".join(why for why, _ in reasons), "; ".join(dict.fromkeys(do for _, do in reasons)))
    return user_change_plan(
        fleet, manager, swarm_service, update_of(service, manager, swarm_service, user, places), places
    )


def deployment_kind(container: Container) -> str:
    """The service that a container belongs to, as text that differs for another one of the same name."""
    if project := container.label(COMPOSE_PROJECT):
        return f"{project}/{container.label(COMPOSE_SERVICE)} of Compose"
    return f"{container.service} of the swarm" if container.label(SWARM_SERVICE) else f"the container {container.name}"


def known_user(service: Service, places: Iterable[Placement]) -> str:
    """The first of the policy's users that the image has; empty when it has none, and without `places`.

    Only the first of `places` is asked. Raises Unobservable when a name's uid cannot be known.
    """
    for location in places:
        missing = uids_of_users(service.user, location.container)[1]
        return next((user for user in service.user if user not in missing), "")
    return ""


def user_change_plan(
    fleet: Fleet, manager: str, service: SwarmService, update: UpdateService, places: list[Placement]
) -> Plan:
    """The plan. Files are given away twice: what root makes between the first time and its end is given then.

    Nothing that stands in the way is looked for here: `obstacles_to_plan` is. Raises Unobservable. The steps: new
    owners, the user, new owners again, checks of ports.
    """
    given = list(dict.fromkeys(step for location in places for step in ownership_steps(fleet, location)))
    looks = [
        look
        for location in places
        for look in (*port_check_steps(location, service.name), *open_again(location, service))
    ]
    watched = "healthy" if has_health_check(service, places) else "without ending"
    changed = f"{service.name}: down until its new task is up, some 10 to 30 s"
    back = f"{service.name} is given its old user ({service.user or 'that of its image'}) again, with the same watch"
    unchanged = f"nobody has changed {service.name} since the look"
    return Plan(
        steps=(*given, update, *given, *looks),
        disturbs=("ownership", "restart") if given else ("restart",),
        disturbance=f"new owners of files, then a restart of {changed}" if given else f"a restart of {changed}",
        undo=back + (", and the files their old owners" if given else ""),
        success=f"{watched} for {update.settle:.0f} s as {update.user}; then every process, on a fresh look",
        requires=(
            Require(manager, (*VERSION, service.name), unchanged, str(service.version)),
            *(require for location in places for require in open_before(location, service)),
        ),
        notes=tuple(notes_of(service, update.user, places)),
        memory=f"{service.name} {service.image} {service.shape} {service.user!r} to {update.user!r}",
    )


def notes_of(service: SwarmService, user: str, places: Iterable[Placement]) -> Iterator[str]:
    """Notes of the plan: the line for the stack file, and that there is no health check.

    Each only where it is so. Raises Untrusted for a name that no shell can take.
    """
    if service.stack:
        yield stack_file_patch(service, user)
    if not has_health_check(service, places):
        yield "it has no health check: whether it works is only seen by its processes and its ports"


def stack_file_patch(service: SwarmService, user: str) -> str:
    """A note with the line that makes the stack file agree with what runs.

    Raises Untrusted for a name that no shell can take.
    """
    line = drift_line(service.name, service.stack, user)
    return f"put `{line}` into the stack file too, or the next deployment undoes it; until then an audit notes it"


def update_of(
    service: Service, manager: str, swarm_service: SwarmService, user: str, places: list[Placement]
) -> UpdateService:
    """The step that changes the user, watched for as long as the inventory says.

    `settle` of the service, else a usual time, longer without a health check; its limit is the image's patience and a
    minute at least.
    """
    usual = SETTLE if has_health_check(swarm_service, places) else SETTLE_WITHOUT_HEALTHCHECK
    patient = max((location.container.patience for location in places), default=0.0)
    return UpdateService(
        *(manager, swarm_service.name, user, swarm_service.user, swarm_service.image),
        settle=(service.settle or usual).total_seconds(),
        limit=max(COME_UP, patient + 60),
    )


def has_health_check(service: SwarmService, places: Iterable[Placement]) -> bool:
    """Whether the service has a health check: the stack file's own, or that of its image."""
    return service.has_healthcheck or any(location.container.has_healthcheck for location in places)


def obstacles_to_plan(
    fleet: Fleet, service: Service, swarm_service: SwarmService, places: list[Placement], finding: Finding
) -> Iterator[Reason]:
    """Everything that prevents a plan; nothing when it can be made. Raises Unobservable for what was not seen.

    A finding that is a warning has one reason, and nothing else is looked at. Each reason is a pair (why, what to do).
    """
    if finding.severity == "warning":
        yield (
            "its root is an unprivileged user of the node already (user namespaces)",
            "give it a user of its own in image and stack file, as time allows",
        )
        return
    yield from policy_obstacles(service, swarm_service, places)
    for loose in unpinned(fleet, swarm_service):
        yield f"it may lose its data at any restart: {loose.saw}", loose.hint
    for location in places:
        if location.container.preflight is not None or known_user(service, [location]):
            yield from own_files(fleet, location)
            yield from seen_obstacles(preflight_of(location))
            yield from handed_obstacles(swarm_service, preflight_of(location))


def policy_obstacles(service: Service, swarm_service: SwarmService, places: list[Placement]) -> Iterator[Reason]:
    """Reasons in the inventory, the image's users, and a running update of the service. Raises Unobservable.

    Pairs (why, what to do); none when there are none.
    """
    expected, user = " or ".join(service.user), known_user(service, places)
    if service.master:
        yield (
            f"its master should be {service.master}: as whom its workers run is said in its own configuration",
            f"set the workers' user to {expected} there (nginx: `user`), in the image or on a volume",
        )
    elif not user:
        lacks = describe_lacking(service.user, places[0].container) if places else f"its image has no user {expected}"
        yield lacks, f"make a user of its own in the image ({swarm_service.image.partition('@')[0]})"
    elif swarm_service.user == user:
        yield (
            f"it is set to run as {user} already, and yet something in it became somebody else",
            "look for set-uid programs or sudo in its image",
        )
    if swarm_service.update_state in ("updating", "paused", "rollback_started", "rollback_paused"):
        yield (
            f"an update of it is {swarm_service.update_state}",
            "end or roll back that update first (`docker service update`)",
        )


def handed_obstacles(service: SwarmService, preflight: Preflight) -> Iterator[Reason]:
    """Reasons in secrets, configs and tmpfs, which the swarm makes for each task with owners from the stack file.

    Nothing when the preflight's user could read all of them and write to each tmpfs. Each is a pair (why, what to do).
    """
    who = f"{preflight.user} (uid {preflight.uid})"
    for file in service.handed:
        if not is_readable(file, preflight):
            yield (
                f"its {file.kind} {file.name} belongs to {file.uid}:{file.gid} with mode {file.mode:o}, "
                f"and {who} could not read it",
                f'give it to that user in the stack file (the long form of `{file.kind}s`: `uid: "{preflight.uid}"`)',
            )
    for mount in service.mounts:
        if mount.type == "tmpfs" and mount.mode is not None and mount.mode & 0o7 != 0o7:
            yield (
                f"its tmpfs {mount.target} is root's own (mode {mount.mode:o}), and {who} could not write there",
                "let its mode in the stack file be 1777 (`tmpfs: {mode: 01777}`)",
            )


def is_readable(file: MountedSecret, preflight: Preflight) -> bool:
    """Whether the preflight's user may read a file that the swarm hands out (path_resolution(7))."""
    if file.uid == preflight.uid:
        return bool(file.mode & 0o400)
    return bool(file.mode & (0o040 if file.gid == preflight.gid else 0o004))


def seen_obstacles(preflight: Preflight) -> Iterator[Reason]:
    """Reasons that no owner of files changes: start scripts, ports below 1024, unsaved files. Raises Unobservable.

    Pairs (why, what to do); none when there are none.
    """
    if helpers := raise_if_unobservable(preflight.helpers):
        yield (
            f"its start script calls {', '.join(helpers)}, which only root may use so",
            "change the start script in the image: start the program directly, `user:` does the rest",
        )
    for port in raise_if_unobservable(preflight.low_ports):
        yield (
            f"it listens on port {port}, and ports below 1024 are closed to {preflight.user} there",
            f"let it listen on a port above 1024 and publish that as {port}",
        )
    if unsaved := raise_if_unobservable(preflight.unsaved):
        yield (
            f"it holds {count_of(len(unsaved), 'changed or new file')} outside volumes, which a new container would "
            f"not have: {', '.join(unsaved[:3])}",
            "put them on a volume or into the image (`docker cp` saves them)",
        )


def seen_reasons(places: Iterable[Placement]) -> Iterator[Reason]:
    """What a person has to mend first, as far as it was looked at. Raises Unobservable for what was not seen.

    Pairs (why, what to do).
    """
    for location in places:
        if location.container.preflight is not None:
            yield from (*all_files(location), *seen_obstacles(preflight_of(location)))
