"""The pytest plug-in: `--hosts=production` judges every rule; testinfra tests share the audit's connections."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetkeeper import verdict_fixture
from fleetkeeper.audit_options import add_options, misread_options
from fleetkeeper.owner_selection import check_owner, deselect_others
from fleetkeeper.promises import Checks, host_of, name_ids
from fleetkeeper.verdict_fixture import AUDIT, node_of

if TYPE_CHECKING:
    from fleetkeeper.audit import Audit
    from fleetkeeper.judging.rule import Rule, Subject

CHECKS = pytest.StashKey["Checks | None"]()
PLAIN_TESTINFRA = "://"
INSIDE = Path(__file__).with_name("checks")
PROMISES = INSIDE if INSIDE.is_dir() else Path(__file__).parents[1] / "checks"
"""The folder of our checks: inside the package where it was installed from a wheel, beside it in a clone.

They are collected, besides the tests of the working directory, when neither the command line nor a setting names any.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of an audit to pytest's command line: --limit, --quick, --results, --facts, --record …"""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Open the audit that `--hosts=INVENTORY` names, and register its nodes as hosts of testinfra.

    Nothing is opened without --hosts, for a host of plain testinfra, and for --help. Raises pytest.UsageError. It is
    kept in the stash, with the rules for its checks, and the reports are registered, but not in a worker of xdist.
    Without a path on the command line the shipped checks are added.
    """
    config.pluginmanager.register(verdict_fixture, "fleetkeeper-verdict")
    config.stash[AUDIT], config.stash[CHECKS] = None, None
    config.addinivalue_line("markers", "promise(rule): the rule that a check judges (fleetkeeper.promises.promise)")
    if config.option.facts:
        config.option.dist = "no"  # nothing is collected, which the workers of xdist would wait for
    hosts = getattr(config.option, "audited", None) or config.option.hosts
    if hosts is None or PLAIN_TESTINFRA in hosts or config.option.help:
        return
    here = config.invocation_params
    if (
        not config.inipath
        and (here.dir / "pyproject.toml").exists()
        and (astray := " ".join(misread_options(here.args)))
    ):
        raise pytest.UsageError(f"pytest took the value of an option for a place of tests\n  hint: write {astray}")
    from fleetkeeper.imports import as_written, uncollected

    with uncollected(), as_written(config):
        from fleetkeeper.errors import UsageError

        try:
            config.stash[AUDIT] = audit = prepare_audit(config, hosts)
        except UsageError as why:
            raise pytest.UsageError(str(why)) from None
        config.stash[CHECKS] = Checks(known_rules(audit))
        if config.args_source is config.ArgsSource.INVOCATION_DIR:
            config.args.append(str(PROMISES))
        if hasattr(config, "workerinput"):
            return
        from fleetkeeper.reports.report_plugin import Reports

        config.pluginmanager.register(Reports(config, audit), "fleetkeeper-reports")
        if config.option.verbose == 0:
            config.option.no_header = True  # five lines about the auditing machine, before three about the servers


def known_rules(audit: Audit) -> dict[str, Rule]:
    """Every rule of the inventories of a run, by rule id; of several with one id that of the last inventory."""
    from fleetkeeper.topics.registry import rules_of

    return {name: rule for inventory in audit.inventories.values() for name, rule in rules_of(inventory).items()}


def prepare_audit(config: pytest.Config, hosts: str) -> Audit:
    """The audit of this run, from pytest's options. Replays a recording, or loads the controller's looks in a worker.

    Sets `option.hosts` to the hosts of testinfra. Raises UsageError for wrong options, inventories or recordings.
    """
    from fleetkeeper import state
    from fleetkeeper.audit import open_audit

    option = config.option
    state.known_version(state.path_of(option.state))
    strict = bool(config.getini("strict"))
    audit = open_audit(hosts, option.limit, strict=strict, quick=option.quick, state=option.state)
    audit.ssh_config = option.ssh_config
    if option.owner:
        check_owner(audit, option.owner)
    option.audited = hosts
    option.hosts = ",".join(as_hosts(audit))
    if option.replay:
        audit.replay(option.replay)
    if shipped := getattr(config, "workerinput", {}).get("fleetkeeper"):
        audit.receive(shipped)
    return audit


def as_hosts(audit: Audit) -> list[str]:
    """Register the nodes with testinfra; return them as its host names (`fleet://NODE`).

    So a team's own tests run over the audit's connections. Changes testinfra's table of backends.
    """
    import testinfra.backend

    from fleetkeeper import testinfra_backend

    testinfra.backend.BACKENDS["fleet"] = "fleetkeeper.testinfra_backend.FleetBackend"
    for name, inventory in audit.inventories.items():
        testinfra_backend.use(inventory, audit.links(name))
    return [f"fleet://{name}" for name in testinfra_backend.host_names()]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Exempt the audit's objects from pytest's last garbage collections, unless tests used hosts.

    With --facts, where nothing is collected, the exit code becomes 0.
    """
    if session.config.option.facts and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK
    if session.config.stash.get(AUDIT, None) and not any(map(uses_hosts, session.items)):
        from fleetkeeper.imports import exempt_from_collection

        exempt_from_collection()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the connections of the audit, and unregister its nodes from testinfra. Nothing without an audit."""
    if audit := config.stash.get(AUDIT, None):
        from fleetkeeper import testinfra_backend

        audit.close()
        testinfra_backend.forget()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Look once in the controller of pytest-xdist, and send the facts to each worker; nothing without an audit."""
    if audit := node.config.stash[AUDIT]:
        look_once(node.config, audit)
        node.workerinput["fleetkeeper"] = audit.ship()


def pytest_collection(session: pytest.Session) -> bool | None:
    """With --facts: look, print the facts and collect nothing. Returns True then, else None: pytest collects.

    Raises pytest.UsageError for an unknown node or topic, and without --hosts.
    """
    name, audit = session.config.option.facts, session.config.stash[AUDIT]
    if not name:
        return None
    from fleetkeeper.errors import UsageError
    from fleetkeeper.reports import facts_text

    try:
        if audit is None:
            raise UsageError("--facts of which servers?", hint="say --hosts=NAME")
        facts_text.known_node(audit.only_inventory(), name)
        look_once(session.config, audit)
        text = facts_text.facts_named(audit.fleets[audit.only_inventory().name], name)
    except UsageError as why:
        raise pytest.UsageError(str(why)) from None
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{text}")
    return True


@pytest.hookimpl(wrapper=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Iterator[None]:
    """Parametrize a check with one item for every subject of its rule.

    The subjects come from the inventory alone, so collecting works offline. A test that takes `host` beside `verdict`
    gets the host of the subject's node: testinfra must not multiply it.
    """
    audit, checks = metafunc.config.stash[AUDIT], metafunc.config.stash[CHECKS]
    names = metafunc.fixturenames
    if "verdict" not in names or audit is None or checks is None:
        return (yield)
    if "host" in names:
        from testinfra.plugin import host

        behind = signature(host).parameters  # what testinfra makes a parameter of every test that takes its `host`
        metafunc.fixturenames = [name for name in names if name not in behind]
    yield
    metafunc.fixturenames = names
    rule = checks.rule_of(metafunc.definition)
    several = len(audit.inventories) > 1
    subjects = list(audit.subjects(rule)) if rule else []
    ids = [f"{inventory}:{short_id(subject)}" if several else short_id(subject) for inventory, subject in subjects]
    items = [(inventory, rule, subject) for inventory, subject in subjects]
    if "host" not in names:
        metafunc.parametrize("verdict", items, ids=ids, indirect=True)
        return None
    nodes = [node_of(inventory, subject, several=several) for inventory, subject in subjects]
    hosts = [host_of(node) if node else None for node in nodes]
    metafunc.parametrize(("verdict", "host"), list(zip(items, hosts, strict=True)), ids=ids, indirect=["verdict"])
    return None


def short_id(subject: Subject) -> str:
    """The subject's part of a test id: its name, or "nothing" where there is nothing to judge."""
    return subject.kind if subject.kind == "nothing" else subject.name


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """End the run with an error for wrong checks (no rule, two checks of a rule), and when checks run without --hosts.

    Whether a rule has no check is only examined when no tests were named on the command line.
    """
    checks = config.stash[CHECKS]
    name_ids(items, config.stash[AUDIT], checks.rules if checks else {})
    if checks and not session.testsfailed:
        whole = config.args_source is not config.ArgsSource.ARGS and not config.option.ignore
        faults = [*checks.faults, *checks.twofold(), *(checks.missing() if whole else ())]
        if faults:
            refuse_run(session, "\n".join(faults))
    yield
    deselect_others(config, items)
    if config.stash[AUDIT] is None and any(map(is_check, items)):
        from fleetkeeper.inventory.search import available_inventories

        there_are = ", ".join(sorted(available_inventories())) or "none yet"
        refuse_run(
            session,
            "nothing was audited: say which servers with --hosts\n"
            f"hint: `pytest --hosts=local` audits this machine; the inventories here: {there_are}",
        )


def refuse_run(session: pytest.Session, why: str) -> None:
    """End the run with a usage error before any node is looked at.

    An exception in a worker of pytest-xdist is lost: there the text goes to the controller, which raises it.
    """
    session.items.clear()
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(why)
    output["fleetkeeper"] = why


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Raise the usage error that a worker of pytest-xdist reported about its checks."""
    if why := getattr(node, "workeroutput", {}).get("fleetkeeper"):
        raise pytest.UsageError(why)


def is_check(item: pytest.Item) -> bool:
    """Whether a test takes the fixture `verdict`."""
    return "verdict" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look at the fleet once the collected tests contain a check."""
    audit = session.config.stash[AUDIT]
    if audit and not session.config.option.collectonly and any(map(is_check, session.items)):
        look_once(session.config, audit, keep=any(map(uses_hosts, session.items)))


def uses_hosts(item: pytest.Item) -> bool:
    """Whether a test may send commands of its own to a node: it takes the fixture `host`, or is no check."""
    return not is_check(item) or "host" in getattr(item, "fixturenames", ())


def look_once(config: pytest.Config, audit: Audit, *, keep: bool = False) -> None:
    """Look at every inventory with a progress display, and save the look where --record names a file.

    `keep` leaves the connections open for tests. A KeyboardInterrupt ends the run with exit code 2. Raises as
    `Audit.record`.
    """
    from fleetkeeper.imports import as_written
    from fleetkeeper.reports.progress import Progress

    nodes = sum(len(inventory.nodes) for inventory in audit.inventories.values())
    try:
        with Progress(nodes, quiet=config.option.verbose < 0) as progress, as_written(config):
            audit.look(progress, keep=keep)
    except KeyboardInterrupt:
        on_ctrl_c(signal.SIG_IGN)
        audit.close()
        on_ctrl_c(signal.SIG_DFL)  # all is closed; pytest would show a traceback of its own now
        pytest.exit("interrupted while looking: nothing was judged", returncode=2)
    if config.option.record:
        audit.record(config.option.record)


def on_ctrl_c(handler: signal.Handlers) -> None:
    """Set the handler of SIGINT; does nothing outside the main thread."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)
