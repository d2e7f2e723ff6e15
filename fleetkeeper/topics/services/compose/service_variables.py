"""The environment variables of a service in Compose's model, and those that its containers get besides."""

from __future__ import annotations

from collections.abc import Callable

from fleetkeeper.readers.json_documents import Json, part
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.services.compose.facts import DeclaredVariables
from fleetkeeper.topics.services.compose.service_hash import unescaped_value
from fleetkeeper.topics.services.stacks.values import variable_digests

PROXIES = frozenset({"ALL_PROXY", "FTP_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})
"""What Compose adds, in large and small letters, from `proxies` in the configuration of Docker's client."""


def variable_values(service: Json) -> dict[str, str]:
    """The variables of a service that are set, with their values, which must not be stored.

    >>> variable_values({"environment": {"A": "$$x", "B": None, "C": ""}})
    {'A': '$x', 'C': ''}
    """
    variables = part(service, "environment")
    return {name: str(unescaped_value(value)) for name, value in variables.items() if value is not None}


def declared_variables(service: Json, twin: Json, line_of: Callable[[str], int], *, more: bool) -> DeclaredVariables:
    """The variables of a service. `twin` is it with other values for what is not here, `line_of` tells their lines."""
    values, others = variable_values(service), variable_values(twin)
    return DeclaredVariables(
        {name: line_of(name) for name in values},
        tuple(name for name in {**values, **others} if values.get(name) != others.get(name)),
        more,
        {name: variable_digests(f"{name}={value}", run_key()) for name, value in values.items()},
    )


def gets_more_variables(service: Json, services: Json) -> bool:
    """Whether Compose adds variables when it starts a service: of a model, or of what a provider makes.

    Source: https://docs.docker.com/reference/compose-file/services/#models, #provider.
    """
    needed = part(service, "depends_on")
    return bool(service.get("models") or service.get("use_api_socket")) or any(
        part(services, name).get("provider") for name in needed
    )
