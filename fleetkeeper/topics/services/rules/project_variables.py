"""How the variables of a container differ from those that its service declares, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleetkeeper.topics.services.compose.facts import ContainerVariables, DeclaredVariables
from fleetkeeper.topics.services.compose.service_variables import PROXIES

NO_VALUES = "a recording holds no values; they are compared in the run that looks"
MISSING, OTHER, STRANGE = "is missing", "has another value", "is not in the file"


@dataclass(frozen=True)
class VariableComparison:
    """How variables differ, in words by their names.

    `complete`: each was compared, and none may be there for another reason than that it is declared.
    `without_values`: some have the same name on both sides and no value is known.
    """

    different: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    without_values: bool = False


def compare_variables(declared: DeclaredVariables, running: ContainerVariables | None) -> VariableComparison:
    """How the variables of a container differ from the declared ones, sorted by name.

    What only the image sets is no difference, nor what Compose adds for a proxy. What depends on something that is not
    here is left out. Nothing is compared of a container whose variables were not seen, and of values in a recording.
    """
    if running is None:
        return VariableComparison()
    different: dict[str, str] = {}
    inherited = {*running.of_image, *running.perhaps_of_image}
    complete = not (declared.unsettled or declared.more or inherited & declared.lines.keys())
    without_values = False
    for name in sorted({*declared.lines, *running.names} - {*declared.unsettled}):
        if name not in declared.lines:
            different |= {} if is_added(name, declared, running) else {name: STRANGE}
        elif name not in running.names:
            different[name] = MISSING
        elif declared.digests is None or running.digests is None:
            without_values = True
        elif running.digests.get(name) not in declared.digests[name]:
            different[name] = OTHER
    return VariableComparison(different, complete, without_values)


def is_added(name: str, declared: DeclaredVariables, running: ContainerVariables) -> bool:
    """Whether a variable that a service does not declare comes from the image or from Compose, or may do so."""
    return declared.more or name.upper() in PROXIES or name in {*running.of_image, *running.perhaps_of_image}
