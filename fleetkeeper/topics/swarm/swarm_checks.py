"""How the promises about swarms are judged: each check on each swarm of the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong, judge_numbers
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.swarm.swarm_view import SwarmView, swarms_of
from fleetkeeper.transport.commands import Unobservable

SwarmCheck = Callable[[Fleet, SwarmView, Benchmark], Iterable[Wrong | Unobservable]]
NEED = "5.1"
"""Whether a swarm is needed: without one nothing is wrong."""


def judge_swarm(fleet: Fleet, checks: Mapping[str, SwarmCheck]) -> Iterator[Finding | Part]:
    """A finding for what each check finds wrong in a swarm, and a Part for each that does not apply or was not seen.

    Each swarm of the inventory is judged. Raises NotApplicable where the inventory does without the benchmark.
    """
    policy = require_policy(fleet.inventory.benchmark)
    bound = {number: partial(check_swarms, fleet, policy, number, check) for number, check in checks.items()}
    yield from judge_numbers(bound, policy, "")


def check_swarms(fleet: Fleet, policy: Benchmark, number: str, check: SwarmCheck) -> Iterator[Wrong | Unobservable]:
    """What one check says of each swarm, by the names of its managers where there are several.

    Raises NotApplicable where it applies to none of them.
    """
    try:
        swarms = swarms_of(fleet)
    except NotApplicable:
        if number == NEED:
            return
        raise
    several = len(swarms.views) > 1
    reasons: list[NotApplicable] = []
    for view in swarms.views:
        try:
            yield from (in_swarm(each, view) if several else each for each in check(fleet, view, policy))
        except NotApplicable as why:
            reasons.append(why)
        except Unobservable as why:
            yield in_swarm(why, view) if several else why
    yield from swarms.strays
    if len(reasons) == len(swarms.views) and not swarms.strays:
        raise reasons[0]


def in_swarm(claim: Wrong | Unobservable, view: SwarmView) -> Wrong | Unobservable:
    """What is said of one swarm of several, with the names of its managers."""
    names = f"the swarm of {', '.join(sorted(view.managers))}"
    if isinstance(claim, Unobservable):
        return replace(claim, why=f"{names}: {claim.why}")
    return replace(claim, saw=f"{names}: {claim.saw}", about=claim.about or names)
