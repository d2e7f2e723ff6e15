"""How the promises of the CIS Docker Benchmark about containers are judged: each check on each, folded by service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import LEVEL_2, in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import LEVEL, Wrong, finding_of_part
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Container, Facts, Settings
from fleetkeeper.topics.containers.rules.privileges import ended_task
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Member:
    """One container that is judged, and the name of its service by which waivers and policies know it."""

    container: Container
    service: str

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a line of policy may give it."""
        return (self.service, *placement.container_names(self.container, ""))


ContainerCheck = Callable[[Member, Benchmark], Iterable[Wrong]]
ContainerChecks = Mapping[str, ContainerCheck]
"""The checks of a promise by their number in 1.8. What a Wrong saw is said without the container's name.

A check raises NotApplicable where no policy asks for it, Unobservable where something of the container was not seen.
"""
SHOWN = 3


def judge_containers(fleet: Fleet, subject: Subject, checks: ContainerChecks) -> Iterator[Finding | Part]:
    """A finding for what each check finds wrong in the containers of a node, once for each service.

    A Part for each check that does not apply, and for each container of which it could not see what it needs.
    Containers that do not run are judged too, since they can be started; ended tasks of a swarm and our own drills are
    not. Raises NotApplicable without Docker, and where the inventory does without the benchmark; Unobservable where the
    containers were not seen.
    """
    policy = require_policy(fleet.inventory.benchmark)
    members = judged_members(fleet, subject.name)
    for number, check in checks.items():
        if number in LEVEL_2 and policy.level < 2:
            yield Part(in_editions(number), LEVEL, subject.name)
        else:
            yield from judge_members(members, number, check, policy, subject.name)


def judged_members(fleet: Fleet, node: str) -> list[Member]:
    """The containers of a node that are judged.

    Raises NotApplicable without Docker, Unobservable where the containers were not seen.
    """
    facts = fleet.of(node, Facts)
    if facts.docker == "absent":
        raise NotApplicable("no Docker on this node")
    return [
        Member(container, placement.declared_service(fleet, container) or container.service)
        for container in facts.containers
        if not ended_task(container) and not container.drill
    ]


@dataclass
class Judged:
    """What one check says of the containers of a node: what is wrong with which, what was not seen, what not asked."""

    wrong: dict[tuple[str, Wrong], list[str]] = field(default_factory=dict)
    unseen: list[Unobservable] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)

    def take(self, member: Member, check: ContainerCheck, policy: Benchmark) -> None:
        """Keep what the check says of one container."""
        try:
            for wrong in check(member, policy):
                self.wrong.setdefault((member.service, wrong), []).append(member.container.name)
        except NotApplicable as why:
            self.not_asked.append(str(why))
        except Unobservable as why:
            self.unseen.append(replace(why, why=f"{member.container.name}: {why.why}"))


def judge_members(
    members: list[Member], number: str, check: ContainerCheck, policy: Benchmark, node: str
) -> Iterator[Finding | Part]:
    """What one check says of some containers: findings, each of a service, and Parts."""
    ids, judged = in_editions(number), Judged()
    for member in members:
        judged.take(member, check, policy)
    for (service, wrong), names in judged.wrong.items():
        whose = replace(wrong, saw=f"{names_in_words(names)} {wrong.saw}", about=service)
        yield finding_of_part(whose, ids, node)
    for why in judged.unseen:
        yield Part(ids, replace(why, node=node), node)
    if members and len(judged.not_asked) == len(members):
        yield Part(ids, judged.not_asked[0], node)


def names_in_words(names: list[str]) -> str:
    """The names of some containers of a service, the first three of them.

    >>> names_in_words(["web.1"]), names_in_words(["web.1", "web.2", "web.3", "web.4"])
    ('web.1', 'web.1, web.2, web.3 and 1 more: each')
    """
    if len(names) == 1:
        return names[0]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}: each"


def settings_of(container: Container) -> Settings:
    """What a container was made with. Raises Unobservable in a look of before that was kept."""
    if container.settings is None:
        raise Unobservable("what it was made with is not in this look", hint="look again")
    return container.settings


def policy_for(member: Member, lines: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """What some lines of policy say of a container, by any of its names; None where they say nothing."""
    return next((lines[name] for name in member.names if name in lines), None)
