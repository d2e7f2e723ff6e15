"""Every plan that deletes backups, over fleets of any files, proofs, sizes, links and policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.catalog import Catalog, catalog_of
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.topics.backups.periods import periods_of_keep
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.remedies.backups.create_dump import room_first
from remediate.steps import DeleteFiles, Run
from tests.example_fleets.backups import TEXT, backup_fleet, volume_usage
from tests.pure.topics.backups.test_retention import catalogs_to_thin

Sample = tuple[tuple[File, ...], tuple[DumpProof, ...], Policy]
BUDGET = "60 GiB"


def facts_seen(sample: Sample, *, below_keep: bool = False, broken: str = "10 %") -> Fleet:
    """The fleet as a look saw it: over its budget, and without room on the disk."""
    files, verified, rules = sample
    counters = ", ".join(f"{name}: {count}" for name, count in rules.keep if isinstance(count, int) and count)
    text = TEXT.replace(
        "{last: 4, daily: 14, weekly: 8, monthly: 12, yearly: 10}", f"{{{counters}, broken_at_most: {broken}}}"
    )
    text = text.replace("at_least: 3", f"at_least: {rules.at_least}\n  below_keep: {str(below_keep).lower()}")
    return backup_fleet(files, verified, text=text.replace(BUDGET, "3 MiB"), volume=volume_usage(files, free=1))


def deletions(sample: Fleet) -> Iterator[tuple[Run, DeleteFiles]]:
    """What each of the remedies would delete, and what it streams before."""
    for rule in ("backups.are_thinned", "volumes.are_within_budget"):
        try:
            plan = REMEDIES[rule](Finding("", ""), sample)
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
    steps = room_first(sample, sample.inventory.section(Policy), 2)
    if not isinstance(steps, ForAPerson) and steps:
        [run, step] = steps
        yield run, step


@pytest.mark.parametrize("below_keep", [False, True])
@given(sample=catalogs_to_thin(), broken=st.sampled_from(["10 %", "100 %", "100 %", "3", "0"]))
def test_no_plan_takes_what_it_must_not(sample, below_keep, broken):
    present = facts_seen(sample, below_keep=below_keep, broken=broken)
    catalog = catalog_of(present, present.inventory.section(Policy))
    for run, step in deletions(present):
        gone = {file.name for file in step.files}
        assert gone
        assert all(item.note for item in (*step.files, *step.survivors))
        check_states(catalog, gone)
        check_limits(catalog, present.inventory.section(Policy), gone)
        streamed = {word.removeprefix("./") for word in run.words if word.startswith("./")}
        survivors = {survivor.name for survivor in step.survivors}
        assert streamed <= survivors
        assert not survivors & gone


def check_states(catalog: Catalog, gone: set[str]) -> None:
    """Only what is proven, has one name, is of a plausible size, and is not all there is."""
    for backup in catalog.backups:
        if backup.name in gone:
            assert backup.state in {"complete", "broken"}
            assert backup.counts or backup.state == "broken"
            assert not any((backup.linked, backup.giant, backup.future, backup.growing, backup.odd))
    whole = catalog.proven
    if whole and whole[0].small:
        assert not gone & {item.name for item in whole}


def check_limits(catalog: Catalog, policy: Policy, gone: set[str]) -> None:
    """The newest `at_least` and the oldest stay, no broken one is the last of its period, and few of them go."""
    stay = [*catalog.counted[: policy.at_least], *catalog.counted[-1:]]
    assert not gone & {item.name for item in stay}
    broken = [backup for backup in catalog.backups if backup.name in gone and backup.state == "broken"]
    assert len(broken) <= policy.keep.broken_at_most.of(len(catalog.backups))
    for period in periods_of_keep(catalog.counted, policy):
        left = {period.bucket_of(backup) for backup in catalog.backups if backup.name not in gone}
        assert all(period.bucket_of(item) in left for item in broken if period.reaches(item))


@given(catalogs_to_thin())
def test_a_second_plan_after_the_first_takes_nothing_more_by_keep(sample):
    present = facts_seen(sample, broken="100 %")
    first = next((step for _, step in deletions(present)), None)
    if first is not None:
        files, verified, rules = sample
        gone = {file.name for file in first.files}
        left = facts_seen((tuple(file for file in files if file.name not in gone), verified, rules), broken="100 %")
        again = REMEDIES["backups.are_thinned"](Finding("", ""), left)
        assert isinstance(again, ForAPerson)
