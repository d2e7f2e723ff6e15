"""Facts from the output of the script that looks at images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from fleetkeeper.readers.docker.build_steps import BuildNotes, BuildStep, build_notes, history_step
from fleetkeeper.readers.json_documents import Json, json_document, part, text_in, texts
from fleetkeeper.readers.output_pieces import Piece, pieces_of
from fleetkeeper.topics.images.facts import Facts, Image
from fleetkeeper.transport.commands import Unobservable

IMAGE_ID = re.compile(r"sha256:([0-9a-f]{64})")
UNSAID = "?"
"""What the script prints for a value that may be a secret, and for a search that took too long."""
ADDRESS = "?address"
"""What it prints for an address with a password."""
FIRST_YEAR = 2013
"""Docker's first: an image that says an earlier one was built without a date."""
NO_HISTORY = Unobservable("how it was built is not told: the engine gave no history of it")


def parse_images(printed: str) -> Facts:
    """The facts of a node whose containers use images. Raises Unobservable when the output is cut short, or makes none.

    What one part cannot show is Unobservable in its own field.
    """
    pieces = list(pieces_of(printed, "the look at images"))
    inspected = json_document(next(piece.text for piece in pieces if piece.name == "images"), "`docker image inspect`")
    if not isinstance(inspected, list) or not all(isinstance(item, dict) for item in inspected):
        raise Unobservable("`docker image inspect` printed no list of images")
    histories = {piece.word: steps_of_history(piece) for piece in pieces if piece.name == "history"}
    setuid = {
        piece.word: tuple(line for line in piece.lines if line)
        for piece in pieces
        if piece.name == "setuid" and UNSAID not in piece.lines
    }
    layers = {text_in(item, "Id").removeprefix("sha256:"): texts(part(item, "RootFS"), "Layers") for item in inspected}
    return Facts("present", tuple(parse_image(item, histories, layers, setuid) for item in inspected))


def parse_image(
    inspected: Json,
    histories: Mapping[str, tuple[BuildStep, ...] | Unobservable],
    layers: Mapping[str, tuple[str, ...]],
    setuid: Mapping[str, tuple[str, ...]],
) -> Image:
    """One image, from its object in the output of `docker image inspect`. Raises Unobservable for what is none."""
    config, name = part(inspected, "Config"), text_in(inspected, "Id")
    key = name.removeprefix("sha256:")
    return Image(
        id=name,
        names=(*texts(inspected, "RepoTags"), *texts(inspected, "RepoDigests")),
        created=parse_created(text_in(inspected, "Created")),
        notes=notes_of(key, config, histories, layers),
        setuid=setuid.get(key),
    )


def notes_of(
    key: str,
    config: Json,
    histories: Mapping[str, tuple[BuildStep, ...] | Unobservable],
    layers: Mapping[str, tuple[str, ...]],
) -> BuildNotes | Unobservable:
    """What is told of the build of one image; of steps that another image here is made of, only their secrets.

    Secrets are looked for in its configuration too, since not every builder writes a history.
    """
    steps = histories.get(key, NO_HISTORY)
    if isinstance(steps, Unobservable):
        return steps
    beneath = max((len(steps_below(steps, histories[other])) for other in bases_of(key, layers, histories)), default=0)
    own = build_notes(steps[beneath:], is_history=beneath == 0)
    settings = BuildStep("ENV", " ".join(f"{name}=value" for name in env_names(config)))
    written = (*build_notes(steps, is_history=True).secrets, *build_notes([settings], is_history=False).secrets)
    secrets = (*written, *(f"a password in {name}" for name in env_names(config, ADDRESS)))
    return BuildNotes(own.updates, own.added, tuple(dict.fromkeys(secrets)))


def env_names(config: Json, taken: str = UNSAID) -> Iterable[str]:
    """The names in the environment of an image whose values were taken out for this reason; others are harmless."""
    for text in texts(config, "Env"):
        name, _, value = text.partition("=")
        if value == taken:
            yield name


def bases_of(key: str, layers: Mapping[str, tuple[str, ...]], histories: Mapping[str, Any]) -> Iterable[str]:
    """The other images whose layers are the first ones of this image."""
    own = layers.get(key, ())
    for other, theirs in layers.items():
        if theirs and len(theirs) < len(own) and own[: len(theirs)] == theirs and other in histories:
            yield other


def steps_below(steps: tuple[BuildStep, ...], base: tuple[BuildStep, ...] | Unobservable) -> tuple[BuildStep, ...]:
    """The steps of the base, where they are the first ones; else none."""
    return base if not isinstance(base, Unobservable) and steps[: len(base)] == base else ()


def steps_of_history(piece: Piece) -> tuple[BuildStep, ...] | Unobservable:
    """The steps of a history, oldest first; an Unobservable where it is longer than what is read, or makes no sense."""
    try:
        written = [json_document(line, "`docker history`") for line in piece.lines if line]
    except Unobservable:
        return Unobservable("how it was built is not told: its history is too long, or not what Docker prints")
    if not all(isinstance(text, str) for text in written):
        return Unobservable("how it was built is not told: its history is not what Docker prints")
    return tuple(history_step(text) for text in reversed(written))


def parse_created(written: str) -> datetime | None:
    """When an image was built; None where it does not say.

    >>> parse_created("2026-01-02T03:04:05.678Z"), parse_created("0001-01-01T00:00:00Z"), parse_created("")
    (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), None, None)
    """
    try:
        moment = datetime.fromisoformat(written[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if moment.year >= FIRST_YEAR else None
