"""What fleetkeeper changed in a service and the stack file may not say yet: a note, until that file is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.facts import Fleet
from fleet.topics.services.running import managers


def notes(fleet: Fleet) -> Iterator[str]:
    """One line for each service that runs as the user it was given, with the line for its stack file.

    The mark is a label of the service. `docker stack deploy` sets labels as its file has them, and so takes it away;
    where the file lacks the user, the rule finds the service again.
    """
    found = {one.name: one for facts in managers(fleet) for one in facts.services if one.lent and one.lent == one.user}
    for service in found.values():
        yield (
            f"{service.name} runs as {service.user} since fleetkeeper changed it, and the stack file may not say so: "
            f"put `{line_of(service.name, service.stack, service.user)}` there and deploy it, which ends this note"
        )


def line_of(name: str, stack: str, user: str) -> str:
    """The line of a stack file that gives a service its user.

    >>> line_of("rodan_web", "rodan", "django")
    'services.web.user: django'
    """
    return f"services.{name.removeprefix(f'{stack}_')}.user: {user}"
