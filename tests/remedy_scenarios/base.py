"""A scenario: nodes as folders with programs in them, what a look at them sees, and what `remediate --fix` does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.verdicts import Verdict
from fleetkeeper.looking.fleet import Fleet
from remediate.journal import Journal
from remediate.plan import ForAPerson, Plan, Remedy
from remediate.plan_end import PlanEnd
from remediate.proposal import Proposal
from remediate.render.console import Screen
from remediate.runner import EVERYTHING, PlanRun, Runner
from remediate.session import Session
from remediate.steps import GiveSettingsBack, UpdateService
from tests.example_fleets.certificates import NAME
from tests.helpers.fake_programs import NodeLink, install_programs
from tests.helpers.local_nodes import step_context

PROGRAMS = ("bin", "engine", "index")
WATCHED = (UpdateService, GiveSettingsBack)


class Scenario(ABC):
    """Nodes as folders below one, and what a look at them sees. `undone` says that every change has a way back."""

    rule: str
    nodes: tuple[str, ...]
    undone = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir()
        for node in self.nodes:
            install_programs(self.folder / node, NAME)
        self.build()
        (self.folder / "state").mkdir()
        step_context(self.folder)
        self.links = {node: NodeLink(self.folder / node) for node in self.nodes}

    @abstractmethod
    def build(self) -> None:
        """Make the tree, with what is wrong in it."""

    @abstractmethod
    def fleet(self) -> Fleet:
        """What a look at the tree sees now."""

    def end(self) -> object:
        """What must be the same at the end, however often a run was killed on the way there."""
        return None

    def at(self, node: str, path: str) -> Path:
        """A node's own file."""
        return self.folder / node / path.lstrip("/")

    def write(self, node: str, path: str, text: str | bytes) -> None:
        target = self.at(node, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(0o600)

    def tree(self) -> dict[str, tuple[int, int, int, bytes]]:
        """Every file and directory that is not a program of ours: mode, owner, group and content."""
        paths = [path for node in self.nodes for path in (self.folder / node).glob("**/*")]
        kept = [path for path in paths if not path.relative_to(self.folder).parts[1].startswith(PROGRAMS)]
        state = [(str(path.relative_to(self.folder)), path, path.stat()) for path in sorted(kept)]
        return {
            name: (item.st_mode, item.st_uid, item.st_gid, path.read_bytes() if path.is_file() else b"")
            for name, path, item in state
        }


@dataclass
class ScenarioSession(Session):
    """A session whose look is the scenario's."""

    scenario: Scenario | None = None

    def look(self, topics: Collection[str] = ()) -> Fleet:
        assert self.scenario is not None
        return self.scenario.fleet()

    def gate(self, fleet: Fleet) -> list[Verdict]:
        return []

    @property
    def remedies(self) -> dict[str, Remedy]:
        return {rule: without_waiting(remedy) for rule, remedy in super().remedies.items()}


def without_waiting(remedy: Remedy) -> Remedy:
    """The same plan, without the wait for a service that may yet end."""

    def plan(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
        made = remedy(finding, fleet)
        if isinstance(made, ForAPerson):
            return made
        steps = tuple(replace(step, settle=0.0) if isinstance(step, WATCHED) else step for step in made.steps)
        return replace(made, steps=steps)

    return plan


@dataclass
class ScenarioRun:
    """A scenario, the journal of its runs, and what `remediate --fix` does there."""

    scenario: Scenario
    journal: Journal

    @property
    def session(self) -> ScenarioSession:
        scenario = self.scenario
        return ScenarioSession(
            scenario.fleet().inventory,
            lambda node: scenario.links[node.name],
            frozenset({scenario.rule}),
            patience=0,
            scenario=scenario,
        )

    def propose(self) -> Proposal:
        return self.session.propose(self.scenario.fleet())

    def fix(self) -> list[PlanEnd]:
        """A whole run."""
        links = self.scenario.links.__getitem__
        runner = Runner(self.journal, "scenario", "", links, Screen(quiet=True), step_context(self.scenario.folder))
        run = PlanRun(runner, runner.begin(""))
        run.apply(self.propose().planned, self.session, EVERYTHING)
        self.journal.end(run.id, 0)
        return run.ends


def begin_scenario(scenario: Scenario, journal: type[Journal] = Journal) -> ScenarioRun:
    return ScenarioRun(scenario, journal(scenario.folder / "state" / "journal.sqlite"))
