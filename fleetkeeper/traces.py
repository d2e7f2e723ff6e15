"""The topic `leave`: traces of fleetkeeper on a node. Observed on request only, by `remediate leave`.

Traces are the directory where old content and records are kept, for root only, lines of ours in crontabs, a hook of
certbot, and marks on services whose user was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

KEPT = "/var/lib/fleetkeeper"
"""The directory on a node where old content and records are kept, for root only."""
SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron")

FIND_TRACES = "fleetkeeper/scripts/find_traces.sh"


@dataclass(frozen=True)
class Facts:
    """The traces of fleetkeeper on one node.

    `kept`: the size of our directory in bytes, None when there is none. `marked`: users whose crontabs hold our marks,
    as (user, SHA-256 of the output of `crontab -l`). `unseen`: what could not be read. `hooks`: paths of certbot's
    hooks with our name. On a manager, `services` bear our mark, and `settings` still have our update settings after a
    killed change.
    """

    topic: ClassVar[str] = "leave"
    kept: int | None = None
    marked: tuple[tuple[str, str], ...] = ()
    unseen: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def observe(node: Node, inventory: Inventory) -> Look:
    """The traces on one node, found by one constant script whose arguments are the paths.

    Raises Unobservable when it could not be run, or was cut short.
    """
    [answer] = yield [traces()]
    return parse(answer.text())


def traces(kept: str = KEPT, spools: tuple[str, ...] = SPOOLS) -> Command:
    """The command (as root) that lists the traces.

    `kept` is the path of our directory, `spools` are the folders of users' crontabs.
    """
    return Command(("sh", "-c", load_script(FIND_TRACES), "looking for traces", kept, *spools), sudo=True)


def parse(printed: str) -> Facts:
    """The facts in the script's output. Raises Unobservable when its last line is missing.

    `kept` is in bytes, None where there is no such directory; of a user's marks the last counts.

    >>> parse("kept 12\\nmarks 4f2a root\\nend\\n")
    Facts(kept=12288, marked=(('root', '4f2a'),), unseen=(), hooks=(), services=(), settings=())
    """
    rows = printed.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the look for traces was cut short")
    lines = [row.partition(" ")[::2] for row in rows[:-2]]
    return Facts(
        kept=next((int(rest) * 1024 for key, rest in lines if key == "kept"), None),
        marked=tuple(dict(rest.split(" ", 1)[::-1] for key, rest in lines if key == "marks").items()),
        unseen=tuple(rest for key, rest in lines if key == "unseen"),
        hooks=tuple(rest for key, rest in lines if key == "hook"),
        services=tuple(rest for key, rest in lines if key == "service"),
        settings=tuple(rest for key, rest in lines if key == "settings"),
    )


def root_questions() -> Iterator[RootQuestion]:
    """The words of the one command that this topic runs as root."""
    yield traces().words
