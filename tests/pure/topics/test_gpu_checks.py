"""The rule about checks that a program sees a GPU, and their record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.topics.backups.database.observe import record_bytes
from fleetkeeper.topics.gpus import TOPIC
from fleetkeeper.topics.gpus.check_record import Facts, check_record_path, checked_command, observe
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable
from tests.example_fleets.gpu_swarm import ASKED, OLDER, gpu_fleet

CHECKED = ASKED.replace("label:", 'check: [python3, -c, "import torch; print(torch.cuda.is_available())"], label:')
NOW = gpu_fleet().looked_at
RULE = RULES["gpus.are_computed_on"]


def check_of(days: float = 1, **changed: Any) -> Drill:
    return replace(Drill("gpu-celery", NOW - timedelta(days=days), 9.0, 0.0), **changed)


def checked(*checks: Drill, seen: Facts | Unobservable | None = None) -> Fleet:
    return gpu_fleet({("vgpu", "gpu_checks"): seen or Facts(Records(drills=checks))}, CHECKED)


def verdict_on(fleet: Fleet) -> Verdict:
    return judge_subject(RULE, fleet, Subject("service", "gpu-celery"))


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    untried = check_of(0.5, refused="no container of gpu-celery runs")
    return {"clean": checked(check_of()), "blind": checked(check_of(error="it printed `[]`"), untried)}


def test_case_107_a_check_that_saw_a_gpu_lately_holds() -> None:
    assert verdict_on(checked(check_of(40), check_of(29))).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("checks", "saw"),
    [
        ((), "no check has seen whether gpu-celery computes on a GPU"),
        ((check_of(backup="another"),), "no check has seen whether gpu-celery computes on a GPU"),
        ((check_of(2), check_of(1, error="a silent fall-back")), "the check of 1 d ago saw no GPU: a silent fall-back"),
        ((check_of(31),), "the last check that saw a GPU was 31 d ago"),
        ((check_of(-2),), "the last check that saw a GPU is dated 2 d ahead"),
        (
            (check_of(1, refused="no container of gpu-celery runs"),),
            "no check has seen whether gpu-celery computes on a GPU; one proved nothing on 2026-11-29: no container",
        ),
        ((check_of(31), check_of(1, refused="it hangs")), "was 31 d ago; one proved nothing on 2026-11-29: it hangs"),
    ],
)
def test_case_107_what_no_check_has_proven_is_a_finding(checks: Sequence[Drill], saw: str) -> None:
    [match] = verdict_on(checked(*checks)).findings
    assert saw in match.saw
    assert "remediate gpus check" in match.hint


def test_a_failed_check_is_made_good_by_a_later_one_alone() -> None:
    failed = check_of(3, error="it printed `False`")
    assert verdict_on(checked(failed, check_of(1))).outcome is Outcome.HOLDS
    assert verdict_on(checked(failed, check_of(1, refused="it hangs"))).outcome is Outcome.FINDING


def test_a_record_that_was_not_seen_is_unknown() -> None:
    dark = Unobservable("the record makes no sense")
    for fleet in (checked(seen=dark), checked(seen=Facts(dark)), gpu_fleet(written=CHECKED)):
        assert verdict_on(fleet).outcome is Outcome.UNKNOWN


def test_without_a_command_nothing_is_judged_and_nothing_asked() -> None:
    for written in (ASKED, OLDER):
        assert verdict_on(gpu_fleet(written=written)).outcome is Outcome.NOT_APPLICABLE
        inventory = load_inventory(Path("mine.yml"), written)
        with pytest.raises(NotApplicable):
            next(observe(inventory.nodes["vgpu"], inventory))


class AnsweringLink:
    """A link to a node that has this record."""

    def __init__(self, answer: Output) -> None:
        self.answer = answer

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        return [self.answer for _ in commands]


def looked_up(answer: Output, written: str = CHECKED) -> Facts:
    inventory = load_inventory(Path("mine.yml"), written)
    look = observe(inventory.nodes["vgpu"], inventory)
    facts = drive_in_lockstep({"gpu_checks": look}, AnsweringLink(answer))["gpu_checks"]
    assert isinstance(facts, Facts)
    return facts


def test_the_record_is_read_on_the_first_node_and_counts_for_its_own_command_alone() -> None:
    policy = load_inventory(Path("mine.yml"), CHECKED).section(Policy)
    other = load_inventory(Path("mine.yml"), CHECKED.replace("torch", "jax")).section(Policy)
    assert check_record_path(policy) != check_record_path(other)
    content = record_bytes(Records(drills=(check_of(),)), checked_command(policy))
    records = looked_up(Output(0, content)).records
    assert isinstance(records, Records)
    assert records.drills == (check_of(),)
    assert isinstance(looked_up(Output(0, record_bytes(Records(), checked_command(other)))).records, Unobservable)
    assert looked_up(Output(3)).records == Records()
    for damaged in (Output(0, content[:-9]), Output(1, b"", b"no"), Output(0, b'{"version": 99}')):
        assert isinstance(looked_up(damaged).records, Unobservable)


def test_the_node_without_the_record_is_not_asked() -> None:
    inventory = load_inventory(Path("mine.yml"), CHECKED)
    with pytest.raises(NotApplicable):
        next(observe(inventory.nodes["manager"], inventory))


def test_the_command_that_reads_the_record_is_one_of_the_questions_as_root() -> None:
    inventory = load_inventory(Path("mine.yml"), CHECKED)
    *_, last = TOPIC.root_questions_about(inventory)
    assert last[-1] == check_record_path(inventory.section(Policy))
