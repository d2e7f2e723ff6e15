"""The rule that a program in the container of a service sees the GPU, judged by the checks in their record."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.database.facts import Drill
from fleetkeeper.topics.backups.dump_times import EARLY
from fleetkeeper.topics.backups.rules.drills import show_age
from fleetkeeper.topics.gpus.check_record import NO_CHECK, Facts
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

RUN_IT = "`remediate gpus check` runs the command in the containers of each service that needs a GPU"


def are_computed_on(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """In the containers of every service that needs a GPU a program saw one, lately.

    A library that finds no GPU often computes on the CPU, many times slower, without a word: that nvidia-smi lists a
    GPU says nothing of it. So `gpus: {check: [words]}` names a command that prints whether it sees a device, and
    `remediate gpus check` runs it in those containers and writes down what it said, like a drill of a backup; an audit
    runs nothing. The last check of the service must have seen a GPU, and be younger than `drills`. One that could not
    be run, or printed neither yes nor no, proves nothing. Unknown where the record was not seen. Does not apply where
    the inventory names no command.

    Source: docs/runbook.md, "GPUs".
    """
    policy = fleet.inventory.section(Policy)
    if policy.check is None:
        raise NotApplicable(NO_CHECK)
    node = policy.nodes[0]
    checks = [
        each for each in raise_if_unobservable(fleet.of(node, Facts).records, node).drills if is_of(each, subject)
    ]
    last = max((each for each in checks if not each.refused), key=lambda each: each.at, default=None)
    age = fleet.looked_at - last.at if last else None
    if last is None or age is None:
        saw = f"no check has seen whether {subject.name} computes on a GPU"
    elif last.error:
        saw = f"the check of {show_age(age)} saw no GPU: {one_line(last.error)[:400]}"
    elif age < -EARLY:
        saw = f"the last check that saw a GPU is dated {show_age(age)}: nobody knows when it was"
    elif age > policy.drills:
        saw = f"the last check that saw a GPU was {show_duration(age)} ago"
    else:
        return
    yield Finding(
        saw=f"{saw}{untried_since(checks, last)}",
        want=f"a check within {show_duration(policy.drills)} that saw a GPU",
        why="a program without a GPU often computes on, many times slower, without a word",
        about=subject.name,
        hint=RUN_IT,
    )


def is_of(check: Drill, subject: Subject) -> bool:
    """Whether a check is one of the subject's service."""
    return check.backup == subject.name


def untried_since(checks: list[Drill], last: Drill | None) -> str:
    """Why the newest check proves nothing, in words; "" where it is `last`."""
    newest = max(checks, key=lambda each: each.at, default=None)
    if newest is None or not newest.refused or (last and last.at > newest.at):
        return ""
    return f"; one proved nothing on {newest.at:%Y-%m-%d}: {one_line(newest.refused)[:400]}"
