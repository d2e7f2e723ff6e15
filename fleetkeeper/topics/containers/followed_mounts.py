"""Where on the node the mounts of containers lead: behind links, and behind the options of local volumes.

`docker inspect` has a mount as it was written. A link leads elsewhere, a local volume may bind any directory of the
node or mount a disk of it (`type=none,o=bind,device=/etc`), and an engine's socket may have any name. Sources:
https://docs.docker.com/engine/storage/volumes/; readlink(1); unix(7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.docker.inspection import inspection_json
from fleetkeeper.readers.output_pieces import pieces_of
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

FOLLOW_MOUNTS = "fleetkeeper/topics/containers/scripts/follow_mounts.sh"
MOST_PATHS = 2000
"""How many paths are followed on one node; what is beyond them is unknown."""
HIDDEN = Unobservable("where {} leads could not be seen", hint="set `sudo: true`, or `audit`")


def follow_mounts(paths: Iterable[str]) -> Command:
    """The command that prints what local volumes bind, and where these paths and theirs lead."""
    return Command(("sh", "-c", load_script(FOLLOW_MOUNTS), "following mounts", *paths), sudo=True)


def is_followed(mount: Mount) -> bool:
    """Whether the source of a mount may lead elsewhere: of a bind mount, or of a volume of a foreign driver."""
    return mount.source.startswith("/") and (mount.type == "bind" or is_foreign(mount))


def is_local(mount: Mount) -> bool:
    """Whether it is a volume of Docker's own driver, whose options say what it binds."""
    return mount.type == "volume" and mount.driver in ("", "local")


def is_foreign(mount: Mount) -> bool:
    """Whether it is a volume of another driver, which may show any directory of the node."""
    return mount.type == "volume" and not is_local(mount)


def paths_to_follow(containers: Iterable[Container]) -> list[str] | None:
    """The sources that may lead elsewhere, each once, sorted; None where nothing is to be asked, volumes neither."""
    mounts = [mount for container in containers for mount in container.mounts]
    paths = sorted({mount.source for mount in mounts if is_followed(mount) and "\n" not in mount.source})
    return paths[:MOST_PATHS] if paths or any(map(is_local, mounts)) else None


@dataclass
class MountTargets:
    """What a node said of mounts: real paths, those with an engine's socket, and what volumes bind, by their names.

    A value is None where it could not be seen. `volumes_seen`: all local volumes were listed.
    """

    real: dict[str, str | None] = field(default_factory=dict)
    engine: set[str] = field(default_factory=set)
    bound: dict[str, str | None] = field(default_factory=dict)
    volumes_seen: bool = True

    def followed(self, mount: Mount) -> Mount:
        """A mount with what it really shows."""
        bound = self.bound.get(mount.name, "") if is_local(mount) else ""
        path = bound or (mount.source if is_followed(mount) else "")
        real = self.real.get(path) if path else ""
        unseen = bound is None or real is None or (is_local(mount) and not self.volumes_seen)
        return replace(
            mount,
            bound=bound or "",
            real=real if real and real != path else "",
            engine=path in self.engine,
            unfollowed=replace(HIDDEN, why=HIDDEN.why.format(path or mount.name)) if unseen else None,
        )


def parse_targets(printed: str) -> MountTargets:
    """What the script printed of mounts. Raises Unobservable where it is cut short.

    >>> targets = parse_targets("=volume x bound\\n /srv/link\\n=mount plain\\n /srv/link\\n /etc\\n=end\\n")
    >>> targets.followed(Mount("volume", "/var/lib/docker/volumes/x/_data", "/x", "x", "local")).real
    '/etc'
    """
    targets = MountTargets()
    for piece in pieces_of(printed, "the look at mounts"):
        path = piece.lines[0] if piece.lines else ""
        if piece.name == "volumes":
            targets.volumes_seen = False
        elif piece.name == "volume":
            targets.bound[piece.word] = path if piece.words[1:] == ("bound",) else None
        elif piece.name == "mount":
            targets.real[path] = None if piece.word == "hidden" else "".join(piece.lines[1:2])
            targets.engine |= {path} if piece.word == "engine" else set()
    return targets


def with_targets(containers: Iterable[Container], answer: Output) -> tuple[Container, ...]:
    """The containers with what their mounts really show; with the reason in each mount where that was not seen."""
    try:
        targets = parse_targets(inspection_json(answer))
    except Unobservable as why:
        return tuple(
            replace(
                container,
                mounts=tuple(
                    replace(mount, unfollowed=why) if is_followed(mount) or is_local(mount) else mount
                    for mount in container.mounts
                ),
            )
            for container in containers
        )
    return tuple(replace(container, mounts=tuple(map(targets.followed, container.mounts))) for container in containers)
