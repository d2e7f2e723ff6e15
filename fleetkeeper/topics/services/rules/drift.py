"""What fleetkeeper changed in a service: a user that its stack file may not have, and update settings that it lent."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.services.facts import SwarmService
from fleetkeeper.topics.services.idle_reasons import managers, service_in_swarm, unseen
from fleetkeeper.topics.services.rules.deployed import declared_stacks, stack_notes
from fleetkeeper.topics.services.rules.pinning import why_not
from fleetkeeper.topics.services.rules.projects import project_notes
from fleetkeeper.topics.services.stacks.field_names import USER
from fleetkeeper.topics.services.update_settings import OWN_UPDATES
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_word


def have_their_own_settings(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """No service is left with the update settings that fleetkeeper lent it.

    While a service is given another user, it is updated stop first and without the swarm's own way back; its own
    settings wait in the label `fleetkeeper.update-config`. A run that was killed leaves both behind. Until they are
    given back, every deployment goes as we want it and not as its owner does, and nobody has seen whether the new
    tasks came up. A node whose swarm was not seen is unknown; it may be a manager.
    """
    service = placement.service_of(fleet, subject.name)
    unknown = list(unseen(fleet))
    text = service_in_swarm(fleet, service.name)
    if text:
        yield from drift_findings(text)
    elif not unknown:
        why_not(fleet, service.name)  # raises where a manager that nobody looks at may know it
    yield from unknown


def drift_findings(service: SwarmService) -> Iterator[Finding]:
    """A finding where a service still has lent update settings, or their label; nothing for any other."""
    if service.lent_updates:
        yield Finding(
            saw=left_behind(service),
            want=f"its own update settings, and no label {OWN_UPDATES}",
            why="a change of it never came to its end: nobody saw its new tasks come up, and it is updated our way",
            hint="`remediate --fix` looks at its tasks and gives them back; "
            "while another `remediate` is at work on it, wait for that",
        )


def left_behind(service: SwarmService) -> str:
    """What an interrupted change has left on a service, in words: our update settings, or only their label.

    >>> left_behind(SwarmService("s1", "rodan_web", lent_updates="lent"))
    "rodan_web has fleetkeeper's update settings (stop-first, pause) instead of its own"
    """
    if service.lent_updates == "lent":
        return f"{service.name} has fleetkeeper's update settings (stop-first, pause) instead of its own"
    return f"{service.name} has the label {OWN_UPDATES}, and somebody has given it other update settings since"


def notes(fleet: Fleet) -> Iterator[str]:
    """A line for each service that fleetkeeper gave a user, and for each that a change of it has left unfinished.

    The first has the line for its stack file, which may lack the user; none where a file of `stacks` has it. The mark
    of such a service is a label of the service. `docker stack deploy` sets labels as its file has them, and so removes
    it; where the file lacks the user, the rule finds the service again. The second still has our update settings, or
    their label. Before them a line for each stack of which not everything could be compared. Raises Untrusted for a
    name that may not stand in a stack file.
    """
    yield from stack_notes(fleet)
    yield from project_notes(fleet)
    matches = {service.name: service for facts in managers(fleet) for service in facts.services}
    for service in (service for service in matches.values() if service.lent_updates):
        yield f"{left_behind(service)}: a change of it never came to its end"
    written = declared_users(fleet)
    for service in (service for service in matches.values() if service.lent and service.lent == service.user):
        if written.get(service.name) == service.user:
            continue
        yield (
            f"{service.name} runs as {service.user} since fleetkeeper changed it, and the stack file may not say so: "
            f"put `{drift_line(service.name, service.stack, service.user)}` there and deploy it, which ends this note"
        )


def declared_users(fleet: Fleet) -> dict[str, str]:
    """The user that the files of `stacks` give to each service, by its full name; without those that name none here.

    A user that depends on a variable which is not set on this machine is none.
    """
    services = (
        service
        for stack in declared_stacks(fleet)
        if not isinstance(stack.services, Unobservable)
        for service in stack.services
    )
    users = ((service.name, service.fields.get(USER)) for service in services if USER not in service.unsettled)
    return {name: json.loads(user) for name, user in users if user is not None}


def unfinished(fleet: Fleet) -> tuple[str, ...]:
    """The names of services on which an interrupted change has left our update settings or their label.

    Only those that a manager which was seen knows; nothing is raised for the others.
    """
    return tuple(
        dict.fromkeys(service.name for facts in managers(fleet) for service in facts.services if service.lent_updates)
    )


def drift_line(name: str, stack: str, user: str) -> str:
    """The line of a stack file that gives a service its user. `stack` is the stack's name, empty without one.

    Without the stack's name before that of the service. Raises Untrusted for what no shell can take.

    >>> drift_line("rodan_web", "rodan", "django")
    'services.web.user: django'
    """
    return f"services.{shown_word(name.removeprefix(f'{stack}_'))}.user: {shown_word(user)}"
