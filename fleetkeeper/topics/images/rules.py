"""The rules about images: where they come from, how old they are, and how they were built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong, judge_numbers
from fleetkeeper.judging.rule import Rule, Subject, each_node
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.build_steps import BuildNotes
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.rules.privileges import ended_task
from fleetkeeper.topics.images.facts import Facts, Image
from fleetkeeper.transport.commands import Unobservable

HUB = ("docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/")
"""What stands before the name of an image of Docker Hub, and may be left out."""
SHOWN = 5
WHY_FOREIGN = "an image of a stranger is a program of a stranger"
WHY_UPDATE = "that layer is kept for months, and what is installed on it is as old"
WHY_ADD = "ADD also unpacks archives and takes addresses of the net"
WHY_BUILT_IN = "every layer can be read by whoever has the image, for ever"
HINT_BUILT_IN = "`RUN --mount=type=secret`, or a secret of the swarm; what was built in is known, so change it"
WHY_SETUID = "each can make root of any user in the container"


@dataclass(frozen=True)
class UsedImage:
    """An image that containers of a node use: how they name it, what of it was seen, and their services."""

    name: str
    image: Image | None
    services: tuple[str, ...]

    @property
    def seen(self) -> Image:
        """What was seen of it. Raises Unobservable where the engine said nothing about it."""
        if self.image is None:
            raise Unobservable(f"{self.name}: the engine tells nothing of this image; it may be removed")
        return self.image

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.services)})"


Check = Callable[[tuple[UsedImage, ...], Benchmark, datetime], Iterable[Wrong | Unobservable]]


def used_images(fleet: Fleet, node: str) -> tuple[UsedImage, ...]:
    """The images that the containers of a node use, each once, sorted by name.

    Raises NotApplicable on a node without Docker or containers, Unobservable where one of both was not seen.
    """
    containers, facts = fleet.of(node, Containers), fleet.of(node, Facts)
    if containers.docker == "absent" or facts.docker == "absent":
        raise NotApplicable("no Docker on this node")
    by_id = {image.id: image for image in facts.images}
    services: dict[tuple[str, str], set[str]] = {}
    for container in containers.containers:
        if not ended_task(container):
            services.setdefault((container.image, container.image_id), set()).add(container.service)
    if not services:
        raise NotApplicable("no containers on this node")
    return tuple(
        UsedImage(image_name(name, by_id.get(key)), by_id.get(key), tuple(sorted(users)))
        for (name, key), users in sorted(services.items())
    )


def image_name(written: str, image: Image | None) -> str:
    """The name of an image without its tag and digest; by its own names where a container names it by its id alone.

    >>> [image_name(name, None) for name in ("postgres:16@sha256:4f", "reg.example:5000/a/b", "reg.example:5000/a:1")]
    ['postgres', 'reg.example:5000/a/b', 'reg.example:5000/a']
    """
    names = [written, *(image.names if image else ())]
    named = next((name for name in names if name and not name.startswith("sha256:") and name != "<none>:<none>"), "")
    path = (named or written).partition("@")[0]
    before, colon, tag = path.rpartition(":")
    return before if colon and "/" not in tag else path


def is_listed(name: str, globs: Iterable[str]) -> bool:
    """Whether one of the globs means an image; the name of Docker's own registry may be left out on both sides.

    >>> [is_listed(name, ["postgres", "ours/*"]) for name in ("docker.io/library/postgres", "ours/web", "x/postgres")]
    [True, True, False]
    """
    return any(fnmatchcase(short_name(name), short_name(glob)) for glob in globs)


def short_name(name: str) -> str:
    """The name of an image without Docker's own registry."""
    return next((name.removeprefix(prefix) for prefix in HUB if name.startswith(prefix)), name)


def judge_images(fleet: Fleet, subject: Subject, checks: dict[str, Check]) -> Iterator[Finding | Part]:
    """What each check finds wrong with the images that containers of a node use.

    Raises NotApplicable where the inventory does without the benchmark, and as `used_images` does.
    """
    policy = require_policy(fleet.inventory.benchmark)
    images = used_images(fleet, subject.name)
    bound = {number: partial(check, images, policy, fleet.looked_at) for number, check in checks.items()}
    return judge_numbers(bound, policy, subject.name)


def are_trusted(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Containers use only images that the inventory names.

    An image of a stranger is a program of a stranger. The name of each container's image, without its tag, against
    `benchmark: {registries: [...]}`; does not apply without that line. A warning, unless enforced.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 4.2.
    """
    return judge_images(fleet, subject, TRUSTED)


def foreign_images(images: tuple[UsedImage, ...], policy: Benchmark, now: datetime) -> Iterator[Wrong]:
    """A Wrong for each image that the inventory does not name."""
    if policy.registries is None:
        raise NotApplicable("no images are named that may run (`benchmark: {registries: […]}`)")
    for image in images:
        if not is_listed(image.name, policy.registries):
            why = "an image of a stranger is a program of a stranger"
            yield Wrong(
                f"{image} is none of the images that may run", "an image of `registries`", why, about=image.name
            )


TRUSTED: dict[str, Check] = {"4.2": foreign_images}


def are_recent(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Containers use images that are no older than the inventory says.

    What an image brings gets older every day, and its holes get known. By the day on which each was built, against
    `benchmark: {image_age: DAYS}`; does not apply without that line. A warning, unless enforced. Unknown for an image
    that does not say when it was built.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 4.4.
    """
    return judge_images(fleet, subject, RECENT)


def old_images(images: tuple[UsedImage, ...], policy: Benchmark, now: datetime) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each image that is too old."""
    if policy.image_age is None:
        raise NotApplicable("no age of images is named (`benchmark: {image_age: …}`)")
    for image, seen in seen_images(images):
        if isinstance(seen, Unobservable):
            yield seen
        elif seen.created is None:
            yield Unobservable(f"{image.name} does not say when it was built", hint="attest 4.4 for it")
        elif now - seen.created > timedelta(days=policy.image_age):
            saw = f"{image} was built {(now - seen.created).days} days ago"
            yield Wrong(saw, f"{policy.image_age} days at most", "its holes get known", about=image.name)


def seen_images(images: Iterable[UsedImage]) -> Iterator[tuple[UsedImage, Image | Unobservable]]:
    """Each image with what was seen of it."""
    for image in images:
        try:
            yield image, image.seen
        except Unobservable as why:
            yield image, why


RECENT: dict[str, Check] = {"4.4": old_images}


def are_built_well(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Images have no secrets built in; those that are built here are built without ADD, and without old package lists.

    Every layer can be read by whoever has the image. Names of variables that look like a secret's, with a value (of
    ENV, ARG, or in a command), and addresses with a password are looked for in the history of each image that a
    container uses, and in its configuration; values are never kept. A list of packages that is updated in a step of
    its own, and ADD, are looked for in images of `built_images` alone: nobody else can change the others. The archive
    that an image begins with, and the steps of an image that is here too, are its base's. Set-uid files are looked
    for, in running containers, only where `benchmark: {look_for_setuid: true}` and level 2 ask for it. Warnings,
    unless enforced. Unknown where the engine tells no history.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 4.7 to 4.10.
    """
    return judge_images(fleet, subject, BUILT)


def seen_notes(images: Iterable[UsedImage]) -> Iterator[tuple[UsedImage, BuildNotes | Unobservable]]:
    """Each image with the notes about its build, or why there are none."""
    for image, seen in seen_images(images):
        notes = seen.notes if isinstance(seen, Image) else seen
        if isinstance(notes, Unobservable) and isinstance(seen, Image):
            notes = replace(notes, why=f"{image.name}: {notes.why}")
        yield image, notes


def built_here(images: tuple[UsedImage, ...], policy: Benchmark) -> list[UsedImage]:
    """The images that are built here. Raises NotApplicable without any."""
    built = [image for image in images if is_listed(image.name, policy.built_images)]
    if not built:
        raise NotApplicable("none of the images here is named as built here (`benchmark: {built_images: […]}`)")
    return built


def old_package_lists(
    images: tuple[UsedImage, ...], policy: Benchmark, now: datetime
) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each image with a step that only updates a list of packages."""
    for image, notes in seen_notes(built_here(images, policy)):
        if isinstance(notes, Unobservable):
            yield notes
        elif notes.updates:
            saw = f"a step of {image} runs an update of {', '.join(notes.updates)} and installs nothing"
            yield Wrong(saw, "the update in the step that installs", WHY_UPDATE, about=image.name)


def added_files(images: tuple[UsedImage, ...], policy: Benchmark, now: datetime) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each image with a step that adds files."""
    for image, notes in seen_notes(built_here(images, policy)):
        if isinstance(notes, Unobservable):
            yield notes
        elif notes.added:
            saw = f"ADD put something into {image}: {first_names(notes.added)}"
            yield Wrong(saw, "COPY", WHY_ADD, "the step may be its base image's", about=image.name)


def secrets_in_images(
    images: tuple[UsedImage, ...], policy: Benchmark, now: datetime
) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each image whose build set a variable that looks like a secret."""
    for image, notes in seen_notes(images):
        if isinstance(notes, Unobservable):
            yield notes
        elif notes.secrets:
            saw = f"the build of {image} set {first_names(notes.secrets)}"
            yield Wrong(saw, "no secret in an image", WHY_BUILT_IN, HINT_BUILT_IN, about=image.name)


def setuid_files(images: tuple[UsedImage, ...], policy: Benchmark, now: datetime) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each image with set-uid files that the inventory does not name."""
    if not policy.look_for_setuid:
        raise NotApplicable("set-uid files are not looked for (`benchmark: {look_for_setuid: true}`)")
    for image, seen in seen_images(images):
        files = seen.setuid if isinstance(seen, Image) else None
        if files is None:
            yield Unobservable(f"{image.name}: no running container shows its files to this account")
        elif more := sorted(set(files) - set(policy.setuid_files)):
            saw = f"{image} has set-uid files: {first_names(tuple(more))}"
            yield Wrong(saw, "none but `setuid_files`", WHY_SETUID, about=image.name)


def first_names(names: tuple[str, ...]) -> str:
    """The first names of some, and how many more there are.

    >>> first_names(tuple("abcdefg"))
    'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


BUILT: dict[str, Check] = {
    "4.7": old_package_lists,
    "4.8": setuid_files,
    "4.9": added_files,
    "4.10": secrets_in_images,
}
PERSON = "what an image is made of is decided where it is built"
RULES: tuple[Rule, ...] = (
    Rule("images", are_trusted, each_node, (Containers, Facts), PERSON, in_editions(*TRUSTED)),
    Rule("images", are_recent, each_node, (Containers, Facts), PERSON, in_editions(*RECENT)),
    Rule("images", are_built_well, each_node, (Containers, Facts), PERSON, in_editions(*BUILT)),
)
