"""How a node's way of delivering cron's mail is looked at: one script. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fleetkeeper.errors import NotApplicable
from fleetkeeper.topics.mail.policy import Policy
from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

FIND_MAILER = "fleetkeeper/topics/mail/scripts/find_mailer.sh"


@dataclass(frozen=True)
class Facts:
    """One node. `sendmail` is the program behind /usr/sbin/sendmail, empty without one.

    `installed`, `configured` and `running` are names of mailers that the script knows; `listening`: a process listens
    on port 25; `hidden`: processes of other users cannot be seen (hidepid).
    """

    topic: ClassVar[str] = "mail"
    sendmail: str = ""
    installed: tuple[str, ...] = ()
    configured: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    listening: bool = False
    hidden: bool = False


def find_mailer() -> Command:
    """The command that prints which mailers are installed, configured and running on a node, for `parse`."""
    return Command(("sh", "-c", load_script(FIND_MAILER), "looking for a mailer"), sudo=True)


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about mail."""
    yield find_mailer().words


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip. Raises NotApplicable where the inventory does not ask for mail on this node.

    A generator: yields the command, receives its output. Raises Unobservable when that failed or was cut short.
    """
    if node.name in inventory.section(Policy).without:
        raise NotApplicable(inventory.section(Policy).without[node.name])
    [answer] = yield [find_mailer()]
    return parse(answer.text())


def parse(printed: str) -> Facts:
    """The facts from the output of the script. Raises Unobservable when it is cut short.

    The first `sendmail` counts; empty values where nothing of a kind was printed.

    >>> parse("sendmail /usr/sbin/sendmail\\ninstalled postfix\\nrunning postfix\\nend\\n").running
    ('postfix',)
    """
    rows = printed.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the look for a mailer was cut short")
    said = [row.partition(" ")[::2] for row in rows[:-2]]

    def named(key: str) -> tuple[str, ...]:
        """The rests of the lines that begin with a word, each once."""
        return tuple(dict.fromkeys(rest for word, rest in said if word == key))

    sendmail, heard, hidden = ("".join(named("sendmail")[:1]), bool(named("listening")), bool(named("hidden")))
    return Facts(sendmail, named("installed"), named("configured"), named("running"), heard, hidden)
