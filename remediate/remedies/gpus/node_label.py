"""The remedy that gives a node with a GPU its label in the swarm back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.gpus.gpu_members import members_with_gpus, seen_managers
from fleetkeeper.topics.gpus.resources import Facts as Resources
from fleetkeeper.topics.gpus.rules.placement_by_label import labels_in_words, lacking_labels
from fleetkeeper.topics.services.constraints import fits, takes_tasks, why_idle
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, SwarmService
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import installed_word, one_line
from remediate.plan import Disturbs, ForAPerson, Plan
from remediate.steps import AnyStep, Require, Run

AWAIT_TASK = "remediate/remedies/gpus/scripts/await_task.sh"
HAS_LABELS = "remediate/remedies/gpus/scripts/has_labels.sh"
NOT_OURS = "where a service may run is decided in its stack file, and which node takes tasks by people"
STATE = "{{.Spec.Availability}} {{.Status.State}}"
KEEPS_TASKS = 23
"""The first major version of the engine in which an update of a node leaves tasks with named resources alone."""


@dataclass(frozen=True)
class LabelChange:
    """The labels that a member shall have, on a manager; `service` is the one that waits for them, None without one."""

    manager: str
    swarm: Services
    resources: Resources
    member: Member
    lacking: Mapping[str, str]
    service: SwarmService | None

    @property
    def labelled(self) -> Member:
        """The member as it will be."""
        return replace(self.member, labels={**self.member.labels, **self.lacking})

    def displaced(self) -> list[str]:
        """The services with tasks on the member that their constraints would keep from it then.

        The swarm would end their tasks at once.
        """
        here = {
            task.service
            for task in self.swarm.tasks
            if task.member == self.member.hostname and task.desired == "running"
        }
        return sorted(
            service.name
            for service in self.swarm.services
            if service.name in here and fits(self.member, service.constraints)
            and not fits(self.labelled, service.constraints)
        )  # fmt: skip

    def rejects_tasks(self) -> bool:
        """Whether this update of the node may end tasks that hold named resources: with engines before 23.

        An engine whose version was not seen counts as one.
        """
        versions = [version.partition(".")[0] for version in self.resources.engines.values()] or [""]
        older = any(not is_number(version) or int(version) < KEEPS_TASKS for version in versions)
        return self.member.id in self.resources.named and older


def is_number(text: str) -> bool:
    """Whether a text is a short number in ASCII digits."""
    return 0 < len(text) < 6 and all(char in "0123456789" for char in text)


def put_label_back(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Give a node with a GPU the labels of the inventory, so that its services start there again.

    Disturbs: the services that wait for the label start; with engines before 23, where the node offers GPUs by name,
    the update ends the tasks that hold one (`interrupt`). Way back: the labels are as before, and the swarm ends what
    they brought there. A person must act on a node that is down, paused or drained, where a label would end tasks of
    another service, and for constraints, resources and states.

    Raises Unobservable when no manager was seen, Untrusted for an id that is none.
    """
    change = label_change(finding, fleet)
    if change is None:
        return ForAPerson(NOT_OURS, finding.hint)
    if not takes_tasks(change.member):
        idle = why_idle(change.member)
        back = (
            f"when its work is over: `docker node update --availability active {finding.node}` on a manager, then again"
        )
        return ForAPerson(f"{finding.node} takes no tasks ({one_line(idle)}), so no label helps now", back)
    if displaced := change.displaced():
        named = ", ".join(map(one_line, displaced))
        return ForAPerson(f"the label would end the tasks of {named} there: their constraints exclude it", finding.hint)
    interrupts: tuple[Disturbs, ...] = ("restart", "interrupt") if change.rejects_tasks() else ("restart",)
    lost = "; this engine also ends the tasks there that hold a GPU, with the jobs that they run"
    return Plan(
        steps=tuple(steps_of(change)),
        disturbs=interrupts,
        disturbance="the services that wait for the label start on the node" + (lost if len(interrupts) > 1 else ""),
        undo="the labels are as before: the swarm ends at once what they have brought to the node",
        success="a task runs on the node, and the rule holds on a fresh look",
        requires=(is_as_seen(change),),
    )


def label_change(finding: Finding, fleet: Fleet) -> LabelChange | None:
    """The change that a finding asks for; None for one about something else than a label.

    Raises Unobservable where the node's part in the swarm, or its resources, were not seen.
    """
    name = placement.service_of(fleet, finding.subject).name
    for node, manager in seen_managers(fleet):
        service = next((each for each in manager.services if each.name == name), None)
        member = members_with_gpus(fleet, manager).get(finding.about)
        if service is None or member is None:
            continue
        member = raise_if_unobservable(member, finding.node)
        lacking = lacking_labels(fleet, member)
        if not lacking:
            return None
        resources = fleet.of(node, Resources)
        change = LabelChange(node, manager, resources, member, lacking, None)
        starts = fits(change.labelled, service.constraints) and service.replicas != 0
        return replace(change, service=service if starts else None)
    if finding.about in fleet.inventory.nodes and not any(seen_managers(fleet)):
        raise Unobservable("no manager of the swarm was seen")
    return None


def steps_of(change: LabelChange) -> list[AnyStep]:
    """The steps: the labels, and a wait for a task of the service. Raises Untrusted for names that no node has."""
    member = installed_word(change.member.id, "the id of the member")
    add = [word for key, value in change.lacking.items() for word in ("--label-add", f"{key}={value}")]
    back = [word for key in change.lacking for word in way_back(change.member, key)]
    pairs = [word for pair in change.lacking.items() for word in pair]
    label = Run(
        change.manager,
        ("docker", "node", "update", *add, member),
        says=f"give {one_line(change.member.hostname)} the label {labels_in_words(change.lacking)}",
        undo=("docker", "node", "update", *back, member),
        undo_while=("sh", "-c", load_script(HAS_LABELS), "sh", member, *pairs),
    )
    if change.service is None:
        return [label]
    name = installed_word(change.service.name, "the name of the service")
    words = ("sh", "-c", load_script(AWAIT_TASK), "sh", name, member)
    wait = Run(change.manager, words, says=f"wait until a task of {name} runs there", changes=False, limit=90)
    return [label, wait]


def way_back(member: Member, key: str) -> tuple[str, str]:
    """The words that give a member a label as it was, or take it away. Raises Untrusted for an unusual value."""
    before = member.labels.get(key)
    return ("--label-add", f"{key}={installed_word(before, 'the label')}") if before else ("--label-rm", key)


def is_as_seen(change: LabelChange) -> Require:
    """The condition that the member still takes tasks."""
    words = ("docker", "node", "inspect", "--format", STATE, change.member.id)
    return Require(change.manager, words, f"{one_line(change.member.hostname)} is active and ready", "active ready")
