"""The remedy that starts cron, and has it started at boot."""

from __future__ import annotations

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.steps import AnyStep, Run


def start_cron(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Start cron, and have it started at boot.

    Disturbs: nothing, except that what is scheduled on the node happens again. Way back: cron is as it was before. Only
    what is lacking is done; whether it starts at boot is left alone where that is not known. A person must act when
    cron is not installed, or its init system is not known here.

    Raises Unobservable when cron was not seen.
    """
    node = finding.node
    facts = fleet.of(node, Facts)
    starts = START.get(facts.manager)
    if not facts.installed or starts is None:
        return ForAPerson("nothing here knows how to start cron", finding.hint)
    start, stop, runs, enable, disable = (tuple(word.format(unit=facts.unit) for word in words) for words in starts)
    running = raise_if_unobservable(facts.cron, node) if isinstance(facts.cron, Unobservable) else facts.cron
    steps: list[AnyStep] = []
    if running is None:
        steps.append(Run(node, start, says="start cron", undo=stop, undo_while=runs))
    if facts.enabled is False:
        steps.append(Run(node, enable, says="have cron started at boot", undo=disable))
    return Plan(
        steps=tuple(steps),
        disturbance="nothing, except that what is scheduled on this node happens again",
        undo="cron is as it was before: stopped, or not started at boot",
        success="a process of cron on this node",
    )


Words = tuple[str, ...]
START: dict[str, tuple[Words, Words, Words, Words, Words]] = {
    "systemd": (
        ("systemctl", "start", "{unit}"),
        ("systemctl", "stop", "{unit}"),
        ("systemctl", "is-active", "--quiet", "{unit}"),
        ("systemctl", "enable", "{unit}"),
        ("systemctl", "disable", "{unit}"),
    ),
    "service": (
        ("service", "{unit}", "start"),
        ("service", "{unit}", "stop"),
        ("service", "{unit}", "status"),
        ("update-rc.d", "{unit}", "enable"),
        ("update-rc.d", "{unit}", "disable"),
    ),
    "openrc": (
        ("rc-service", "{unit}", "start"),
        ("rc-service", "{unit}", "stop"),
        ("rc-service", "{unit}", "status"),
        ("rc-update", "add", "{unit}", "default"),
        ("rc-update", "del", "{unit}", "default"),
    ),
}
"""By init system the commands that start, stop, test, enable and disable a unit."""
