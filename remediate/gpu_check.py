"""`remediate gpus check`: a command in the containers that need a GPU says whether it sees one.

It is no audit: what it runs takes memory of the GPU for a moment. It is written down like a drill of a backup, in the
same form, and judged by the rule `gpus.are_computed_on`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper import state
from fleetkeeper.audit import open_audit
from fleetkeeper.errors import NotApplicable, UsageError
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.topics.backups.database.observe import record_bytes
from fleetkeeper.topics.backups.database.record import contains_addition, merge_records, with_corrected_dates
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.gpus.check_record import NO_CHECK, Facts, check_record_path, checked_command
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.registry import RULES
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.pool import Links
from fleetkeeper.untrusted import one_line
from remediate.commands.fix import Call, inventory_name
from remediate.journal import Journal
from remediate.plan import Plan
from remediate.plan_end import Proof
from remediate.proposal import PlannedChange
from remediate.render.console import Screen
from remediate.render.plan_text import Line
from remediate.runner import PlanRun, RequestedPlan, Runner
from remediate.session import Session
from remediate.steps import ABSENT, WriteFile
from remediate.steps.put_content import ask_one
from remediate.sudo_mode import for_repairs, require_root

RULE = "gpus.are_computed_on"
TOPICS = ("nodes", "containers", "gpu_checks")
LIMIT = 170
"""Seconds that the command may take: a library that is loaded for the first time takes long."""
BOUNDED = 'command -v timeout >/dev/null 2>&1 || exit 69; limit=$1; shift; exec timeout -s KILL "$limit" "$@"'
"""Ends the command in its container: what hangs with the GPU would stay there."""
SEES = re.compile(r"[Tt]rue|[1-9][0-9]{0,2}|cuda(:[0-9]{1,3})?|(/physical_device:|/device:)?GPU:[0-9]{1,3}", re.ASCII)
LISTS = re.compile(r"\[[^\n]*(\bGPU:[0-9]|\b[Cc]uda(Device)?\(id=[0-9])[^\n]*\]", re.ASCII)
BLIND = re.compile(
    r"[Ff]alse|0|None|\[\]|\(\)|cpu|CPU|(/physical_device:|/device:)?CPU:[0-9]{1,3}|\[[^\n]*\b(CPU:[0-9]|[Cc]pu(Device)?"
    r"\(id=[0-9])[^\n]*\]",
    re.ASCII,
)
NEITHER = "what it printed last is neither yes nor no (print `True`, a number of devices, or their list)"
UNTRIED = {
    69: "there is no `timeout` in the container to end it with",
    124: f"it did not end within {LIMIT} s",
    125: "it could not be run",
    126: "it could not be run",
    127: "it could not be run: there is no such program in the container",
    137: f"it did not end within {LIMIT} s, or was killed",
}
"""Exit statuses that say nothing about a GPU."""
ENGINE_ERRORS = ("Error response from daemon", "Error: No such container", "error during connect", "Cannot connect to")


class Unproven(Exception):
    """Why a check says nothing about a GPU, either way. What the command printed is never in it."""


def blindness(answer: Output) -> str:
    """Why the command saw no GPU, in words; "" where it saw one. Raises Unproven for anything that is neither.

    Only words that are known here are repeated: what a program prints may hold a secret.

    >>> blindness(Output(0, b"True\\n")), blindness(Output(0, b"[PhysicalDevice(name='/physical_device:GPU:0')]\\n"))
    ('', '')
    >>> blindness(Output(0, b"loading\\n[]\\n"))
    'it ended well and printed `[]`: a silent fall-back to the CPU'
    """
    if answer.lost or answer.rc is None:
        raise Unproven(one_line(answer.lost or "it did not end")[:200])
    errors = answer.err.decode("utf-8", "replace")
    if answer.rc in UNTRIED or (answer.rc != 0 and errors.startswith(ENGINE_ERRORS)):
        raise Unproven(UNTRIED.get(answer.rc, "the container was not there any more"))
    if answer.rc != 0:
        return f"it ended with status {answer.rc}"
    rows = [row.strip() for row in answer.out.decode("utf-8", "replace").split("\n") if row.strip()]
    last = rows[-1] if rows else ""
    if SEES.fullmatch(last) or LISTS.fullmatch(last):
        return ""
    if BLIND.fullmatch(last):
        shown = one_line(last) if len(last) < 10 else "CPUs alone"
        return f"it ended well and printed `{shown}`: a silent fall-back to the CPU"
    raise Unproven(NEITHER)


@dataclass
class GpuCheck:
    """The checks of one inventory; `session` looks at it, `journal` records that they were written down."""

    inventory: Inventory
    policy: Policy
    session: Session
    screen: Screen
    journal: Journal

    def run(self) -> Exit:
        """Check each service that needs a GPU, show and write down how that went. Returns the exit code."""
        fleet = self.session.look(TOPICS)
        try:
            places = {key: running_placements(fleet, key) for key in self.policy.services}
            nodes = {each.node for running in places.values() for each in running}
            require_root(fleet, {self.policy.nodes[0], *nodes})
            self.records(fleet)
        except Unobservable as why:
            self.screen.error(str(why), hint=why.hint)
            return Exit.NOT_ALL_SEEN
        checks = tuple(self.check_service(key, running) for key, running in places.items())
        self.screen.lines([line for each in checks for line in lines_of_check(each)])
        codes = [Exit.NOT_ALL_SEEN if each.refused else Exit.FINDINGS_REMAIN for each in checks if not is_good(each)]
        return worst_exit([self.write_down(Records(drills=checks)), *codes])

    def records(self, fleet: Fleet) -> Records:
        """The record that a look saw. Raises Unobservable."""
        node = self.policy.nodes[0]
        return raise_if_unobservable(fleet.of(node, Facts).records, node)

    def check_service(self, key: str, running: Sequence[Placement]) -> Drill:
        """What the command said in all containers of a service: one that saw no GPU is a failure of all."""
        begin = time.monotonic()
        if not running:
            return Drill(key, datetime.now(UTC), 0.0, 0.0, refused=f"no container of {key} runs")
        self.screen.say(f"running the check in {', '.join(one_line(each.container.name) for each in running)}")
        blind, unproven = [], []
        for placement in running:
            try:
                why = blindness(self.ask(placement))
            except Unproven as reason:
                unproven.append(f"{one_line(placement.container.name)[:80]}: {reason}")
            else:
                blind += [f"{one_line(placement.container.name)[:80]}: {why}"] if why else []
        refused = "; ".join(unproven[:3]) if not blind else ""
        seconds = time.monotonic() - begin
        return Drill(key, datetime.now(UTC), seconds, 0.0, error="; ".join(blind[:3]), refused=refused)

    def ask(self, placement: Placement) -> Output:
        """What the command printed in one container. It is a link's answer, also where the connection was lost."""
        link = self.session.link_to(self.inventory.nodes[placement.node])
        words = ("docker", "exec", placement.container.id, "sh", "-c", BOUNDED, "sh", str(LIMIT))
        return ask_one(link, Command((*words, *(self.policy.check or ())), sudo=True, limit=LIMIT + 20.0))

    def write_down(self, addition: Records) -> Exit:
        """Add the checks to the record, planned under the lock from what is in it by then. Returns the exit code."""

        def made() -> Plan:
            """The plan that adds to the record, from a fresh look."""
            fleet = self.session.look(TOPICS)
            before = with_corrected_dates(self.records(fleet), addition, fleet.looked_at)
            return record_plan(self.policy, before, addition)

        def proof() -> tuple[Proof, str]:
            """Whether a fresh look sees the checks in the record, and the reason."""
            try:
                whole = contains_addition(self.records(self.session.look(TOPICS)), addition)
            except Unobservable as why:
                return Proof.UNKNOWN, f"the record could not be read back: {why}"
            return (Proof.FIXED, "") if whole else (Proof.FAILING, "the record lacks what was written")

        def work(run: PlanRun) -> Exit:
            """Write the record in this run; the end of a check that failed is not shown as done."""
            subject = Subject("service", addition.drills[0].backup)
            run.apply([PlannedChange(1, RULES[RULE], subject, (), made())], RequestedPlan(made, proof, shown=False))
            code = run.code()
            if code is Exit.NOTHING_LEFT and not all(map(is_good, addition.drills)):
                run.ends.clear()
            return code

        runner = Runner(self.journal, self.inventory.name, self.inventory.path, self.session.link_by_name, self.screen)
        try:
            return runner.run(work)
        except Unobservable as why:
            self.screen.error(f"it was not written down: {why}", hint="run the check again")
            return Exit.NOT_ALL_SEEN


def is_good(check: Drill) -> bool:
    """Whether a check saw a GPU in each container."""
    return not check.error and not check.refused


def record_plan(policy: Policy, before: Records, addition: Records) -> Plan:
    """The plan that writes the record: all that was in it before, and what is added."""
    content = record_bytes(merge_records(before, addition), checked_command(policy))
    step = WriteFile(policy.nodes[0], check_record_path(policy), content, before.digest or ABSENT, mode=0o600)
    return Plan(steps=(step,), success="the record can be read, and has the checks")


def lines_of_check(check: Drill) -> Iterator[Line]:
    """Lines for a person: what one check saw."""
    if check.refused:
        yield Line(f"{check.backup}: nothing is proven: {check.refused}", "bad")
    elif check.error:
        yield Line(f"{check.backup}: no GPU: {check.error}", "bad")
    else:
        yield Line(f"{check.backup}: a program in each container sees a GPU ({check.seconds:.0f} s)", "good")


def check_gpus(hosts: str | None, given: Path | None) -> Exit:
    """Check the services that need a GPU. Returns the exit code.

    `hosts` is the inventory (None: the last audited), `given` the state directory (None: the usual one). Raises
    UsageError for an inventory that names no command, or no service.
    """
    screen = Screen()
    inventory = for_repairs(
        open_audit(inventory_name(Call(hosts=hosts, state=given), screen), state=given).only_inventory()
    )
    try:
        policy = inventory.section(Policy)
        checked_command(policy)
    except NotApplicable as why:
        raise UsageError(f"{inventory.name} has nothing to check: {why}", hint=NO_CHECK) from None
    if not policy.services:
        raise UsageError(f"{inventory.name} names no service that needs a GPU (`gpus: {{services: […]}}`)")
    journal = Journal(state.directory(given) / "journal.sqlite")
    try:
        with Links(inventory) as links:
            return GpuCheck(inventory, policy, Session(inventory, links.to), screen, journal).run()
    finally:
        journal.close()
