"""From the containers and the swarm to the services of an inventory. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from fleetkeeper.inventory.fields import DEPLOYED, USER
from fleetkeeper.inventory.schema import Service
from fleetkeeper.inventory.survey_results import FoundService
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import COMPOSE_ONEOFF, COMPOSE_PROJECT, COMPOSE_SERVICE
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Container, Placement, Process
from fleetkeeper.topics.containers.rules.users import own_processes_of, wrong_processes
from fleetkeeper.topics.services.facts import SwarmService
from fleetkeeper.topics.services.idle_reasons import managers
from fleetkeeper.transport.commands import Unobservable

DATABASES = frozenset({"postgres", "postmaster"})
ERLANG = "beam.smp"
"""The program of Erlang's virtual machine, in which RabbitMQ runs."""
CELERY = ("celery", "[celeryd:")
WEB = frozenset({"nginx", "apache2", "httpd", "caddy", "traefik", "haproxy"})


def services_of(fleet: Fleet) -> tuple[FoundService, ...]:
    """Every service that runs, or that is defined in the swarm with replicas, in the order of their names.

    Without one-off containers, servers of drills, and names that no inventory could have. A service that does not run
    has a note why.
    """
    by_name: dict[str, list[Placement]] = defaultdict(list)
    for seen_container in placement.seen_containers(fleet):
        if seen_container.container.running and not is_visitor(seen_container.container):
            by_name[deployed_name(seen_container.container)].append(seen_container)
    lines = {service.name: service for facts in managers(fleet) for service in facts.services if service.replicas != 0}
    names = sorted({*by_name, *lines})
    keys = dict(zip(names, keys_of(names, lines), strict=True))
    return tuple(
        found_service(keys[name], name, by_name[name])
        if by_name[name]
        else FoundService(keys[name], name, note=why_absent(fleet, name))
        for name in names
        if re.fullmatch(DEPLOYED, name)
    )


def why_absent(fleet: Fleet, name: str) -> str:
    """Why a service of the swarm was seen on none of the nodes, in words.

    Either it runs on members that were not looked at, or nowhere.
    """
    tasks = (task for facts in managers(fleet) for task in facts.tasks)
    members = sorted({task.member for task in tasks if task.service == name and task.state == "running"})
    if members:
        return f"it runs on {', '.join(members)}, which was not looked at"
    return "the swarm should run it, and it runs nowhere"


def is_visitor(container: Container) -> bool:
    """Whether it is no service: a `docker compose run`, or the throwaway server of a drill."""
    return container.label(COMPOSE_ONEOFF).lower() == "true" or getattr(container, "drill", False)


def deployed_name(container: Container) -> str:
    """The exact name that an inventory has for the service of a container. `project/service` for one of Compose."""
    compose, project = container.label(COMPOSE_SERVICE), container.label(COMPOSE_PROJECT)
    return f"{project}/{compose}" if compose and project else container.service


def keys_of(names: Iterable[str], lines: Mapping[str, SwarmService]) -> Iterator[str]:
    """A short unique key for each name, in their order: without stack or project, unless two would be equal.

    `lines` are the services of the swarm, by name. Characters that no key may have become `_`.
    """
    listed = list(names)
    short = [shortened(name, lines.get(name)) for name in listed]
    for name, key in zip(listed, short, strict=True):
        yield re.sub(r"[^A-Za-z0-9_.-]", "_", key if short.count(key) == 1 else name)


def shortened(name: str, service: SwarmService | None) -> str:
    """A service's name without its stack or project. `service` is that of the swarm, None for another.

    >>> shortened("shop/web", None), shortened("rodan_db", SwarmService("1", "rodan_db", stack="rodan"))
    ('web', 'db')
    """
    short = name.rpartition("/")[2]
    return short.removeprefix(f"{service.stack}_") if service and service.stack else short


def found_service(key: str, name: str, places: list[Placement]) -> FoundService:
    """One service, with the users that its processes have today; without users, and with a note, where none was seen.

    `places` are its running containers, at least one.
    """
    hidden = any(isinstance(location.container.processes, Unobservable) for location in places)
    programs = {process.name for location in places for process in processes(location.container)}
    nodes = tuple(dict.fromkeys(location.node for location in places))
    try:
        users, master, note = users_of(name, [location.container for location in places])
    except Unobservable as why:
        users, master, note = (), "", f"as whom it runs could not be seen: {why.why}"
    return FoundService(
        key,
        name,
        users,
        master,
        nodes,
        database=bool(programs & DATABASES),
        web=bool(programs & WEB),
        note=note,
        hidden=hidden,
        broker=ERLANG in programs and any("rabbit" in location.container.image.lower() for location in places),
        workers=any(program.startswith(CELERY) for program in programs),
    )


def processes(container: Container) -> list[Process]:
    """The container's own processes; empty where they were not seen.

    Without those of `docker exec`. Raises Unobservable when which those are cannot be told.
    """
    return [] if isinstance(container.processes, Unobservable) else own_processes_of(container)


def users_of(name: str, containers: list[Container]) -> tuple[tuple[str, ...], str, str]:
    """The users of a service, the user of a master that its workers descend from (or empty), and a note (or empty).

    A service that runs as root gets no user: that is for a person to decide. Raises Unobservable when its processes
    were not seen.
    """
    everybody = [user for container in containers for user in names_in(container)]
    users = tuple(sorted({user for user in everybody if user != "root"}))
    if not users:
        return (), "", "it runs as root: name the user it should have" if everybody else ""
    if "root" not in everybody:
        return users, "", ""
    service = Service(name=name, user=users, master="root")
    wrong = [process for container in containers for process in wrong_processes(container, service)[0]]
    return users, "root", "some of it runs as root beside the master" if wrong else ""


def names_in(container: Container) -> list[str]:
    """The users of a container's own processes, by the container's own names. Raises Unobservable.

    One for each process. It is raised when processes or a user were not seen.
    """
    accounts = container.accounts if isinstance(container.accounts, dict) else {}
    names = {uid: name for name, uid in reversed(accounts.items()) if re.fullmatch(USER, name)}
    return [named(process.uid, names) for process in own_processes_of(container)]


def named(uid: int | None, names: Mapping[int, str]) -> str:
    """The name of a uid, else its number. Raises Unobservable for None, a user that the container does not know."""
    if uid is None:
        raise Unobservable("a process has a user that its container does not know")
    return "root" if uid == 0 else names.get(uid, str(uid))
