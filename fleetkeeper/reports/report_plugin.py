"""The part of the pytest plugin that collects the verdicts, writes results.json, and ends the terminal's output."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetkeeper import state
from fleetkeeper.audit import Audit
from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.rule import Rule
from fleetkeeper.judging.waivers import waiver_notes
from fleetkeeper.reports import annotations as github
from fleetkeeper.reports import history, results, terminal
from fleetkeeper.reports.audit_comparison import JudgedRun, compare_audits
from fleetkeeper.reports.further_files import write_further_files
from fleetkeeper.reports.heartbeat_ping import Pulse
from fleetkeeper.reports.last_line import Scope
from fleetkeeper.reports.night_repairs import recall_repairs, repair_lines, repairs_file
from fleetkeeper.topics import registry
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.reports.check_ins import CheckInRun
    from fleetkeeper.reports.results_schema import Judged, Results, Run

BAD = ("finding", "unknown")
Promise = tuple[str, str, str]
"""Inventory, rule id and name of the subject."""


class PytestSections:
    """Keeps the reports of checks out of pytest's own sections (FAILURES, ERRORS).

    Our summary has each of them once.
    """

    def __init__(self) -> None:
        self.hidden: dict[str, list[Any]] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
        """Take them out before pytest writes its sections."""
        for outcome, reports in terminalreporter.stats.items():
            others = [report for report in reports if not hasattr(report, "fleetkeeper")]
            if len(others) < len(reports):
                self.hidden[outcome], terminalreporter.stats[outcome] = reports, others
        return (yield)

    def restore(self, reporter: pytest.TerminalReporter) -> None:
        """Put them back after its sections: its last line counts them."""
        reporter.stats.update(self.hidden)


class Reports:
    """The reports of one run, in the controlling process only: under xdist the workers' reports arrive here."""

    def __init__(self, config: pytest.Config, audit: Audit) -> None:
        self.config = config
        self.audit = audit
        self.started = datetime.now(UTC)
        self.began = time.monotonic()
        self.finished = self.started
        self.items: list[Judged] = []
        self.facts: list[str] = []
        self.written: Path | None = None
        self.changes: list[history.Changes] = []
        self.notes: list[str] = []
        self.repairs: list[str] = []
        self.pulses: dict[str, Pulse] = {}
        self.check_ins: dict[str, CheckInRun] = {}
        self.sections = PytestSections()
        config.pluginmanager.register(self.sections)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Send the heartbeats and check-ins that a whole audit begins; an audit of some rules only sends none.

        It is not the nightly one.
        """
        parameters = [item.callspec.params for item in session.items if hasattr(item, "callspec")]
        verdicts = [given["verdict"] for given in parameters if "verdict" in given]
        given = [item for item in verdicts if isinstance(item, tuple)]  # else pytest's own mark for "no subject"
        if self.covers_every_promise({(inventory, rule, subject.name) for inventory, rule, subject in given}):
            self.make_pulses()
            for pulse in self.pulses.values():
                pulse.start()
            for check_ins in self.check_ins.values():
                check_ins.start()

    def covers_every_promise(self, promises: Set[Promise]) -> bool:
        """Whether these are all promises of the run's inventories: none left out by -k, --limit, --owner and the like.

        Nor is a run with --replay or --collect-only a whole audit.
        """
        option = self.config.option
        partly = option.limit or option.owner or option.quick or option.replay or option.collectonly
        return not partly and self.every_promise <= promises

    @cached_property
    def every_promise(self) -> frozenset[Promise]:
        """Every promise that the run's inventories ask for.

        Each is (inventory, rule id, name of the subject). Computed once.
        """
        return frozenset(
            (name, rule, subject.name) for rule in self.rules for name, subject in self.audit.subjects(rule)
        )

    def judged_promises(self, inventory: str = "") -> set[Promise]:
        """The promises that were judged, of one inventory or (empty) of all."""
        items = [item for item in self.items if inventory in ("", item["inventory"])]
        return {(item["inventory"], item["rule"], item["subject"]) for item in items}

    @property
    def scope(self) -> Scope:
        """What of the run's inventories it was asked to judge."""
        unasked = self.every_promise - self.judged_promises()
        option = self.config.option
        return Scope(str(option.audited), len(unasked), self.audit.limit, quick=bool(option.quick))

    def make_pulses(self) -> None:
        """Make a pulse for each inventory that has a heartbeat, and the check-ins of each that has some."""
        expected = {name: inventory.heartbeat for name, inventory in self.audit.inventories.items()}
        self.pulses = {name: Pulse(beat, began=self.began) for name, beat in expected.items() if beat}
        if any(inventory.sentry and inventory.sentry.check_ins for inventory in self.audit.inventories.values()):
            from fleetkeeper.reports.issue_run import check_ins_of

            self.check_ins = check_ins_of(self.audit.inventories, self.began)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the verdict, and the facts that its rule read."""
        if facts := getattr(report, "fleetkeeper_facts", ""):
            self.facts.append(facts)
        judged = getattr(report, "fleetkeeper", None)
        if judged is not None and str(report.outcome) != "rerun":  # pytest-rerunfailures' word: another report follows
            self.items.append(judged)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Compare with the audit before, write results.json, and send the heartbeats that the audit has ended.

        Nothing is compared or written with --collect-only, or without an item. Raises OSError when results.json cannot
        be written. Why a heartbeat did not arrive is added to `notes`.
        """
        self.finished = datetime.now(UTC)
        self.items.sort(key=lambda item: str(item["check"]))  # under xdist they come as they are done
        if self.items and not self.config.option.collectonly:
            self.compare()
            self.notes += [*self.waiver_notes(), *self.drift_notes()]
            self.written = self.results_path()
            document = self.document(int(exitstatus))
            results.write_results(self.written, document)
            self.notes += self.write_sarif(document)
            whole = self.covers_every_promise(self.judged_promises())
            inventories = self.audit.inventories.values()
            self.notes += write_further_files(self.config.option, document, inventories, whole=whole)
            if not self.config.option.results:
                state.remember_audited(self.config.option.state, self.config.option.audited)
        if not (self.pulses or self.check_ins) and self.covers_every_promise(self.judged_promises()):
            self.make_pulses()  # under xdist only the workers know at the start what is asked for
        if sending := [*self.issues_to_send(), *self.pulses_to_end(int(exitstatus))]:
            with ThreadPoolExecutor(len(sending)) as at_once:
                self.notes += at_once.map(operator.call, sending)

    def write_sarif(self, document: Results) -> Iterator[str]:
        """Write the file of --sarif, if it is asked for. Gives the note why it was not written; none when it was."""
        option = self.config.option
        if not option.sarif:
            return
        from fleetkeeper.reports.sarif import place_inventory, sarif_document

        if option.limit or not self.every_promise <= self.judged_promises():
            yield "no SARIF is written: only some promises were judged, and every alert that it lacks would be closed"
            return
        try:
            placed = [place_inventory(name, Path(each.path)) for name, each in self.audit.inventories.items()]
            content = sarif_document(document, placed, self.rules, waived=option.sarif_waived)
            results.write_results(option.sarif, content)
        except (OSError, UsageError) as why:
            yield f"no SARIF is written: {why}"

    def pulses_to_end(self, exit_status: int) -> Iterator[Callable[[], str]]:
        """What sends each heartbeat and the check-ins of each inventory.

        It returns why something did not arrive, in words; empty when all did.
        """
        for name, pulse in self.pulses.items():
            well = self.ended_well(name, exit_status)
            yield partial(pulse.end, well=well, summary=self.pulse_summary(name))
        for name, check_ins in self.check_ins.items():
            proven = check_ins.proven_by(self.audit.inventories[name], self.items)
            yield partial(check_ins.end, well=self.ended_well(name, exit_status), proven=list(proven))

    def ended_well(self, inventory: str, exit_status: int) -> bool:
        """Whether the audit of one inventory ended well: findings in another inventory do not matter.

        Not well is one of whose promises some were never judged, whatever skipped them.
        """
        if not {promise for promise in self.every_promise if promise[0] == inventory} <= self.judged_promises(
            inventory
        ):
            return False
        mine = [item for item in self.items if item["inventory"] == inventory and item["outcome"] in BAD]
        others = [item for item in self.items if item["inventory"] != inventory and item["outcome"] in BAD]
        return not mine and (exit_status == 0 or (exit_status == 1 and bool(others)))

    def pulse_summary(self, inventory: str) -> str:
        """The result in numbers, as words that a monitor may show to anybody."""
        outcomes = [item["outcome"] for item in self.items if item["inventory"] == inventory]
        promises = count_of(len(outcomes), "promise")
        return f"{promises}: {outcomes.count('finding')} broken, {outcomes.count('unknown')} unknown"

    def compare(self) -> None:
        """Compare the open findings with the last whole audit; a whole one is remembered, a saved look is not compared.

        Adds to `changes` and `repairs`; where the memory cannot be read or written, a line to `notes` instead.
        """
        if self.config.option.replay:
            return
        try:
            base = state.directory(self.config.option.state)
            extent = history.Extent(self.audit.limit, self.covers_every_promise(self.judged_promises()))
            run = JudgedRun(self.items, self.started, self.finished, extent)
            self.changes = compare_audits(base, self.audit.inventories, run, self.notes)
            for name, changes in zip(self.audit.inventories, self.changes, strict=True):
                if (inventory := self.audit.inventories[name]).repairs:
                    night = recall_repairs(repairs_file(base, name, inventory.path))
                    self.repairs += repair_lines(night, changes.previous, self.started)
        except (OSError, UsageError) as why:
            self.notes.append(f"what changed since the last audit is not known: {why}")

    def issues_to_send(self) -> Iterator[Callable[[], str]]:
        """What makes issues of a whole audit's findings, for each inventory that has a receiver.

        It returns why one was not sent, in words; empty when all were.
        """
        for changes in self.changes:
            inventory = self.audit.inventories[changes.inventory]
            if changes.whole and (inventory.sentry or inventory.github or inventory.mail_digest):
                from fleetkeeper.reports.issue_run import deliveries_of

                base = state.directory(self.config.option.state)
                yield from deliveries_of(base, inventory, changes, self.items)

    def waiver_notes(self) -> Iterator[str]:
        """The notes about waivers; in a run of some rules only about those that it used."""
        whole = self.covers_every_promise(self.judged_promises())
        for name, fleet in self.audit.fleets.items():
            if waivers := fleet.inventory.waivers:
                yield from waiver_notes(waivers, list(self.audit.verdicts(name)), fleet.looked_at.date(), whole=whole)

    def drift_notes(self) -> Iterator[str]:
        """The notes about services that fleetkeeper changed and whose stack files may not have the change yet.

        Raises Untrusted for a name that may not stand in such a file.
        """
        for fleet in self.audit.fleets.values():
            from fleetkeeper.topics.services.rules import drift  # topics are only imported where something is audited

            yield from drift.notes(fleet)

    def results_path(self) -> Path:
        """The path of results.json: that of --results, else one in the state directory, by inventory.

        Makes the state directory for it. Raises OSError or UsageError when that cannot be used.
        """
        given: Path | None = self.config.option.results
        names = "+".join(self.audit.inventories)
        return given or state.directory(self.config.option.state) / "audits" / names / "results.json"

    def document(self, exit_status: int) -> Results:
        """The content of results.json. `exit_status` is pytest's. What changed is that of `compare`."""
        run: Run = {
            "fleetkeeper": version("fleetkeeper"),
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat(),
            "exit_status": exit_status,
            "hosts": str(self.config.option.audited),
            "part": self.scope.part_judged(self.items),
        }
        changes = [history.changes_document(change) for change in self.changes]
        return results.results_document(run, self.audit.fleets.values(), self.items, changes)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print facts, summary, notes and annotations; a GitHub runner's commands are switched off meanwhile.

        Only where annotations are asked for (`annotated`).
        """
        self.sections.restore(terminalreporter)
        deaf, listening = github.silence() if self.annotated else ("", "")
        if self.annotated:
            terminalreporter.ensure_newline()
            terminalreporter.write_line(deaf)
        terminal.write_lines(terminalreporter, "facts", [line for text in self.facts for line in text.split("\n")])
        if self.items:
            terminal.write_summary(terminalreporter, self.items, self.scope, self.changes, self.rules)
        terminal.write_lines(terminalreporter, "last night's repairs", self.repairs)
        for line in self.closing_lines():
            terminalreporter.write_line(one_line(line))
        if self.annotated:
            for line in (listening, *github.annotation_lines(self.items)):
                terminalreporter.write_line(line)

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules of every inventory of this run, by id."""
        audited = self.audit.inventories.values()
        return {name: rule for inventory in audited for name, rule in registry.rules_of(inventory).items()}

    @cached_property
    def annotated(self) -> bool:
        """Whether annotations are printed: in a GitHub workflow, when something was judged."""
        return bool(self.items) and github.in_workflow()

    def closing_lines(self) -> Iterator[str]:
        """The last lines of the terminal: notes, and the path of results.json."""
        yield from filter(None, self.notes)
        if self.written:
            yield f"results: {self.written}"
