"""How a node is asked for our account's rights, its name, its time and its time zone."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Clock, Node
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.looking.observer import Look
from fleetkeeper.readers.docker.inspection import inspect_containers, why_engine_is_silent
from fleetkeeper.topics.nodes.facts import Facts
from fleetkeeper.topics.nodes.parse import clock_skew, printed_number, read_clock, timezone_name
from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.transport.commands import Command

CLOCK = Command(("date", "+%s.%N %z"))
HOSTNAME = Command(("uname", "-n"))
WHO = Command(("id", "-u"))
WHO_AS_ROOT = Command(("id", "-u"), sudo=True)
TIMEZONE = Command(("sh", "-c", "cat /etc/timezone 2>/dev/null || readlink -f /etc/localtime", "time zone"))


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip, or two.

    The time is asked once more, alone, when the first one was too slow to judge it. What the topic `containers` asks of
    the engine is asked here too, and so only once: it shows whether the engine answers. Raises Unobservable when `date`
    or `uname` printed nothing of use; missing rights are in the facts. A generator: yields commands, receives their
    outputs, returns the facts.
    """
    clock, hostname, who, root, zone, engine = yield [
        CLOCK,
        HOSTNAME,
        WHO,
        WHO_AS_ROOT,
        TIMEZONE,
        inspect_containers(),
    ]
    ahead, uncertainty = clock_skew(clock)
    if too_wide(uncertainty, clock_tolerance(inventory)):
        [clock] = yield [CLOCK]
        ahead, uncertainty = min(clock_skew(clock), (ahead, uncertainty), key=lambda guess: guess[1])
    return Facts(
        ahead=ahead,
        uncertainty=uncertainty,
        hostname=hostname.text().strip(),
        timezone=timezone_name(zone),
        utc_offset=read_clock(clock.text())[2],
        uid=printed_number(who),
        root_uid=printed_number(root),
        silent=or_why(lambda: why_engine_is_silent(engine)),
    )


def clock_tolerance(inventory: Inventory) -> float:
    """Seconds by which a clock may be off: `within` in the section `clock` of the inventory, else 5."""
    clock = getattr(inventory, "clock", None)
    return (clock if isinstance(clock, Clock) else Clock()).within.total_seconds()


def too_wide(uncertainty: float, allowed: float) -> bool:
    """Whether the uncertainty (seconds) of a clock is more than half of the allowed difference (seconds)."""
    return uncertainty > allowed / 2


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about the node itself."""
    yield WHO_AS_ROOT.words
