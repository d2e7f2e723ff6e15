"""The rule that nothing else removes dumps: two retentions together keep less than either means to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import service_of
from fleetkeeper.topics.schedules.facts import Deleter, Facts
from fleetkeeper.transport.commands import Unobservable


def only_one_thing_deletes(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Nothing else that is scheduled removes files in the directory of the dumps.

    A `find … -delete` or a cleaning command in the container keeps by rules of its own: together with `keep` less stays
    than either means to, and what was proven may be gone. A warning; while it stands, thinning removes nothing. Looked
    for in the lines, scripts and timers of every node. A node whose schedules or containers were not seen is unknown.
    Source: docs/runbook.md, "Where backups are kept".
    """
    for node in fleet.inventory.nodes:
        try:
            for deleter in deleters_on(fleet, node):
                yield Finding(
                    saw=f"{deleter.where} removes dumps, too, with `{deleter.program}`",
                    want="one thing that removes dumps",
                    why="two rules together keep less than either of them means to",
                    node=node,
                    about=deleter.where,
                    severity="warning",
                    hint="take it out of the schedule; while it is there, fleetkeeper thins nothing",
                )
        except Unobservable as why:
            yield replace(why, node=node)


def deleters_on(fleet: Fleet, node: str) -> Iterator[Deleter]:
    """What is scheduled on a node and removes dumps: on the node itself, or in a container of the database's service.

    Raises Unobservable where the node's schedules were not seen; after the last one that is known, where its containers
    were not, or where the container of one is not known.
    """
    service = service_of(fleet, fleet.inventory.section(Policy).service).name
    deleters = fleet.of(node, Facts).deleters
    yield from (deleter for deleter in deleters if deleter.target is None)
    running = fleet.of(node, Containers).containers
    unknown: Unobservable | None = None
    for deleter in deleters:
        try:
            containers = resolve_target(deleter.target, running) if deleter.target else []
        except Unobservable as why:
            unknown = why
            continue
        if any(container.belongs_to(service) for container in containers):
            yield deleter
    if unknown:
        raise unknown


def other_deleters(fleet: Fleet) -> list[tuple[str, Deleter]]:
    """Everything seen on any node that removes dumps, with its node.

    What could not be seen is left out without a word: that there is none else is not proven.
    """
    known: list[tuple[str, Deleter]] = []
    for node in fleet.inventory.nodes:
        with suppress(Unobservable):
            for deleter in deleters_on(fleet, node):
                known.append((node, deleter))
    return known
