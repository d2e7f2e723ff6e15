"""The part of the pytest plugin that collects what was judged, and tells it: results.json and the terminal's end."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from fleet import state
from fleet.audit import Audit
from fleet.reports import results, terminal


class Reports:
    """Lives in the controlling process only: under xdist the workers' reports arrive here."""

    def __init__(self, config: pytest.Config, audit: Audit) -> None:
        self.config = config
        self.audit = audit
        self.started = datetime.now(UTC)
        self.items: list[results.Item] = []
        self.written: Path | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the verdict, and keep it out of pytest's own sections: the summary tells it once, sorted."""
        judged = getattr(report, "fleetkeeper", None)
        if judged is not None:
            self.items.append(judged)
            report._pdbshown = True  # type: ignore[attr-defined]  # pytest's own mark for "was shown already"

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self.items and not self.config.option.collectonly:
            self.written = self.path()
            results.write(self.written, self.document(int(exitstatus)))
            if not self.config.option.results:
                state.remember_audited(self.config.option.state, self.config.option.audited)

    def path(self) -> Path:
        """Where results.json goes: where --results says, else the state directory, by inventory."""
        given: Path | None = self.config.option.results
        names = "+".join(self.audit.inventories)
        return given or state.directory(self.config.option.state) / "audits" / names / "results.json"

    def document(self, exit_status: int) -> dict[str, Any]:
        run = {
            "fleetkeeper": version("fleetkeeper"),
            "started": self.started.isoformat(),
            "finished": datetime.now(UTC).isoformat(),
        }
        return results.document(run, self.audit.fleets.values(), self.items, exit_status)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminal.summary(terminalreporter, self.items, str(self.config.option.audited))
        if self.written:
            terminalreporter.write_line(f"results: {self.written}")
