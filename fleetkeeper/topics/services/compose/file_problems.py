"""What is wrong with a Compose file itself, each with its line.

What Compose honours and a swarm drops differs: it knows `build`, `depends_on`, `devices` or `privileged`, reads `.env`,
and passes over what only a swarm can do.

Source: https://docs.docker.com/reference/compose-file/deploy/.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from fleetkeeper.readers.compose.document import ComposeDocument, MappingNode, SequenceNode
from fleetkeeper.readers.compose.variables import variables_in
from fleetkeeper.topics.services.stacks.file_problems import (
    FileProblem,
    floating_image,
    impossible_health_check,
    problems_by_line,
    text_of,
    unknown_services,
)

OF_A_SWARM = {
    "endpoint_mode": "Compose gives each container its own address",
    "placement": "a project runs on the node where it is started",
    "rollback_config": "Compose does not go back by itself",
    "update_config": "Compose replaces containers at once",
}
"""Keys below `deploy` that Compose passes over, with what it does instead."""
FILE_RIGHTS = ("uid", "gid", "mode")
ALWAYS_SET = frozenset({"PWD", "HOME", "PATH", "USER", "COMPOSE_PROJECT_NAME"})
"""Variables that are set wherever somebody starts a project."""


def project_problems(
    document: ComposeDocument, variables: Collection[str], order: Sequence[str] = ()
) -> list[FileProblem]:
    """The problems of a Compose file, by line.

    `variables` are the names that are set when it is started, those of `.env` too; `order` are the services as the
    inventory orders them.
    """
    problems = [*empty_variables(document, variables), *unknown_services(document, order), *external_secrets(document)]
    for name, service in document.mapping("services").items():
        if isinstance(service, MappingNode):
            for judge in SERVICE_JUDGES:
                problems += judge(document, name, service)
    return problems_by_line(problems)


def empty_variables(document: ComposeDocument, variables: Collection[str]) -> Iterator[FileProblem]:
    """Variables that become empty because nothing sets them: Compose says so, and starts what is left."""
    for variable in variables_in(document):
        if variable.becomes_empty and variable.name not in variables and variable.name not in ALWAYS_SET:
            key = ".".join(map(str, variable.path))
            hint = "write it into .env, or export it when you start it, and name it under `environment` of the stack"
            yield FileProblem(key, variable.line, f"${{{variable.name}}} is not set and becomes empty", hint)


def external_secrets(document: ComposeDocument) -> Iterator[FileProblem]:
    """Secrets of a swarm, which a project cannot have."""
    for name, secret in document.mapping("secrets").items():
        external = secret.members.get("external") if isinstance(secret, MappingNode) else None
        if external is not None and text_of(external) != "false":
            line = document.line("secrets", name, "external")
            what = f"the secret {name} is one of a swarm: Compose refuses a service that uses it"
            yield FileProblem(f"secrets.{name}.external", line, what, "name a file: {file: ./NAME}")


def swarm_keys(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """Keys below `deploy` that Compose passes over."""
    for key in document.mapping("services", name, "deploy"):
        if key in OF_A_SWARM:
            line = document.line("services", name, "deploy", key)
            what = f"`deploy.{key}` is for a swarm: Compose passes over it"
            yield FileProblem(f"services.{name}.deploy.{key}", line, what, OF_A_SWARM[key], "warning")
    if text_of(document.find("services", name, "deploy", "mode")) == "global":
        line = document.line("services", name, "deploy", "mode")
        what = "`deploy.mode: global` is for a swarm: Compose starts one container"
        yield FileProblem(f"services.{name}.deploy.mode", line, what, "say `replicas`", "warning")


def rights_of_secrets(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """Owners and modes of secrets from files: they are mounted as they are on the node."""
    secrets = service.members.get("secrets")
    for index, item in enumerate(secrets.items if isinstance(secrets, SequenceNode) else ()):
        rights = [key for key in FILE_RIGHTS if isinstance(item, MappingNode) and key in item.members]
        source = text_of(item.members.get("source")) if isinstance(item, MappingNode) else ""
        if rights and document.find("secrets", source, "file") is not None:
            line = document.line("services", name, "secrets", index, rights[0])
            what = f"`{'`, `'.join(rights)}` of the secret {source} {'is' if len(rights) == 1 else 'are'} passed over"
            hint = "change owner and mode of the file on the node"
            yield FileProblem(f"services.{name}.secrets.{source}", line, what, hint)


SERVICE_JUDGES: tuple[Callable[[ComposeDocument, str, MappingNode], Iterator[FileProblem]], ...] = (
    floating_image,
    impossible_health_check,
    swarm_keys,
    rights_of_secrets,
)
