"""The machines themselves: can they be asked, with the rights we are meant to have, and is their clock right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from fleetkeeper.inventory.schema import Clock, Node
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rules import Rule, Subject, each_node
from fleetkeeper.looking.facts import Clock as NodeClock
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.looking.observer import Observer
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.transport.commands import Command, Output, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

CLOCK = Command(("date", "+%s.%N %z"))
HOSTNAME = Command(("uname", "-n"))
WHO = Command(("id", "-u"))
WHO_AS_ROOT = Command(("id", "-u"), sudo=True)
TIMEZONE = Command(("sh", "-c", "cat /etc/timezone 2>/dev/null || readlink -f /etc/localtime", "time zone"))


@dataclass(frozen=True)
class Facts(NodeClock):
    """One node.

    `ahead` is how many seconds its clock is ahead of ours, at best guess; the truth lies within ± `uncertainty` seconds
    (half of the round trip). `timezone` is its name (America/Toronto) or empty, `utc_offset` in seconds east of UTC.
    `uid` is who we are there, and `root_uid` who our sudo makes us (or why it does not).
    """

    topic: ClassVar[str] = "nodes"
    ahead: float
    uncertainty: float
    hostname: str
    timezone: str
    utc_offset: int
    uid: int | Unobservable
    root_uid: int | Unobservable


def observe(node: Node, inventory: Inventory) -> Look:
    """Ask who and where we are; ask for the time once more, alone, when the first round trip was too slow to tell."""
    clock, hostname, who, root, zone = yield [CLOCK, HOSTNAME, WHO, WHO_AS_ROOT, TIMEZONE]
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
    )


def clock_tolerance(inventory: Inventory) -> float:
    """Seconds that a clock may be off: section `clock` of the inventory, else 5."""
    clock = getattr(inventory, "clock", None)
    return (clock if isinstance(clock, Clock) else Clock()).within.total_seconds()


def too_wide(uncertainty: float, allowed: float) -> bool:
    """Whether a round trip was so slow that it says little about the clock."""
    return uncertainty > allowed / 2


def clock_skew(clock: Output) -> tuple[float, float]:
    """How far a node's clock is ahead of ours, and how unsure that is, in seconds.

    The node read its clock at some moment between our sending the question and receiving the answer.
    """
    seconds, resolution, _ = read_clock(clock.text())
    least, most = seconds - clock.received, seconds + resolution - clock.sent
    return (least + most) / 2, (most - least) / 2


def read_clock(printed: str) -> tuple[float, float, int]:
    """Epoch seconds, their resolution in seconds, and the offset from UTC in seconds.

    >>> read_clock("1764000000.250000000 -0500")
    (1764000000.25, 0.0, -18000)

    BusyBox may not know %N:

    >>> read_clock("1764000000.%N +0530"), read_clock("1764000000. +0000")
    ((1764000000.0, 1.0, 19800), (1764000000.0, 1.0, 0))
    """
    read = re.fullmatch(r"(\d{1,12})\.(?:(\d{1,9})|%?N?) ([+-])(\d\d)(\d\d)\s*", printed, re.ASCII)
    if not read:
        raise Unobservable(f"`date` printed {printed[:60]!r}, which is not a time")
    whole, fraction, sign, hours, minutes = read.groups()
    offset = (int(hours) * 60 + int(minutes)) * 60
    return float(f"{whole}.{fraction or 0}"), 0.0 if fraction else 1.0, -offset if sign == "-" else offset


def timezone_name(answer: Output) -> str:
    """The name of the node's time zone, or empty when it has none that we can name.

    >>> timezone_name(Output(0, b"America/Toronto\\n")), timezone_name(Output(0, b"/usr/share/zoneinfo/Etc/UTC\\n"))
    ('America/Toronto', 'Etc/UTC')
    """
    named = answer.out.decode("ascii", "replace").strip().rpartition("zoneinfo/")[2] if answer.rc == 0 else ""
    return named if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", named) else ""


def printed_number(answer: Output) -> int | Unobservable:
    """The number that was printed, or why there is none."""
    try:
        return whole_number(answer.text().strip())
    except Unobservable as why:
        return why


def can_be_looked_at(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The node answers, gives the rights the inventory says it gives, and its clock is right.

    A node that cannot be asked hides everything else that is wrong with it, and a wrong clock makes every age wrong:
    backups look fresh, certificates valid. The clock is compared with ours around one round trip; only a difference
    that lies wholly outside the tolerance (section `clock`, 5 s by default) counts.
    """
    node = fleet.inventory.nodes[subject.name]
    facts = fleet.of(node.name, Facts)
    yield from judged_rights(facts, node)
    yield from judged_clock(facts, node.name, clock_tolerance(fleet.inventory))


def judged_rights(facts: Facts, node: Node) -> Iterator[Finding | Unobservable]:
    if isinstance(facts.root_uid, Unobservable):
        yield replace(facts.root_uid, node=node.name)
    elif node.sudo and facts.root_uid != 0:
        yield Finding(
            saw=f"sudo makes us user id {facts.root_uid}",
            want=f"user id 0, since the inventory says `sudo: {str(node.sudo).lower()}`",
            why="what only root may read stays unknown",
            node=node.name,
            hint="look at `sudo -l` on the node, or set `sudo: false`",
        )


def judged_clock(facts: Facts, node: str, allowed: float) -> Iterator[Finding | Unobservable]:
    least, most = facts.ahead - facts.uncertainty, facts.ahead + facts.uncertainty
    if least > allowed or most < -allowed:
        yield Finding(
            saw=f"its clock is {span_in_words(abs(facts.ahead))} {'ahead of' if facts.ahead > 0 else 'behind'} ours",
            want=f"within {allowed:g} s",
            why="ages of backups and certificates, and the hours of scheduled jobs, are wrong by as much",
            node=node,
            hint="start time synchronisation on the node (systemd-timesyncd or chrony), and check the clock here too",
        )
    elif (least < -allowed or most > allowed) and too_wide(facts.uncertainty, allowed):
        yield Unobservable(
            f"the answer took {span_in_words(2 * facts.uncertainty)}: "
            f"too long to see if the clock is within {allowed:g} s",
            hint="look again when the node or the connection is less busy",
            node=node,
        )


def span_in_words(seconds: float) -> str:
    """A span for people.

    >>> span_in_words(7.26), span_in_words(600), span_in_words(90000)
    ('7.3 s', '10 min', '25 h')
    """
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


RULES: tuple[Rule, ...] = (
    Rule(
        topic="nodes",
        judge=can_be_looked_at,
        each=each_node,
        looks_at=(Facts,),
        person="only a person can mend a connection, a right or a clock: every other remedy stands on them",
    ),
)

TOPIC = Topic("nodes", observers=(Observer(Facts, observe),), rules=RULES)
