"""The fixture `verdict`, and the hook that attaches a verdict to a check's report."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fleetkeeper.promises import HOST_BY_NAME, JudgedPromise

if TYPE_CHECKING:
    from fleetkeeper.audit import Audit
    from fleetkeeper.judging.rule import Subject
    from fleetkeeper.judging.verdicts import Verdict
    from fleetkeeper.looking.fleet import Fleet
    from fleetkeeper.reports import results_schema

AUDIT: pytest.StashKey[Audit | None] = pytest.StashKey()
FACTS = pytest.StashKey[str]()
ITEM: pytest.StashKey[results_schema.Judged] = pytest.StashKey()
NOT_HELD = ("finding", "waived")
"""Outcomes with which a check must not pass."""


class Unknown(Exception):
    """Raised in the setup of a check whose verdict is unknown; pytest reports it as ERROR."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note in the audit which rules this run asks: of an undecided section some check must tell, whatever -k leaves."""
    if (audit := session.config.stash[AUDIT]) and session.items:
        audit.asked = rules_of_checks(session.items)


def rules_of_checks(items: Iterable[pytest.Item]) -> dict[str, set[str]]:
    """The ids of the rules that collected checks judge, by inventory name. Tests that are no checks do not count."""
    rules: dict[str, set[str]] = {}
    for item in items:
        match getattr(item, "callspec", None) and item.callspec.params.get("verdict"):  # type: ignore[attr-defined]
            case (str(inventory), str(rule), _):
                rules.setdefault(inventory, set()).add(rule)
    return rules


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> JudgedPromise:
    """The verdict of this check's rule about its subject.

    Raises Unknown when facts for it could not be observed, and skips the test when the rule does not apply. The
    verdict, and with --show-facts the facts, are put into the test's stash for the report.
    """
    from fleetkeeper.reports import results, terminal
    from fleetkeeper.untrusted import one_line

    inventory, rule, subject = request.param
    judged = request.config.stash[AUDIT].verdict(inventory, rule, subject)  # type: ignore[union-attr]
    owners = request.config.stash[AUDIT].owners(inventory)  # type: ignore[union-attr]
    request.node.stash[ITEM] = item = results.result_item(judged, inventory, request.node.nodeid, owners)
    if names := owner_names(item):
        request.node.user_properties.append(("owner", " ".join(names)))
    if broken_ids := dict.fromkeys(name for finding in item["findings"] for name in finding["cis"]):
        request.node.user_properties.append(("cis", " ".join(broken_ids)))
    option, broken = request.config.option, judged.outcome.name in ("FINDING", "UNKNOWN", "WAIVED")
    if option.show_facts or (option.verbose > 1 and broken):
        request.node.stash[FACTS] = facts_read(request.config, inventory, judged)
    if judged.outcome.name == "UNKNOWN":
        raise Unknown(terminal.check_message(judged))
    if judged.outcome.name == "NOT_APPLICABLE":
        pytest.skip(one_line(judged.not_applicable))
    audit = request.config.stash[AUDIT]
    several = len(audit.inventories) > 1  # type: ignore[union-attr]

    def seen_node() -> str:
        """The host name of the one node where the subject, a service or a certificate's, was seen running.

        INVENTORY:NODE in a run of several inventories. Raises UsageError for another subject, and when it runs on no
        node or several.
        """
        located = replace(subject, node=find_node(audit.fleets[inventory], subject))  # type: ignore[union-attr]
        return node_of(inventory, located, several=several)

    return JudgedPromise(judged, node_of(inventory, subject, several=several), seen_node)


def owner_names(item: results_schema.Judged) -> list[str]:
    """Who owns what of an item is open or unknown, else the promise; empty where the inventory has no owners."""
    open_ = [finding["owner"] for finding in item["findings"] if not finding["waived"]]
    dark = [why["owner"] for why in item["unknown"]]
    return [name for name in dict.fromkeys([*open_, *dark] or [item["owner"]]) if name]


def facts_read(config: pytest.Config, inventory: str, judged: Verdict) -> str:
    """The facts that a rule read for a verdict as text, under a title; "nothing" when there are none."""
    from fleetkeeper.reports import facts_text

    fleet = config.stash[AUDIT].fleets.get(inventory)  # type: ignore[union-attr]
    read = facts_text.facts_read(judged.rule, fleet, judged.subject) if fleet else ""
    return f"{judged.rule.id} [{judged.subject}] read\n{read or 'nothing'}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the verdict to the report (also for the controller of pytest-xdist); report `unknown` without a traceback.

    A check that passes although its verdict does not hold is failed here: it may have forgotten to assert, or Python
    may run without assertions (`python -O --assert=plain`).
    """
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Unknown):
        report.longrepr = str(call.excinfo.value)
    if report.when == "call" and report.passed and ITEM in item.stash and item.stash[ITEM]["outcome"] in NOT_HELD:
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} does not assert its verdict: write `assert verdict.holds`, and run no python -O"
        )
    if FACTS in item.stash and report.when == "setup":
        report.fleetkeeper_facts = item.stash[FACTS]  # type: ignore[attr-defined]
    if ITEM in item.stash and (report.when == "call" or (report.when == "setup" and not report.passed)):
        report.fleetkeeper = item.stash[ITEM]  # type: ignore[attr-defined]
    return report


def node_of(inventory: str, subject: Subject, *, several: bool) -> str:
    """The subject's node as a host name of our testinfra backend; "" where the inventory does not name it.

    `several` says that the run has several inventories: then it is INVENTORY:NODE.
    """
    node = subject.name if subject.kind == "node" else subject.node
    return f"{inventory}:{node}" if node and several else node


def find_node(fleet: Fleet, subject: Subject) -> str:
    """The one node where the subject, a service or a certificate's service, was seen running.

    Raises UsageError for a subject of another kind, and when there is not exactly one such node. Raises NotApplicable
    where the inventory has no such service, Unobservable where a node was not seen.
    """
    from fleetkeeper.errors import UsageError
    from fleetkeeper.topics.certificates.policy import Policy
    from fleetkeeper.topics.containers.placement import running_placements

    service = subject.name
    if subject.kind == "certificate":
        declared = fleet.inventory.section(Policy).certificates
        service = next(certificate.service for certificate in declared if certificate.name == subject.name)
    elif subject.kind != "service":
        raise UsageError(f"the {subject.kind} {subject} is on no node of its own", hint=HOST_BY_NAME)
    nodes = sorted({placement.node for placement in running_placements(fleet, service)})
    if len(nodes) != 1:
        where = f"on {', '.join(nodes)}" if nodes else "nowhere"
        raise UsageError(f"the service {service} runs {where}, so there is no one host of it", hint=HOST_BY_NAME)
    return nodes[0]
