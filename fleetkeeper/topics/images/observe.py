"""How the images of a node are seen: one constant script about those that containers use, beside the second questions.

Which they are is known from the containers, which are asked for in the first round trip anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.containers.rules.privileges import ended_task
from fleetkeeper.topics.images.facts import Facts
from fleetkeeper.topics.images.parse import IMAGE_ID, parse_images
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

INSPECT_IMAGES = "fleetkeeper/topics/images/scripts/inspect_images.sh"
MOST_IMAGES = 60
"""How many images are looked at; each costs a start of Docker's client."""
IS_IMAGE = 'is_id "${1%%:*}" && { [ "${1#*:}" = 0 ] || is_processes "${1#*:}"; }'


def inspect_images(named: Sequence[str]) -> Command:
    """The command that prints what the engine says about images, each named as `ID:PID`."""
    return Command(("sh", "-c", load_script(INSPECT_IMAGES), "look at images", *named), sudo=True)


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about images."""
    yield (*inspect_images(()).words, Argument("image", many=True, test=IS_IMAGE))


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after two round trips, the first of which asks what other topics ask. "absent" without an engine.

    Set-uid files are looked for where the inventory asks for them. Without the benchmark nothing is asked; the topic
    then does not apply. Raises Unobservable where the containers could not be seen.
    """
    policy = inventory.benchmark
    if not isinstance(policy, Benchmark):
        return None
    [inspected] = yield [inspect_containers()]
    if inspected.rc == ABSENT:
        return Facts("absent")
    containers = parse_containers(inspection_json(inspected).partition("\n")[2])
    named = named_images(containers, look_for_setuid=policy.look_for_setuid and not inventory.quick)
    if not named:
        return Facts("present")
    [answer] = yield [inspect_images(named[:MOST_IMAGES])]
    return parse_images(answer.text())


def named_images(containers: Iterable[Container], *, look_for_setuid: bool) -> list[str]:
    """The images that containers use, as `ID:PID`, sorted; the PID is 0 where no set-uid files are looked for.

    Ended tasks of the swarm are left out: they are never started again.
    """
    processes: dict[str, int] = {}
    for container in containers:
        match = IMAGE_ID.fullmatch(container.image_id)
        if match and not ended_task(container):
            processes[match[1]] = processes.get(match[1]) or (container.pid if look_for_setuid else 0)
    return [f"{name}:{pid}" for name, pid in sorted(processes.items())]
