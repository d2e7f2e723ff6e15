"""Stack files where `init` runs: neither the swarm nor its services say from which file they were deployed.

A file is recognized by the names of its services, and their images. Looked at are the folder of the inventory, the
folder where `init` runs, and the top of their git repositories, with the folders that people keep such files in below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from fleetkeeper.inventory.fields import NAME
from fleetkeeper.inventory.survey_results import StackFile
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.compose.document import LARGEST_BYTES, ComposeDocument, ComposeFileError, read_compose
from fleetkeeper.readers.compose.variables import passed_names, variables_in
from fleetkeeper.topics.services.idle_reasons import managers
from fleetkeeper.topics.services.stacks.deploy_variables import read_bounded
from fleetkeeper.topics.services.stacks.file_problems import text_of
from fleetkeeper.topics.services.stacks.service_fields import familiar_image

USUAL_FOLDERS = ("deploy", "deployment", "docker", "stack", "stacks", "swarm")
MOST_FILES = 200
"""How many files of one folder are looked at, at most."""


def stack_files_near(
    inventory: Path, services: Mapping[str, Mapping[str, str]], here: Path | None = None
) -> tuple[StackFile, ...]:
    """The files that have every running service of a stack; of several, all that differ from it least.

    `inventory` is the path of the inventory, `services` are the images of each stack's services by their names,
    without the stack's.
    """
    documents = dict(readable_files(inventory.absolute(), here or Path.cwd()))
    matches: list[StackFile] = []
    for stack, images in services.items():
        distances = {path: counted for path, document in documents.items() if (counted := distance(document, images))}
        best = min(distances.values(), default=None)
        nearest = [path for path in distances if distances[path] == best]
        matches += [proposed_file(stack, path, documents[path], inventory.absolute().parent) for path in nearest]
    return tuple(matches)


def proposed_file(stack: str, path: Path, document: ComposeDocument, folder: Path) -> StackFile:
    """What an inventory in the folder says about a stack's file."""
    shown = os.path.relpath(path, folder)
    return StackFile(stack, shown if shown.startswith("..") else f"./{shown}", tuple(needed_variables(document)))


def distance(document: ComposeDocument, images: Mapping[str, str]) -> tuple[int, int] | None:
    """How many services only a file has, and of how many the image is another; None where it lacks one that runs.

    An image with a variable may be any.
    """
    declared = document.mapping("services")
    if not images or not images.keys() <= declared.keys():
        return None
    texts = {name: text_of(document.find("services", name, "image")) for name in images}
    others = [name for name, text in texts.items() if "$" not in text and not is_same_image(text, images[name])]
    return len(declared) - len(images), len(others)


def is_same_image(written: str, running: str) -> bool:
    """Whether a file's image is the one that runs, whatever digest a registry has added."""
    return familiar_image(written) == familiar_image(running)


def needed_variables(document: ComposeDocument) -> Iterator[str]:
    """The names of the variables of a file that have no default, each once, in its order."""
    used = [variable for variable in variables_in(document) if variable.form in ("", "?", ":?")]
    yield from dict.fromkeys(variable.name for variable in (*used, *passed_names(document)))


def readable_files(inventory: Path, here: Path) -> Iterator[tuple[Path, ComposeDocument]]:
    """Path and content of each stack or Compose file in the folders, without the inventory and what cannot be read."""
    for folder in dict.fromkeys(folders_near(inventory.parent, here)):
        try:
            paths = sorted(islice((path for path in folder.iterdir() if path.suffix in (".yml", ".yaml")), MOST_FILES))
        except OSError:
            continue
        for path in (path for path in paths if path != inventory):
            try:
                yield path, read_compose(read_bounded(path, LARGEST_BYTES))
            except (OSError, ComposeFileError):
                continue


def folders_near(folder: Path, here: Path) -> Iterator[Path]:
    """The folders in which a stack file may lie."""
    for base in (folder, here.absolute()):
        repository = next((above for above in (base, *base.parents) if (above / ".git").exists()), base)
        for top in (base, repository):
            yield top
            yield from (top / name for name in USUAL_FOLDERS)


def stack_names(fleet: Fleet) -> tuple[str, ...]:
    """The names of the swarm's stacks that an inventory can have, sorted."""
    names = {service.stack for facts in managers(fleet) for service in facts.services}
    return tuple(sorted(name for name in names if re.fullmatch(NAME, name)))


def services_of_stacks(fleet: Fleet) -> dict[str, dict[str, str]]:
    """The images of the services of each stack that an inventory can have, by their names without the stack's."""
    services = [service for facts in managers(fleet) for service in facts.services]
    return {
        stack: {each.name.removeprefix(f"{stack}_"): each.image for each in services if each.stack == stack}
        for stack in stack_names(fleet)
    }
