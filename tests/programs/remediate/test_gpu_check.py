"""A check that programs compute on a GPU: run in a container's place by a real shell, written down, and judged."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.gpus.check_record import observe
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.transport.commands import Command, Output
from remediate.gpu_check import RULE, GpuCheck
from remediate.journal import Journal
from remediate.render.console import Screen
from remediate.session import Session
from remediate.steps.step import LOCK
from tests.example_fleets import gpu_swarm
from tests.helpers.fake_programs import NodeLink, install_programs

RECORDS = "/var/lib/fleetkeeper"
RUNNING = Containers("present", (gpu_swarm.CONTAINER,))


class GpuNode(NodeLink):
    """A node whose records and lock are its own."""

    def mapped(self, word: str) -> str:
        return super().mapped(word).replace(RECORDS, f"{self.root}{RECORDS}").replace(LOCK, f"{self.root}/lock")


@dataclass
class RecordSession(Session):
    """A session that sees one container, and the record that is really there."""

    containers: Containers = field(default_factory=lambda: RUNNING)

    def look(self, topics: Collection[str] = ()) -> Fleet:
        link = self.link_to(self.inventory.nodes["vgpu"])

        class Rounds:
            def ask(self, commands: list[Command], room: int) -> list[Output]:
                return list(link.ask(commands))

        look = observe(self.inventory.nodes["vgpu"], self.inventory)
        seen: dict[str, Any] = drive_in_lockstep({"gpu_checks": look}, Rounds())
        facts = {("vgpu", "gpu_checks"): seen["gpu_checks"], ("vgpu", "containers"): self.containers}
        return replace(gpu_swarm.gpu_fleet(facts), inventory=self.inventory, looked_at=datetime.now(UTC))


@dataclass
class Bench:
    """A folder that is the nodes, with a check of the example's inventory by any command."""

    folder: Path

    def __post_init__(self) -> None:
        self.links = {name: GpuNode(self.folder / name) for name in ("manager", "vgpu")}
        for name in self.links:
            install_programs(self.folder / name, "example.org")
        self.journal = Journal(self.folder / "journal.sqlite")

    def session(self, *command: str) -> RecordSession:
        written = gpu_swarm.ASKED.replace("label:", f"check: {json.dumps(command)}, label:")
        inventory = load_inventory(Path("mine.yml"), written)
        return RecordSession(inventory, lambda node: self.links[node.name])

    def check(self, *command: str, containers: Containers = RUNNING) -> Exit:
        session = self.session(*command)
        session.containers = containers
        policy = session.inventory.section(Policy)
        return GpuCheck(session.inventory, policy, session, Screen(quiet=True), self.journal).run()

    def verdict(self, *command: str) -> Verdict:
        return judge_subject(RULES[RULE], self.session(*command).look(), Subject("service", "gpu-celery"))

    @property
    def records(self) -> list[Path]:
        return sorted((self.folder / "vgpu").glob("var/lib/fleetkeeper/*.json"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


SEES = ("sh", "-c", "echo loading; echo True")


def test_a_check_that_sees_a_gpu_is_written_down_for_root_alone_and_the_rule_holds(bench: Bench) -> None:
    assert bench.verdict(*SEES).outcome is Outcome.FINDING
    assert bench.check(*SEES) is Exit.NOTHING_LEFT
    assert bench.verdict(*SEES).outcome is Outcome.HOLDS
    assert [path.stat().st_mode & 0o777 for path in bench.records] == [0o600]


def test_case_107_a_silent_fall_back_is_written_down_as_a_failure_without_what_was_printed(bench: Bench) -> None:
    answer = bench.folder / "answer"
    answer.write_text("password=hunter2\nFalse\n")
    assert bench.check("cat", str(answer)) is Exit.FINDINGS_REMAIN
    [match] = bench.verdict("cat", str(answer)).findings
    assert "rodan_gpu-celery.1.x: it ended well and printed `False`: a silent fall-back to the CPU" in match.saw
    [record] = bench.records
    assert "hunter2" not in record.read_text() + match.saw


def test_the_next_check_is_added_to_the_record_and_the_last_one_counts(bench: Bench) -> None:
    answer = bench.folder / "answer"
    command = ("cat", str(answer))
    for text, code, outcome in (
        ("True\n", Exit.NOTHING_LEFT, Outcome.HOLDS),
        ("[]\n", Exit.FINDINGS_REMAIN, Outcome.FINDING),
        ("who knows\n", Exit.NOT_ALL_SEEN, Outcome.FINDING),
        ("2\n", Exit.NOTHING_LEFT, Outcome.HOLDS),
    ):
        answer.write_text(text)
        assert bench.check(*command) is code
        assert bench.verdict(*command).outcome is outcome
    [record] = bench.records
    assert len(json.loads(record.read_text())["drills"]) == 4


def test_another_command_begins_anew(bench: Bench) -> None:
    assert bench.check(*SEES) is Exit.NOTHING_LEFT
    assert bench.verdict("echo", "True").outcome is Outcome.FINDING


@pytest.mark.parametrize("command", [("no-such-program",), ("sh", "-c", "exit 124"), ("true",)])
def test_what_proves_nothing_is_no_success_and_no_failure(bench: Bench, command: tuple[str, ...]) -> None:
    assert bench.check(*command) is Exit.NOT_ALL_SEEN
    [match] = bench.verdict(*command).findings
    assert "no check has seen whether gpu-celery computes on a GPU; one proved nothing on" in match.saw


def test_a_service_that_runs_nowhere_is_not_checked(bench: Bench) -> None:
    assert bench.check(*SEES, containers=Containers("present")) is Exit.NOT_ALL_SEEN
    assert "no container of gpu-celery runs" in bench.verdict(*SEES).findings[0].saw


def test_words_are_arguments_and_no_shell_s(bench: Bench) -> None:
    made = bench.folder / "made"
    assert bench.check("echo", f"$(touch {made}); True") is Exit.NOT_ALL_SEEN
    assert not made.exists()


def test_a_damaged_record_is_neither_believed_nor_written_over(bench: Bench) -> None:
    assert bench.check(*SEES) is Exit.NOTHING_LEFT
    [record] = bench.records
    record.write_text("{")
    assert bench.check(*SEES) is Exit.NOT_ALL_SEEN
    assert record.read_text() == "{"
    assert bench.verdict(*SEES).outcome is Outcome.UNKNOWN
