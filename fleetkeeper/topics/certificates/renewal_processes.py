"""The renewals that main processes of containers are, from what `docker inspect` says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.json_documents import Json, listed, text_in
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.words import Unreadable, literal_text
from fleetkeeper.readers.shell.wrappers import SHELLS, unwrap_command
from fleetkeeper.topics.certificates.facts import Renewal
from fleetkeeper.topics.certificates.parse import parse_sections, parse_surroundings
from fleetkeeper.topics.certificates.reload_commands import Surroundings, as_words, effects, inner_script
from fleetkeeper.topics.certificates.renewal_commands import MENTIONS, NOT_KNOWN, renewals_in
from fleetkeeper.topics.certificates.renewal_scripts import NodeSurroundings
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Output

INITS = frozenset({"tini", "dumb-init", "docker-init", "catatonit", "su-exec", "gosu"})
SCHEDULER_WORDS = (
    "cron crond fcron anacron busybox-crond dcron supercronic go-cron yacron jobber ofelia supervisord s6-svscan init "
    "my_init runsvdir watch"
)
SCHEDULERS = frozenset(SCHEDULER_WORDS.split())
"""Programs that start others by themselves, of which the command line does not say which."""
CERTIFIERS = re.compile(r"certbot|letsencrypt|acme|dehydrated|\blego\b")
"""Parts of the names of images that get certificates."""


def main_processes(inspected: Sequence[Json], node: NodeSurroundings) -> Iterator[Renewal]:
    """The renewals that the main processes of running containers are.

    A container that runs certbot in a loop, beside the server and with the same files, needs no cron. One whose main
    process is a scheduler, a script about certificates, or of an image made for them, is `unclear`.
    """
    running = {container.id: container for container in node.containers if container.running}
    for item in inspected:
        key, name = text_in(item, "Id"), text_in(item, "Name").lstrip("/")
        if key in running:
            where = f"the main process of {name}"
            image, around = running[key].image, node.around(key)
            for renewal in process_renewals(where, main_words(item), image, around, looked_into=key in node.inside):
                yield replace(renewal, entered=True, containers=(key,))


def process_renewals(
    where: str, words: Sequence[str], image: str, around: Surroundings, *, looked_into: bool
) -> Iterator[Renewal]:
    """The renewals of a process with these words, in a container of this image.

    A script is `unclear` unless the container was looked into: then its processes were read there.
    """
    base = words[0].rpartition("/")[2] if words else ""
    script = inner_script(as_words(words))
    opaque = len(words) == (2 if base in SHELLS else 1) and (base in SHELLS or base.endswith(".sh"))
    loops = list(renewals_in(where, script, around, loops=True)) if script is not None else []
    yield from loops
    titled = script is None and MENTIONS.search(" ".join(words).replace("_", "-")) and base != "certbot"
    if not loops and (base in SCHEDULERS or titled or (opaque and not looked_into) or CERTIFIERS.search(image)):
        yield Renewal(
            where, unclear=f"what `{base[:40]}` starts is not known here" if base in SCHEDULERS else NOT_KNOWN
        )


def main_words(inspected: Json) -> list[str]:
    """The words of a container's main process, without programs such as tini before it."""
    words = [text_in(inspected, "Path"), *(str(word) for word in listed(inspected, "Args"))]
    while words and words[0].rpartition("/")[2] in INITS:
        user = words[0].rpartition("/")[2] in ("su-exec", "gosu")
        words = words[2:] if user else words[1:]
        while not user and words and words[0].startswith("-"):
            words = words[1:]
    try:
        return [literal_text(word) or "" for word in unwrap_command(as_words(words))[0]]
    except Unreadable:
        return words


def self_reloaders(inspected: Sequence[Json]) -> Iterator[str]:
    """The ids of containers whose main process is a shell loop that sleeps and reloads their server, time and again."""
    for item in inspected:
        script = inner_script(as_words(main_words(item)))
        if script is not None and reloads_itself(script):
            yield text_in(item, "Id")


def reloads_itself(script: str) -> bool:
    """Whether a script reloads the server in a loop that waits; False for one that cannot be read."""
    try:
        looping = [command for command in executed_commands(script, Surroundings().context()) if command.repeated]
        waits = any(command.name in ("sleep", "inotifywait") for command in looping)
        return waits and effects("it", looping, Surroundings()).here
    except Unreadable:
        return False


def node_surroundings(
    containers: Sequence[Container], printed: Mapping[str, Output], answers: Answers | None = None
) -> NodeSurroundings:
    """What is known of the places where hooks run; `printed` are the outputs of the looks into containers, by id.

    A container whose output cannot be read is left out of `inside`: nothing is known of it.
    """
    inside = {key: or_why(partial(surroundings_in, output)) for key, output in printed.items()}
    return NodeSurroundings(
        containers, {key: around for key, around in inside.items() if isinstance(around, Surroundings)}, answers
    )


def surroundings_in(output: Output) -> Surroundings:
    """The place in which hooks of a container run. Raises Unobservable where it could not be seen."""
    return parse_surroundings(parse_sections(output.text()))
