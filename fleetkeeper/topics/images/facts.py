"""What was seen of the images that the containers of one node use.

Of how an image was built only words that rules read are kept: no value of a variable, and no command.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from fleetkeeper.readers.docker.build_steps import NO_NOTES, BuildNotes
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Image:
    """One image. `id` is what containers name it by, `names` are its tags and digests.

    `created` is when it was built, None where it does not say: builds that can be repeated leave it out. `notes` are
    about its build. `setuid` are the files with set-uid or set-gid in a container of it, None where none were looked
    for.
    """

    id: str
    names: tuple[str, ...] = ()
    created: datetime | None = None
    notes: BuildNotes | Unobservable = NO_NOTES
    setuid: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Facts:
    """The images that containers of one node use. `docker` is "absent" where there is no engine."""

    topic: ClassVar[str] = "images"
    docker: Literal["present", "absent"]
    images: tuple[Image, ...] = ()
