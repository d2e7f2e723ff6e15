"""How the logs of services are looked at: `docker inspect`, which others ask too, then one script about processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.readers.json_documents import json_document
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.errors.digests import digests_of
from fleetkeeper.topics.errors.facts import Facts
from fleetkeeper.topics.errors.parse import NOT_LOOKED_INTO, join_answer, parse_configuration
from fleetkeeper.topics.errors.policy import Policy
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

LOOK_AT_LOGS = "fleetkeeper/topics/errors/scripts/look_at_logs.sh"
READ_ERRORS = "fleetkeeper/topics/errors/scripts/read_errors.sh"
IS_READ = 'is_id "${1%%:*}" && is_processes "${1#*:}"'
MOST_CONTAINERS = 200
"""How many running containers of one node are looked into."""
JOURNAL = "journal"
IS_LOGGED = 'case $1 in journal) ;; *) is_processes "${1#search:}" ;; esac'


def look_at_logs(words: Sequence[str]) -> Command:
    """The command that prints where processes write logs: of first processes of containers, and `journal`."""
    return Command(("sh", "-c", load_script(LOOK_AT_LOGS), "look at logs", *words), sudo=True, limit=120)


def read_errors(words: Sequence[str]) -> Command:
    """The command that prints the kinds of error lines that containers, as `ID:PID`, logged in the last 24 hours."""
    return Command(("sh", "-c", load_script(READ_ERRORS), "read errors", *words), sudo=True, limit=300, most=4 << 20)


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about errors."""
    yield (*read_errors(()).words, Argument("read_log", many=True, test=IS_READ))
    yield (*look_at_logs(()).words, Argument("logged", many=True, test=IS_LOGGED))


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after two round trips, the first of which asks what other topics ask; "absent" without an engine.

    Raises NotApplicable where the inventory does not ask for errors or has no services, Unobservable where the
    containers could not be seen.
    """
    policy = inventory.section(Policy)
    names = [service.name for service in require_policy(inventory.services).values()]
    [inspected] = yield [inspect_containers()]
    if inspected.rc == ABSENT:
        return Facts("absent")
    listed = inspection_json(inspected).partition("\n")[2]
    containers = [
        container for container in parse_containers(listed) if any(container.belongs_to(name) for name in names)
    ]
    documents = json_document(listed, "`docker inspect`")
    configured = [parse_configuration(each) for each in documents if each["Id"] in {own.id for own in containers}]
    words = looked_into(containers, journal=any(each.driver == "journald" for each in configured))
    if not words:
        return join_answer(configured, containers, None)
    running = [f"{container.id}:{container.pid}" for container in containers if container.pid][:MOST_CONTAINERS]
    answer, *digests = yield [look_at_logs(words), *([read_errors(running)] if policy.digest else [])]
    facts = join_answer(configured, containers, answer)
    return add_digests(facts, digests[0]) if digests else facts


def add_digests(facts: Facts, answer: Output) -> Facts:
    """The facts with the digest of each running container; an Unobservable where there is none."""
    digests = or_why(lambda: digests_of(answer))
    missing = digests if isinstance(digests, Unobservable) else NOT_LOOKED_INTO
    by_id = {} if isinstance(digests, Unobservable) else digests
    read = (replace(each, digest=by_id.get(each.id, missing)) if each.inside else each for each in facts.containers)
    return replace(facts, containers=tuple(read))


def looked_into(containers: Sequence[Container], *, journal: bool) -> list[str]:
    """The words for the script: each running container, one of each image with `search:`, and `journal` if asked for.

    Empty when none runs.
    """
    searched: set[str] = set()
    words = []
    for container in [each for each in containers if each.pid][:MOST_CONTAINERS]:
        prefix = "" if container.image_id in searched else "search:"
        searched.add(container.image_id)
        words.append(f"{prefix}{container.pid}")
    return [*words, *([JOURNAL] if journal and words else [])]
