"""What is wrong with a stack file itself, each with its line: what Docker's client passes over without a word.

Source: https://github.com/docker/cli/blob/master/cli/compose/types/types.go (UnsupportedProperties); docs/runbook.md,
"Deploying".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fleetkeeper.judging.finding import Severity
from fleetkeeper.readers.compose.document import ComposeDocument, MappingNode, Node, ScalarNode, SequenceNode
from fleetkeeper.readers.compose.variables import passed_names, variables_in

IGNORED_KEYS = {
    "build": "the image must exist before it is deployed",
    "cgroup_parent": "",
    "container_name": "tasks have names of their own",
    "depends_on": "a swarm starts services in any order: let them wait for each other",
    "devices": "a node must offer the device as a generic resource, or its runtime by default",
    "domainname": "",
    "expose": "networks of a swarm do not filter ports",
    "external_links": "use a common network",
    "ipc": "",
    "links": "use a common network, where each service has its name",
    "mac_address": "",
    "network_mode": "use `networks: {outside: {external: true, name: host}}`",
    "pid": "",
    "privileged": "a swarm gives no container all privileges",
    "security_opt": 'set `"no-new-privileges": true` in daemon.json of each node',
    "shm_size": "mount a tmpfs on /dev/shm",
    "userns_mode": "",
}
"""Keys of a service that `docker stack deploy` ignores, with what to do instead."""
HARMLESS_KEYS = frozenset({"build", "container_name", "depends_on", "expose"})
"""Those of them that people keep in a file for Compose, where what runs is right without them."""
MOVING_WORDS = re.compile(r"[^0-9]*")
BROKER = re.compile(r"(^|/)rabbitmq$")
BROKER_WARNING = (
    "RabbitMQ 4 dropped what Celery before 5.5 declares (global QoS, and since 4.3 transient queues): "
    "the next pull can stop every worker"
)
ALWAYS_SET = frozenset({"HOME", "LOGNAME", "PATH", "PWD", "SHELL", "USER"})
"""Variables that are set wherever somebody deploys."""
NO_SHELL = "write the value down: another person, or a cron job, has another one"
JOBS = frozenset({"replicated-job", "global-job"})
PINNING_KEYS = ("node.hostname", "node.id")


@dataclass(frozen=True)
class FileProblem:
    """One thing that is wrong with a file. `key` is its path as text, such as `services.web.image`.

    A warning is what may be meant so. `between_nodes`: it is wrong only where the swarm has several nodes. `file` is a
    file that is merged over the first; "" for the first.
    """

    key: str
    line: int
    what: str
    hint: str = ""
    severity: Severity = "error"
    between_nodes: bool = False
    file: str = ""


def file_problems(
    document: ComposeDocument, variables: Collection[str], dotenv: Collection[str] = (), order: Sequence[str] = ()
) -> list[FileProblem]:
    """The problems of a stack file, by line.

    `variables` are the names that are set when it is deployed, `dotenv` those that the `.env` beside it sets, `order`
    the services as the inventory orders them.
    """
    problems = [*unset_variables(document, variables, dotenv), *scattered_volumes(document)]
    problems += [*unset_passed(document, variables), *unknown_services(document, order)]
    for name, service in document.mapping("services").items():
        if isinstance(service, MappingNode):
            for judge in SERVICE_JUDGES:
                problems += judge(document, name, service)
    return problems_by_line(problems)


def problems_by_line(problems: Iterable[FileProblem]) -> list[FileProblem]:
    """The problems in the order of their lines, each line's once: an anchor is seen wherever it is used."""
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.key))
    return list({(problem.line, problem.what): problem for problem in reversed(ordered)}.values())[::-1]


def unset_variables(
    document: ComposeDocument, variables: Collection[str], dotenv: Collection[str]
) -> Iterator[FileProblem]:
    """Variables that become empty because nothing sets them, or get another value than `.env` gives them."""
    for variable in variables_in(document):
        if variable.name in variables or not (variable.becomes_empty or variable.name in dotenv):
            continue
        key = ".".join(map(str, variable.path))
        if variable.name in ALWAYS_SET and variable.name not in dotenv:
            yield FileProblem(
                key, variable.line, f"${{{variable.name}}} is that of whoever deploys", NO_SHELL, "warning"
            )
            continue
        becomes = "is not set and becomes empty" if variable.becomes_empty else "does not get its value from .env"
        hint = "export it when you deploy, and name it under `environment` of the stack"
        if variable.name in dotenv:
            hint = f"`docker stack deploy` does not read .env: {hint}"
        yield FileProblem(key, variable.line, f"${{{variable.name}}} {becomes}", hint)


def unset_passed(document: ComposeDocument, variables: Collection[str]) -> Iterator[FileProblem]:
    """Variables without a value in the file that are not set either."""
    for variable in passed_names(document):
        if variable.name not in variables:
            key = ".".join(map(str, variable.path))
            what = f"{variable.name} has no value here and is not set: it gets that of whoever deploys, if any"
            hint = "export it when you deploy, and name it under `environment` of the stack"
            yield FileProblem(key, variable.line, what, hint, "warning")


def unknown_services(document: ComposeDocument, order: Sequence[str]) -> Iterator[FileProblem]:
    """Names in the inventory's order of services that the file lacks."""
    services = document.mapping("services")
    for name in order:
        if name not in services:
            what = f"`order` of the inventory names {name}, which is no service of the file"
            yield FileProblem("services", document.line("services"), what, "correct the inventory")


def ignored_keys(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """Keys that the client drops."""
    for key in service.members:
        if key in IGNORED_KEYS:
            line = document.line("services", name, key)
            what = f"`{key}` is ignored by `docker stack deploy`"
            severity: Severity = "warning" if key in HARMLESS_KEYS else "error"
            yield FileProblem(f"services.{name}.{key}", line, what, IGNORED_KEYS[key], severity)


def floating_image(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """An image whose tag may name another image tomorrow."""
    image = text_of(service.members.get("image"))
    if image and "$" not in image and is_floating(image):
        line = document.line("services", name, "image")
        repository, tag = split_image(image)
        what = f"the tag of {image} moves: {'none means latest' if not tag else 'another image may have it tomorrow'}"
        hint = BROKER_WARNING if BROKER.search(repository) else "name a version, or a digest"
        yield FileProblem(f"services.{name}.image", line, what, hint, "warning")


def split_image(image: str) -> tuple[str, str]:
    """The repository and the tag of an image without a digest; the tag is "" when there is none.

    >>> split_image("registry:5000/rabbitmq:alpine"), split_image("registry:5000/rabbitmq")
    (('registry:5000/rabbitmq', 'alpine'), ('registry:5000/rabbitmq', ''))
    """
    tag = image.rpartition("/")[2].partition(":")[2]
    return image.removesuffix(f":{tag}") if tag else image, tag


def is_floating(image: str) -> bool:
    """Whether an image has no digest, and no tag with a digit in it.

    >>> [is_floating(image) for image in ("nginx", "r:5000/a", "redis:alpine", "postgres:9.6", "a:nightly@sha256:00")]
    [True, True, True, False, False]
    """
    if "@" in image:
        return False
    return MOVING_WORDS.fullmatch(split_image(image)[1]) is not None


def missing_update_config(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """A service that stays broken when an update fails: the default is to pause. A job has no updates."""
    key = ("services", name, "deploy")
    if text_of(document.find(*key, "mode")) in JOBS:
        for setting in ("update_config", "rollback_config"):
            if document.find(*key, setting) is not None:
                what = f"{name} is a job, and the engine refuses one with {setting}"
                yield FileProblem(
                    f"services.{name}.deploy.{setting}", document.line(*key, setting), what, "leave it out"
                )
    elif document.find("services", name, "deploy", "update_config") is None:
        line = document.line("services", name, "deploy")
        hint = "deploy: {update_config: {failure_action: rollback}}"
        what = f"{name} has no update_config: an update that fails is paused where it is"
        yield FileProblem(f"services.{name}.deploy", line, what, hint, "warning")


def start_first_with_data(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """Two tasks on one data directory while it is updated."""
    order = text_of(document.find("services", name, "deploy", "update_config", "order"))
    data = local_volumes(document, service) | bound_directories(service)
    if order == "start-first" and data:
        line = document.line("services", name, "deploy", "update_config", "order")
        what = f"{name} is updated start-first: two tasks would write to {' and '.join(sorted(data))} at once"
        yield FileProblem(f"services.{name}.deploy.update_config.order", line, what, "order: stop-first")


def impossible_health_check(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """A health check of which only a part is run."""
    test = document.find("services", name, "healthcheck", "test")
    if not isinstance(test, SequenceNode) or not test.items:
        return
    words = [text_of(item) for item in test.items]
    line = document.line("services", name, "healthcheck", "test")
    program = words[1:]
    what = ""
    if words[0] == "CMD-SHELL" and len(words) != 2:
        what = (
            f"CMD-SHELL takes one text: only `{program_of(program[0])}` is run"
            if program
            else "CMD-SHELL without a command"
        )
    elif words[0] == "CMD" and not program:
        what = "CMD without a program"
    elif words[0] == "CMD" and len(words) == 2 and re.search(r"\s", words[1]):
        what = f"CMD takes words: `{program_of(words[1])}` is taken for the name of a program"
    elif words[0] not in ("CMD", "CMD-SHELL", "NONE"):
        begin = program_of(words[0])
        what, program = f"a health test begins with CMD, CMD-SHELL or NONE, not with {begin}", words
    if what:
        hint = f'test: ["CMD-SHELL", "{program_of(" ".join(program))}"]'
        yield FileProblem(f"services.{name}.healthcheck.test", line, what, hint)


def program_of(command: str) -> str:
    """The first word of a command, and that there are more: they may hold a password.

    >>> program_of("mysqladmin ping -ps3cret"), program_of("true"), program_of("")
    ('mysqladmin …', 'true', '…')
    """
    first, *more = command.split() or ["…"]
    return f"{first} …" if more else first


def scattered_volumes(document: ComposeDocument) -> Iterator[FileProblem]:
    """One local volume that is another directory on each node where its services may run.

    A service that runs on every node means a directory of each.
    """
    users: dict[str, dict[str, frozenset[str]]] = {}
    for name, service in document.mapping("services").items():
        if isinstance(service, MappingNode) and text_of(document.find("services", name, "deploy", "mode")) != "global":
            for volume in local_volumes(document, service):
                users.setdefault(volume, {})[name] = pinning_constraints(document, name)
    for volume, services in users.items():
        if len(services) > 1 and not frozenset.intersection(*services.values()):
            names = ", ".join(sorted(services))
            what = f"{names} use the volume {volume} and may run on different nodes: there it is another directory"
            hint = "pin all of them to one node with the same constraint, or put it on the network"
            yield FileProblem(f"volumes.{volume}", document.line("volumes", volume), what, hint, "warning", True)


def pinning_constraints(document: ComposeDocument, service: str) -> frozenset[str]:
    """The constraints of a service that leave one node, with single blanks around their operator."""
    constraints = document.find("services", service, "deploy", "placement", "constraints")
    texts = [text_of(item) for item in constraints.items] if isinstance(constraints, SequenceNode) else []
    equal = [re.sub(r"\s*==\s*", " == ", text) for text in texts if "==" in text]
    return frozenset(text for text in equal if text.startswith((*PINNING_KEYS, "node.labels.")))


def local_volumes(document: ComposeDocument, service: MappingNode) -> frozenset[str]:
    """The named volumes of a service that are on the node: without a driver, and not external."""
    volumes = service.members.get("volumes")
    items = volumes.items if isinstance(volumes, SequenceNode) else ()
    return frozenset(name for name in map(volume_name, items) if name and is_local(document.find("volumes", name)))


def bound_directories(service: MappingNode) -> frozenset[str]:
    """The directories of the node that a service may write to."""
    volumes = service.members.get("volumes")
    items = volumes.items if isinstance(volumes, SequenceNode) else ()
    return frozenset(path for path in map(bound_directory, items) if path)


def bound_directory(item: Node) -> str:
    """The directory of the node in a service's list of mounts, if it may be written to; else ""."""
    if isinstance(item, MappingNode):
        bound = text_of(item.members.get("type")) == "bind" and text_of(item.members.get("read_only")) != "true"
        return text_of(item.members.get("source")) if bound else ""
    source, _, rest = text_of(item).partition(":")
    options = rest.partition(":")[2].split(",")
    return source if rest and source.startswith((".", "/", "~")) and "ro" not in options else ""


def volume_name(item: Node) -> str:
    """The name of the volume in a service's list of mounts; "" for a bind mount, a read-only or an anonymous volume."""
    if isinstance(item, MappingNode):
        read_only = text_of(item.members.get("read_only")) == "true"
        return (
            text_of(item.members.get("source"))
            if text_of(item.members.get("type")) == "volume" and not read_only
            else ""
        )
    source, _, rest = text_of(item).partition(":")
    written = rest and "ro" not in rest.partition(":")[2].split(",")
    return source if written and not source.startswith((".", "/", "~", "$")) else ""


def is_local(volume: Node | None) -> bool:
    """Whether a volume's definition leaves it on the node's disk; False for a missing one (None)."""
    if not isinstance(volume, MappingNode):
        return volume is not None
    return not {"driver", "driver_opts", "external"} & volume.members.keys()


def text_of(node: Node | None) -> str:
    """The text of a single value; "" for anything else."""
    return node.text if isinstance(node, ScalarNode) else ""


SERVICE_JUDGES: tuple[Callable[[ComposeDocument, str, MappingNode], Iterator[FileProblem]], ...] = (
    ignored_keys,
    floating_image,
    missing_update_config,
    start_first_with_data,
    impossible_health_check,
)


def dotenv_names(text: str) -> frozenset[str]:
    """The names that a `.env` file sets.

    >>> sorted(dotenv_names("# a\\nTAG=1\\nexport HOST = x\\nlonely\\n"))
    ['HOST', 'TAG']
    """
    assignments = re.findall(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", text, re.MULTILINE)
    return frozenset(assignments)
