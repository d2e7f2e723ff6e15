"""The remedy that links the driver's devices in /dev/char, where a reload of systemd looks for them."""

from __future__ import annotations

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.gpus.facts import Facts
from fleetkeeper.topics.gpus.rules.runtime import LINK_ABOUT, LINK_COMMAND
from fleetkeeper.untrusted import one_of
from remediate.plan import ForAPerson, Plan
from remediate.steps import ABSENT, AnyStep, Run, WriteFile

RULE_FILE = "/etc/udev/rules.d/71-nvidia-dev-char.rules"
TOOL_PATHS = frozenset({"/usr/bin/nvidia-ctk", "/usr/local/bin/nvidia-ctk", "/usr/local/nvidia/toolkit/nvidia-ctk"})
OPTIONS = tuple(LINK_COMMAND.split(" ")[1:])
NOT_OURS = "an engine is set up anew by people: its restart stops every container of the node"
NO_TOOL = (
    "install the NVIDIA Container Toolkit 1.12 or later, then run the audit again; or have the engine keep control "
    'groups itself (`"exec-opts": ["native.cgroupdriver=cgroupfs"]` in its settings), which needs a restart of it'
)


def link_devices(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Link the driver's devices in /dev/char, now and by a rule of udev after each boot.

    Disturbs: nothing; containers that have lost their devices already need a new task. Way back: the rule is removed;
    links stay until the next boot, and do no harm. What gives containers a GPU at all, the runtime and resources of the
    engine, is for a person: it needs a restart of the engine, with which every container of the node stops.

    A person must act, too, where nvidia-ctk or udev is missing. Raises Unobservable when the node was not seen,
    Untrusted where nvidia-ctk is in an unusual place.
    """
    if finding.about != LINK_ABOUT:
        return ForAPerson(NOT_OURS, finding.hint)
    facts = fleet.of(finding.node, Facts)
    if not facts.ctk:
        return ForAPerson("there is no nvidia-ctk, which makes the links", NO_TOOL)
    tool = one_of(facts.ctk, TOOL_PATHS, "nvidia-ctk")
    steps: list[AnyStep] = []
    if not facts.linking_rules:
        if not facts.udev:
            return ForAPerson("no udev runs there, so nothing would make the links again after a boot", finding.hint)
        steps.append(WriteFile(finding.node, RULE_FILE, rule_of_udev(tool).encode(), ABSENT))
    steps.append(Run(finding.node, (tool, *OPTIONS), says="link the driver's devices in /dev/char"))
    return Plan(
        steps=tuple(steps),
        disturbance="nothing; a container that has lost its devices already needs a new task",
        undo="the rule of udev is removed; links stay until the next boot, and do no harm",
        success="each device of the driver has its link, on a fresh look",
    )


def rule_of_udev(tool: str) -> str:
    """The content of the file with the rule, as NVIDIA's own documentation has it; `tool` is the path of nvidia-ctk."""
    condition = 'ACTION=="add", DEVPATH=="/bus/pci/drivers/nvidia"'
    head = "# Made by fleetkeeper: links for devices that systemd allows."
    return f'{head}\n{condition}, RUN+="{tool} {" ".join(OPTIONS)}"\n'
