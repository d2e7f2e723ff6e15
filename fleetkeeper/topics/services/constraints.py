"""Placement constraints: on which members the swarm may place a task, and which constraint is in the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fleetkeeper.topics.services.facts import Member, SwarmService
from fleetkeeper.untrusted import shown_word

CONSTRAINT = re.compile(r"([\w.\-/]+)\s*(==|!=)\s*(.*)", re.ASCII)
LABEL = re.compile(r"(?i:node\.labels\.)([\w.\-/]+)\s*==\s*(.+)", re.ASCII)
READY, ACTIVE = "ready", "active"


def hosts(members: Iterable[Member]) -> str:
    """The host names of members, sorted, separated by commas."""
    return ", ".join(sorted(member.hostname for member in members))


def fits(member: Member, constraints: Iterable[str]) -> bool:
    """Whether the swarm may place a task on a member, by the rules of swarmkit's constraint filter.

    Values are compared without case; a missing label is empty; a constraint that the filter does not know fits nowhere.

    >>> vgpu = Member("7f", "vgpu", labels={"queue": "GPU"})
    >>> fits(vgpu, ["node.labels.queue == gpu", "node.role != manager"]), fits(vgpu, ["node.hostname == data"])
    (True, False)
    """
    return all(satisfied(member, constraint) for constraint in constraints)


def satisfied(member: Member, constraint: str) -> bool:
    """Whether a member satisfies one constraint (`node.role == worker`); False for one that cannot be parsed.

    Values are compared without regard to case; False, too, for a key that is not known.
    """
    read = CONSTRAINT.fullmatch(constraint.strip())
    if not read:
        return False
    key, operator, expected = read.groups()
    value = attribute(member, key)
    return value is not None and (value.lower() == expected.lower()) == (operator == "==")


def attribute(member: Member, key: str) -> str | None:
    """The value of a constraint's key for a member; None for a key that swarmkit does not know.

    "" for a label that it does not have.
    """
    lower = key.lower()
    for prefix, labels in (("node.labels.", member.labels), ("engine.labels.", member.engine_labels)):
        if lower.startswith(prefix):
            return labels.get(key[len(prefix) :], "")
    known_names = {
        "node.id": member.id,
        "node.hostname": member.hostname,
        "node.ip": member.address,
        "node.role": member.role,
        "node.platform.os": member.os,
        "node.platform.arch": member.architecture,
    }
    return known_names.get(lower)


def takes_tasks(member: Member) -> bool:
    """Whether the swarm gives a member new tasks: it is up, and neither paused nor drained; True if not shown."""
    return is_ready(member) and member.availability in (ACTIVE, "")


def is_ready(member: Member) -> bool:
    """Whether a member is up for the managers; True where its state was not shown."""
    return member.state in (READY, "")


def unmet(service: SwarmService, members: Sequence[Member]) -> tuple[str, str]:
    """What keeps the swarm from placing a service anywhere, in words, and what a person can do; both empty if nothing.

    Names the constraints that no member meets and, for a label, the members that meet all others. Raises Untrusted for
    a label that no shell can take.

    >>> gpu = SwarmService("s1", "gpu", constraints=("node.labels.queue == GPU", "node.role == worker"))
    >>> words, hint = unmet(gpu, [Member("n1", "data", role="manager"), Member("n2", "vgpu")])
    >>> words
    'no member meets `node.labels.queue == GPU` (vgpu meets the others)'
    >>> hint
    '`docker node update --label-add queue=GPU vgpu` on a manager, where that is the right one'
    """
    able = [member for member in members if takes_tasks(member)]
    if any(fits(member, service.constraints) for member in able):
        return "", ""
    if fitting := [member for member in members if fits(member, service.constraints)]:
        states = ", ".join(f"{member.hostname} ({why_idle(member)})" for member in fitting)
        idle = [shown_word(member.hostname) for member in fitting if is_ready(member)] or ["NODE"]
        hint = f"`docker node update --availability active {idle[0]}` on a manager, when it is up and its work is over"
        return f"only {states} may run it", hint
    missing = [rule for rule in service.constraints if not any(satisfied(member, rule) for member in able)]
    if not missing:
        return f"no member meets all of {quoted(service.constraints)}", ""
    rest = [rule for rule in service.constraints if rule not in missing]
    others = [member for member in able if fits(member, rest)]
    near = f" ({hosts(others)} {'meets' if len(others) == 1 else 'meet'} the others)" if rest and others else ""
    return f"no member meets {quoted(missing)}{near}", label_command(missing, others)


def why_idle(member: Member) -> str:
    """Why the swarm gives a member no new tasks, in the swarm's own words: down, pause or drain."""
    return member.availability if is_ready(member) else member.state


def quoted(constraints: Iterable[str]) -> str:
    """The constraints in backquotes, joined by `and`."""
    return " and ".join(f"`{constraint}`" for constraint in constraints)


def label_command(missing: Sequence[str], others: Sequence[Member]) -> str:
    """The command that gives a node the labels that no member has, as a hint; "" where it is not labels alone.

    `missing` are the constraints that no member meets, `others` the members that meet all other constraints. Raises
    Untrusted for a label that no shell can take.
    """
    labels = [match for rule in missing if (match := LABEL.fullmatch(rule.strip()))]
    if len(labels) < len(missing):
        return ""
    words = " ".join(f"--label-add {shown_word(f'{label[1]}={label[2].strip()}')}" for label in labels)
    node = shown_word(others[0].hostname) if len(others) == 1 else "NODE"
    return f"`docker node update {words} {node}` on a manager, where that is the right one"
