"""Services of stacks from what a manager prints: `docker service inspect`, the names of networks, and digests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from fleetkeeper.readers.json_documents import Json, json_documents, mapping, part, parts, text_in
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.services.facts import LENT
from fleetkeeper.topics.services.parse import role_of
from fleetkeeper.topics.services.stacks.facts import Facts, StackService
from fleetkeeper.topics.services.stacks.field_names import ENV, UPDATES, USER, is_kept
from fleetkeeper.topics.services.stacks.service_fields import comparable_fields
from fleetkeeper.topics.services.stacks.values import value_digest
from fleetkeeper.topics.services.update_settings import lent_updates
from fleetkeeper.topics.services.variable_rows import variable_rows
from fleetkeeper.transport.commands import Output, Unobservable

NAMESPACE = "com.docker.stack.namespace"
Digests = dict[str, dict[str, str]]
"""Digests of values by the id of the service and the name of the variable."""


def parse(printed: str, described: Output, key: str) -> Facts:
    """The facts of one node. `printed` are the JSON documents of `inspect_swarm`, `described` the other answer.

    Raises Unobservable where one of them is not complete.
    """
    role, services = swarm_services(printed)
    if role != "manager":
        return Facts(role)
    networks, digests = parse_description(described.text())
    stacked = [service for service in services if NAMESPACE in part(part(service, "Spec"), "Labels")]
    return Facts(role, tuple(running_service(service, networks, digests, key) for service in stacked))


def swarm_services(printed: str) -> tuple[str, list[Json]]:
    """The node's role in the swarm, and on a manager `docker service inspect` of every service.

    Raises Unobservable when a document is missing.
    """
    documents = json_documents(printed, "the engine")
    try:
        role = role_of(mapping(next(documents), "swarm"))
        next(documents)  # volumes
        if role != "manager":
            return role, []
        next(documents)  # the node's certificate
        next(documents)  # members
        return role, parts({"services": next(documents)}, "services")
    except StopIteration:
        raise Unobservable("the engine's answer about its swarm was cut short") from None


def parse_description(printed: str) -> tuple[dict[str, str], Digests]:
    """Names of networks by id, and digests, from what `describe_stacks.sh` prints. Raises Unobservable when cut short.

    >>> digests = "".join(f"{'0' * 64}  /dev/fd/{number}\\n" for number in range(3, 10))
    >>> parse_description('network n1 rodan_default\\ns1 "TAG\\n' + digests + "end\\n")[1]
    {'s1': {'TAG': '0000000000000000000000000000000000000000000000000000000000000000'}}
    """
    rows = split_lines(printed)
    if not rows or rows[-1] != "end":
        raise Unobservable("the look at the swarm's stacks was cut short")
    networks = dict(row.removeprefix("network ").partition(" ")[::2] for row in rows if row.startswith("network "))
    digests: Digests = {}
    for variable in variable_rows(rows):
        digests.setdefault(variable.owner, {})[variable.name] = variable.digest
    return networks, digests


def running_service(inspected: Json, networks: Mapping[str, str], digests: Digests, key: str) -> StackService:
    """One service as it runs. Raises Unobservable for another shape."""
    spec = part(inspected, "Spec")
    labels = part(spec, "Labels")
    fields = comparable_fields(spec, networks)
    seen = digests.get(text_in(inspected, "ID"), {})
    return StackService(
        name=text_in(spec, "Name"),
        stack=text_in(labels, NAMESPACE),
        fields={path: json.dumps(value, sort_keys=True) if is_kept(path) else None for path, value in fields.items()},
        digests=dict(opaque_digests(fields, seen, key)),
        lent=tuple(lent_paths(spec)),
    )


def lent_paths(spec: Json) -> Iterator[str]:
    """The fields that still are what fleetkeeper made of them, as its labels say; a label alone proves nothing.

    Raises Unobservable for a newer fleetkeeper's label.

    >>> labels, container = {"fleetkeeper.user": "django"}, {"User": "django"}
    >>> list(lent_paths({"Labels": labels, "TaskTemplate": {"ContainerSpec": container}}))
    ['TaskTemplate.ContainerSpec.User']
    >>> list(lent_paths({"Labels": labels, "TaskTemplate": {"ContainerSpec": {"User": "root"}}}))
    []
    """
    user = text_in(part(part(spec, "TaskTemplate"), "ContainerSpec"), "User")
    if user and user == text_in(part(spec, "Labels"), LENT):
        yield USER
    if lent_updates(spec) == "lent":
        yield UPDATES


def opaque_digests(
    fields: Mapping[str, object], variables: Mapping[str, str], key: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Path and digest of each field that is not kept; of a variable the node's own, nothing where it printed none."""
    for path, value in fields.items():
        if path.startswith(ENV):
            if path.removeprefix(ENV) in variables:
                yield path, (variables[path.removeprefix(ENV)],)
        elif not is_kept(path):
            yield path, (value_digest(value, key),)
