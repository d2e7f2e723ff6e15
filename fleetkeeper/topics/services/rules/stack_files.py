"""The rule that the file of a stack says nothing which Docker passes over, or which breaks later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.services.compose.facts import DeclaredProject
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.rules.deployed import declared_stack, kind_of
from fleetkeeper.topics.services.rules.projects import declared_project
from fleetkeeper.topics.services.stacks.facts import DeclaredStack
from fleetkeeper.topics.services.stacks.file_problems import FileProblem
from fleetkeeper.transport.commands import Unobservable

LOOKED_AT = (
    "look at it by `fleetkeeper stack --compose`, then accept this with `fleetkeeper waive`; or write it into the file"
)
WHY = "Docker deploys the file without a word about it"


def have_sound_stack_files(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The file of a stack says nothing that Docker passes over, and nothing that cannot work.

    `docker stack deploy` ignores keys that Compose knows, takes a variable that is not set for an empty text, and does
    not read `.env`. Errors are those, a health test that cannot work, and an update that starts a second task on the
    same data. Warnings are a tag that moves, a missing `update_config`, keys that are there for Compose, a variable
    whose value is that of whoever deploys, and an env file with secrets for services of several images; and, in a swarm
    of several nodes, data and mounted files that only the node has on which a service was first. Unknown where the file
    cannot be read. `fleetkeeper stack FILE` says the same without any server.

    Of a file for Compose (`kind: compose`) errors are a variable that nothing sets, `.env` included, a health test that
    cannot work, a secret of a swarm, and owners or modes of secrets, which Compose passes over. Warnings are a tag that
    moves, and keys below `deploy` that only a swarm knows. So it is of each of its `overrides`. Unknown for what they
    and the file include or extend: other files are not looked at.
    Source: docs/runbook.md, "Deploying"; docker/cli, cli/compose/types (UnsupportedProperties).
    """
    if kind_of(fleet.inventory, subject.name) == "compose":
        project = declared_project(fleet, subject.name)
        problems = raise_if_unobservable(project.problems)
        yield from (problem_finding(project, problem) for problem in problems)
        yield from map(unread_file, project.unread)
        return
    stack = declared_stack(fleet, subject.name)
    problems = raise_if_unobservable(stack.problems)
    single = is_single_node(fleet)
    yield from (problem_finding(stack, problem) for problem in problems if not (problem.between_nodes and single))


def problem_finding(stack: DeclaredStack | DeclaredProject, problem: FileProblem) -> Finding:
    """The finding about one problem, with its file and line."""
    return Finding(
        saw=f"{Path(problem.file or stack.file).name}:{problem.line}: {problem.what}",
        want=problem.hint or "a file without it",
        why=WHY,
        about=f"{Path(problem.file).name} {problem.key}" if problem.file else problem.key,
        severity=problem.severity,
    )


def unread_file(at: str) -> Unobservable:
    """The Unobservable for a place of a Compose file that takes something from another file."""
    return Unobservable(f"{at}: the other file is not looked at", hint=LOOKED_AT)


def is_single_node(fleet: Fleet) -> bool:
    """Whether a manager was seen whose swarm has one member."""
    for node in fleet.inventory.nodes:
        try:
            facts = fleet.of(node, Services)
        except Unobservable:
            continue
        if facts.swarm == "manager":
            return len(facts.members) == 1
    return False
