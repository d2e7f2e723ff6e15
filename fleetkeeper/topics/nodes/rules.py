"""The rule about the nodes themselves: they answer, our account has its rights, and the clock is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject, each_node
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.nodes.facts import Facts
from fleetkeeper.topics.nodes.observe import clock_tolerance, too_wide
from fleetkeeper.transport.commands import START_DOCKER, Unobservable

if TYPE_CHECKING:
    pass


def can_be_looked_at(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The node and its Docker engine answer, our account has the rights it should have, and the clock is right.

    A node that cannot be asked hides everything else that is wrong with it, and a wrong clock makes every age wrong:
    backups look fresh, certificates valid. The clock is compared with ours around one round trip; only a difference
    that lies wholly outside the tolerance (section `clock`, 5 s by default) counts. An engine that is installed, has
    been used and was not disabled should answer: while it does not, what runs in containers is unknown.
    """
    node = fleet.inventory.nodes[subject.name]
    facts = fleet.of(node.name, Facts)
    yield from judged_engine(facts, node.name)
    yield from judged_rights(facts, node)
    yield from judged_clock(facts, node.name, clock_tolerance(fleet.inventory))


def judged_engine(facts: Facts, node: str) -> Iterator[Finding | Unobservable]:
    """A finding where the node's Docker engine does not answer; an Unobservable where no answer came in time.

    Nothing where it does, or there is none.
    """
    if isinstance(facts.silent, Unobservable):
        yield replace(facts.silent, node=node)
    elif facts.silent:
        yield Finding(
            saw=f"its Docker engine does not answer: {facts.silent}",
            want="an engine that answers",
            why="what should run in containers there may not, and nothing of it can be seen",
            node=node,
            hint=START_DOCKER,
        )


def judged_rights(facts: Facts, node: Node) -> Iterator[Finding | Unobservable]:
    """A finding where sudo gives another user than root; an Unobservable where it gave none, or that was not seen.

    Without `sudo` in the inventory there is no finding.
    """
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
    """A finding where the clock is certainly off by more than `allowed` seconds.

    An Unobservable where the round trip was too slow to tell; nothing where the clock may be right.
    """
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
    """A number of seconds in words: in hours or minutes from two of them on, else in seconds.

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
