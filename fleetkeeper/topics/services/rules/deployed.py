"""The rule that the services of a stack run as its file declares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import HERE, Fleet, raise_if_unobservable
from fleetkeeper.topics.services.policy import Policy
from fleetkeeper.topics.services.rules.project_variables import NO_VALUES
from fleetkeeper.topics.services.rules.projects import project_differences
from fleetkeeper.topics.services.stacks.facts import DeclaredStack, Facts, StackService, services_by_name
from fleetkeeper.topics.services.stacks.field_names import (
    ENV,
    IMAGE,
    REPLICAS,
    attachment_in_words,
    attachment_of,
    field_title,
    value_in_words,
)
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_command

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

WHY = "the next deployment changes it back, and until then what runs is written down nowhere"
WHY_IMAGE = f"{WHY}; with `--resolve-image never` or `changed` it keeps an image that was set by hand"


def each_stack(inventory: Inventory) -> Iterable[Subject]:
    """One subject for every stack and project of the inventory. Raises NotApplicable without any."""
    return [Subject("stack", name) for name in inventory.section(Policy).stacks]


def are_deployed_as_declared(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The services of a stack or Compose project run as its file declares: the same services with the same settings.

    `docker stack deploy` has no dry run, and what a person changes by hand is gone with the next deployment. What the
    file declares is what Docker's own client would write: it runs where the audit runs, against an engine that is none.
    Compared is every field of each service, as a manager of the swarm has it, with the engine's defaults on both sides.
    Values of variables, command lines and options of drivers are compared by digests with a key of this run, and are
    named, never shown. A field that depends on a variable, on somebody's shell or on an env file that is not here is
    not compared, which is noted; of a path beside the file its end is. What fleetkeeper itself lends a service is left
    to another rule. Unknown while no manager was seen that has the stack, where the client is missing or refuses the
    file, and for values in a recording.

    Of a project of Compose (`kind: compose`) the containers on its node are compared, by what Compose itself writes
    into their labels: its hash of all settings of a service. Where that differs, the settings that are seen of a
    container are named: image, user, mounts, ports, restart policy, privileges, and variables whose value differs, by
    their names. What the image alone sets is no difference, nor what Compose adds for a proxy. A missing or stopped
    container is a finding, but for a job that has ended well. Unknown where the hash proves nothing: it was made by
    another version of Compose, or depends on a directory, a home directory or another container that is not the same
    here; and for values in a recording.
    Source: docs/runbook.md, "Deploying"; Engine API (ServiceSpec); docker/compose, pkg/compose/hash.go.
    """
    if kind_of(fleet.inventory, subject.name) == "compose":
        yield from project_differences(fleet, subject.name)
        return
    stack = declared_stack(fleet, subject.name)
    declared = {service.name: service for service in raise_if_unobservable(stack.services)}
    running = running_services(fleet, subject.name)
    if not running:
        yield from not_deployed(fleet, stack)
        return
    hint = deploy_hint(fleet, stack)
    yield from strange_services(stack, declared, running, hint)
    uncompared: list[str] = []
    for name in [name for name in declared if name in running]:
        comparison = compare_services(declared[name], running[name])
        differences = difference_findings(stack, declared[name], running[name], comparison)
        yield from (replace(finding, hint=hint) for finding in differences)
        uncompared += [name] if comparison.uncompared else []
    if uncompared:
        yield Unobservable(f"values not compared: of {', '.join(uncompared)}", NO_VALUES)


def kind_of(inventory: Inventory, name: str) -> str:
    """Whether a stack of the inventory is one of a swarm or a project of Compose. Raises NotApplicable without any."""
    return inventory.section(Policy).stacks[name].kind


def declared_stack(fleet: Fleet, name: str) -> DeclaredStack:
    """What the file of a stack declares. Raises Unobservable where it was not read."""
    for stack in fleet.of(HERE, Facts).declared:
        if stack.name == name:
            return stack
    raise Unobservable(f"the file of {name} was not read")


def running_services(fleet: Fleet, stack: str) -> Mapping[str, StackService]:
    """The services of a stack as the first manager has them that has any; empty without one."""
    for facts in seen_nodes(fleet):
        if services := services_by_name(facts.running, stack):
            return services
    return {}


def seen_nodes(fleet: Fleet) -> Iterator[Facts]:
    """The facts of every node where they were seen."""
    for node in fleet.inventory.nodes:
        try:
            yield fleet.of(node, Facts)
        except Unobservable:
            continue


def not_deployed(fleet: Fleet, stack: DeclaredStack) -> Iterator[Finding | Unobservable]:
    """The finding that nothing of a stack runs, or why that is unknown: any unseen node may be a manager."""
    unseen = []
    for node in fleet.inventory.nodes:
        try:
            fleet.of(node, Facts)
        except Unobservable as why:
            unseen.append(why)
    roles = {facts.role for facts in seen_nodes(fleet)}
    yield from unseen
    if not unseen and "worker" in roles and "manager" not in roles:
        yield Unobservable("no manager of the swarm is in the inventory", hint="add a manager under `nodes`")
    elif not unseen:
        yield Finding(
            saw=f"no service of {stack.name} is in a swarm of these nodes",
            want=f"those of {Path(stack.file).name}",
            why="it was never deployed there, or was removed",
            hint=deploy_hint(fleet, stack),
        )


def deploy_hint(fleet: Fleet, stack: DeclaredStack) -> str:
    """What a person does about a difference. Without its variables the command would deploy empty texts."""
    command = shown_command(("docker", "stack", "deploy", "-c", Path(stack.file).name, stack.name))
    entry = fleet.inventory.section(Policy).stacks[stack.name]
    exported = [f"what {Path(path).name} sets" for path in entry.environment_files] + list(entry.environment)
    variables = f" with {' and '.join(exported)} exported" if exported else ""
    return f"`{command}`{variables}, or write into the file what should stay (`remediate --print-patch`)"


def strange_services(
    stack: DeclaredStack, declared: Mapping[str, StackService], running: Mapping[str, StackService], hint: str
) -> Iterator[Finding]:
    """A finding for each service that only the file has, or only the swarm; `hint` says how it is deployed."""
    file = Path(stack.file).name
    for name in sorted(declared.keys() - running.keys()):
        saw = f"{name} is in {file}, and the swarm has no such service of the stack {stack.name}"
        want = f"{name} ({file_place(stack, declared[name], '')})"
        yield Finding(saw, want, WHY, about=name, hint=hint)
    for name in sorted(running.keys() - declared.keys()):
        saw = f"{name} runs in the stack and is not in {file}"
        prune = "`docker stack deploy --prune` removes it; or write it into the file"
        yield Finding(saw, "no such service", WHY, about=name, hint=prune)


@dataclass(frozen=True)
class Comparison:
    """The paths of the fields in which two services differ, and of those that could not be compared."""

    different: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()


def compare_services(declared: StackService, running: StackService) -> Comparison:
    """The paths of fields that differ between a service as it is declared and as it runs, sorted, each path once.

    A field that only one side has differs. Apart from them those that could not be compared: their values are not kept,
    and one side has no digest. What `is_left_out` names is in neither.
    """
    different: list[str] = []
    uncompared: list[str] = []
    for path in sorted({*declared.fields, *running.fields}):
        if is_left_out(path, declared, running):
            continue
        if path not in declared.fields or path not in running.fields:
            different.append(path)
        elif declared.fields[path] is not None or running.fields[path] is not None:
            different += [] if is_same_text(path, declared, running) else [path]
        else:
            wanted, seen = ((service.digests or {}).get(path) for service in (declared, running))
            if wanted is None or seen is None:
                uncompared.append(path)
            elif not set(wanted) & set(seen):
                different.append(path)
    return Comparison(tuple(different), tuple(uncompared))


def is_same_text(path: str, declared: StackService, running: StackService) -> bool:
    """Whether a kept field is the same on both sides; of a path beside the stack file its end."""
    value = running.fields[path]
    if path in declared.relative and value is not None:
        return value.startswith('"/') and value.endswith(f'{declared.relative[path]}"')
    return declared.fields[path] == value


def is_left_out(path: str, declared: StackService, running: StackService) -> bool:
    """Whether a field is not compared: it depends on what is not here, or fleetkeeper has lent it."""
    from_env_file = declared.more_variables and path.startswith(ENV) and path not in declared.fields
    collections = tuple(start for start in declared.unsettled if start.endswith("."))
    in_collection = path not in declared.fields and path.startswith(collections)
    return path in declared.unsettled or in_collection or from_env_file or path.startswith(running.lent)


def difference_findings(
    stack: DeclaredStack, declared: StackService, running: StackService, comparison: Comparison
) -> Iterator[Finding]:
    """A finding for each field that differs, and one for all variables together."""
    variables = [path for path in comparison.different if path.startswith(ENV)]
    lone = {
        attachment: path
        for path in comparison.different
        if (attachment := attachment_of(path)) and is_lone(attachment, declared, running)
    }
    for attachment, path in lone.items():
        file_line = file_place(stack, declared, path)
        saw, want = (
            attachment_in_words(attachment, service.fields)
            if path in service.fields
            else f"no {field_title(attachment)}"
            for service in (running, declared)
        )
        yield Finding(
            f"{declared.name} has {saw}",
            f"{want} ({file_line})",
            WHY,
            about=f"{declared.name} {field_title(attachment)}",
        )
    for path in comparison.different:
        if path in variables or attachment_of(path) in lone:
            continue
        title = field_title(path)
        yield Finding(
            saw=f"{declared.name} has {value_with_title(path, title, running, declared)}",
            want=wanted_value(path, title, declared, file_place(stack, declared, path)),
            why=WHY_IMAGE if path == IMAGE else WHY,
            about=f"{declared.name} {title}",
        )
    if variables:
        differences = ", ".join(variable_difference(path, declared, running) for path in variables)
        yield Finding(
            saw=f"{declared.name}: {differences}",
            want=f"the variables of {file_place(stack, declared, variables[0])}",
            why=WHY,
            about=f"{declared.name} variables",
        )


def variable_difference(path: str, declared: StackService, running: StackService) -> str:
    """How one variable differs, in words, without its values."""
    name = path.removeprefix(ENV)
    if path not in running.fields:
        return f"{name} is missing"
    return f"{name} has another value" if path in declared.fields else f"{name} is not in the file"


def is_lone(attachment: str, declared: StackService, running: StackService) -> bool:
    """Whether a mount, secret, config or network is of one of the two services alone."""
    return (
        len({any(attachment_of(path) == attachment for path in service.fields) for service in (declared, running)}) > 1
    )


def value_with_title(path: str, title: str, running: StackService, declared: StackService) -> str:
    """What a service has as a field, in words; only that it has one, or another one, where values are not kept."""
    if path not in running.fields and path != REPLICAS:
        return f"no {title}"
    value = running.fields.get(path)
    if value is not None or path == REPLICAS:
        return f"{title} {value_in_words(path, value)}"
    return f"another {title}" if path in declared.fields else title


def wanted_value(path: str, title: str, declared: StackService, file_line: str) -> str:
    """What the file has as a field, in words; where values are not kept only at which place."""
    if path not in declared.fields and path != REPLICAS:
        return f"no {title} ({file_line})"
    value = declared.fields.get(path)
    kept = value is not None or path == REPLICAS
    return f"{title} {value_in_words(path, value)} ({file_line})" if kept else f"the {title} of {file_line}"


def file_place(stack: DeclaredStack, service: StackService, path: str) -> str:
    """`FILE:LINE` of a field in the stack file, or of its service where the file does not say it."""
    line = service.lines.get(path, service.lines.get("", 1))
    return f"{Path(stack.file).name}:{line}"


def stack_notes(fleet: Fleet) -> Iterator[str]:
    """A line for each stack of which something is not compared, since it is not here. Nothing is raised."""
    for stack in declared_stacks(fleet):
        if isinstance(stack.services, Unobservable):
            continue
        unsettled = sum(len(service.unsettled) for service in stack.services)
        absent = [f"${{{name}}}" for name in stack.unset] + [Path(path).name for path in stack.missing]
        if absent and (unsettled or any(service.more_variables for service in stack.services)):
            yield f"stack {stack.name}: what comes from {', '.join(absent)} was not compared: it is not on this machine"


def declared_stacks(fleet: Fleet) -> tuple[DeclaredStack, ...]:
    """What the files of all stacks declare; empty where that was not seen."""
    try:
        return fleet.of(HERE, Facts).declared
    except Unobservable:
        return ()
