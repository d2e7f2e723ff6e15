"""How the suite runs: what takes long only on request, and one last line that says what was skipped and why."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["pytester"]

BESIDE_THE_LAB = 5
"""The niceness of the processes whose tests need no lab (nice(2))."""

COMPOSE = Path(__file__).parents[1] / ".compose"
"""Where `make compose` puts Docker Compose 2."""

settings.register_profile("quick", max_examples=60, deadline=None)
settings.register_profile("all", max_examples=1000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run what takes long")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes long, runs with --all only")
    settings.load_profile("all" if config.option.all else "quick")
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], str(COMPOSE)])
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: what tests start inherits it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Servers first: they mostly wait while the others compute."""
    items.sort(key=lambda item: "tests/lab/" not in item.nodeid)
    if not config.option.all:
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: make test-all"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What runs beside the lab leaves it the processor: the tests of the lab are the longest chain, and wait a lot."""
    beside = hasattr(item.config, "workerinput") and "tests/lab/" not in item.nodeid
    if beside and os.nice(0) < BESIDE_THE_LAB:
        os.nice(BESIDE_THE_LAB - os.nice(0))


class OneLab(LoadScopeScheduling):
    """All tests of the lab in one process, pure ones and those of a real postgres file by file, every other by itself.

    Pure tests of one file share what is slow to make, such as the syntax trees of the whole project.

    xdist's own groups (`loadgroup`) have no effect with pytest 9.2: xdist 3.8 sets `Item._nodeid`, which is gone.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/lab/"):
            return "tests/lab/"
        file = nodeid.partition("::")[0]
        return file if file.endswith("_in_postgres.py") or file.startswith("tests/pure/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneLab:
    """Scopes are begun in the order of the tests, not by their number of tests: the lab, which takes longest, first."""
    config.option.loadscopereorder = False
    return OneLab(config, log)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(config, "workerinput"):
        print(last_line(reporter.stats))  # noqa: T201


def last_line(stats: dict[str, list[pytest.TestReport]]) -> str:
    """How many passed, failed and were skipped, and why."""
    failed = len(stats.get("failed", ())) + len(stats.get("error", ()))
    reasons = Counter(reason(report) for report in stats.get("skipped", ()))
    why = "; ".join(f"{number} x {text}" for text, number in reasons.items())
    skipped = sum(reasons.values())
    return f"{len(stats.get('passed', ()))} passed, {failed} failed, {skipped} skipped" + (f" ({why})" if why else "")


def reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return re.sub(r"^Skipped: ", "", text)
