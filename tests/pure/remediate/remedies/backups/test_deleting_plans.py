"""Every plan that deletes backups, over worlds of any files, proofs, sizes, links and policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.topics.backups.catalog import Catalog, catalog_of
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.topics.backups.periods import periods_of_keep
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.remedies.backups.create_dump import room_first
from remediate.steps import DeleteFiles, Run
from tests.example_fleets.backups import TEXT, fleet, usage
from tests.pure.topics.backups.test_retention import worlds

World = tuple[tuple[File, ...], tuple[DumpProof, ...], Policy]
BUDGET = "60 GiB"


def seen(world: World, *, below_keep: bool = False, broken: str = "10 %") -> Fleet:
    """The world as a look saw it: over its budget, and without room on the disk."""
    files, verified, rules = world
    counters = ", ".join(f"{name}: {count}" for name, count in rules.keep if isinstance(count, int) and count)
    text = TEXT.replace(
        "{last: 4, daily: 14, weekly: 8, monthly: 12, yearly: 10}", f"{{{counters}, broken_at_most: {broken}}}"
    )
    text = text.replace("at_least: 3", f"at_least: {rules.at_least}\n  below_keep: {str(below_keep).lower()}")
    return fleet(files, verified, text=text.replace(BUDGET, "3 MiB"), volume=usage(files, free=1))


def deletions(world: Fleet) -> Iterator[tuple[Run, DeleteFiles]]:
    """What each of the remedies would delete, and what it streams before."""
    for rule in ("backups.are_thinned", "volumes.are_within_budget"):
        try:
            plan = REMEDIES[rule](Finding("", ""), world)
        except Unobservable:
            continue
        if isinstance(plan, Plan):
            [run, step] = plan.steps
            assert isinstance(run, Run)
            assert isinstance(step, DeleteFiles)
            yield run, step
        else:
            assert isinstance(plan, ForAPerson)
            assert plan.why
            assert plan.what_to_do
    steps = room_first(world, world.inventory.section(Policy), 2)
    if not isinstance(steps, ForAPerson) and steps:
        [run, step] = steps
        yield run, step


@pytest.mark.parametrize("below_keep", [False, True])
@given(world=worlds(), broken=st.sampled_from(["10 %", "100 %", "100 %", "3", "0"]))
def test_no_plan_takes_what_it_must_not(world, below_keep, broken):
    there = seen(world, below_keep=below_keep, broken=broken)
    known = catalog_of(there, there.inventory.section(Policy))
    for run, step in deletions(there):
        gone = {file.name for file in step.files}
        assert gone
        assert all(one.note for one in (*step.files, *step.survivors))
        check_states(known, gone)
        check_limits(known, there.inventory.section(Policy), gone)
        streamed = {word.removeprefix("./") for word in run.words if word.startswith("./")}
        survivors = {survivor.name for survivor in step.survivors}
        assert streamed <= survivors
        assert not survivors & gone


def check_states(known: Catalog, gone: set[str]) -> None:
    """Only what is proven, has one name, is of a plausible size, and is not all there is."""
    for one in known.backups:
        if one.name in gone:
            assert one.state in {"complete", "broken"}
            assert one.counts or one.state == "broken"
            assert not any((one.linked, one.giant, one.future, one.growing, one.odd))
    whole = known.whole
    if whole and whole[0].small:
        assert not gone & {one.name for one in whole}


def check_limits(known: Catalog, policy: Policy, gone: set[str]) -> None:
    """The newest `at_least` and the oldest stay, no broken one is the last of its period, and few of them go."""
    stay = [*known.complete[: policy.at_least], *known.complete[-1:]]
    assert not gone & {one.name for one in stay}
    broken = [backup for backup in known.backups if backup.name in gone and backup.state == "broken"]
    assert len(broken) <= policy.keep.broken_at_most.of(len(known.backups))
    for period in periods_of_keep(known.complete, policy):
        left = {period.bucket_of(one) for one in known.backups if one.name not in gone}
        assert all(period.bucket_of(one) in left for one in broken if period.reaches(one))


@given(worlds())
def test_a_second_plan_after_the_first_takes_nothing_more_by_keep(world):
    there = seen(world, broken="100 %")
    first = next((step for _, step in deletions(there)), None)
    if first is not None:
        files, verified, rules = world
        gone = {file.name for file in first.files}
        left = seen((tuple(one for one in files if one.name not in gone), verified, rules), broken="100 %")
        again = REMEDIES["backups.are_thinned"](Finding("", ""), left)
        assert isinstance(again, ForAPerson)
