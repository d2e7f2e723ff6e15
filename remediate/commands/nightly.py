"""`remediate --nightly`: the repairs that the inventory lists, with exactly that consent, while nobody watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fleetkeeper import state
from fleetkeeper.audit import open_audit
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.repairs import Repairs
from fleetkeeper.judging.rule import matching_rules
from fleetkeeper.reports.night_repairs import NightRepairs, RepairEnd, remember_repairs, repairs_file
from fleetkeeper.topics.registry import rules_in, topics_of
from remediate.commands.fix import Call, remediate
from remediate.plan_end import PlanEnd
from remediate.render.console import Screen
from remediate.session import remedies_of

CONTRARY = ("only", "limit", "allow", "max_changes", "again", "replay")
"""Options that would make the repairs other ones than the inventory lists."""


def repair_nightly(call: Call) -> Exit:
    """Mend what the inventory lists under `repairs`, without asking. Returns the exit code.

    What was done is kept for the report of the next audit, also when it could not be done. What is mended is shown.
    Raises UsageError for options, an inventory or a journal that cannot be used, and when the inventory lists none.
    """
    check_call(call)
    inventory = open_audit(call.hosts or "", state=call.state).only_inventory()
    if inventory.repairs is None:
        raise UsageError(
            f"{inventory.name} lists no repairs for the night; nothing was changed",
            hint='write for example `repairs: {nightly: [backups.are_thinned, "certificates.*"]}` into the inventory',
        )
    for glob in without_remedy(inventory, inventory.repairs):
        Screen().note(f"repairs.nightly: {glob} has no remedy, so nothing is done about it at night")
    file = repairs_file(state.directory(call.state), inventory.name, inventory.path)
    night = NightRepairs(datetime.now(UTC).isoformat(timespec="seconds"))
    remember_repairs(file, night)
    ended: list[tuple[str, Sequence[PlanEnd]]] = []
    try:
        code = remediate(nightly_call(call, inventory.repairs, ended))
    except UsageError as why:
        remember_repairs(file, replace(finished(night), why=str(why)))
        raise
    run, ends = ended[-1] if ended else ("", ())
    outcomes = tuple(RepairEnd(end.planned.rule.id, end.planned.subject.name, end.end.value, end.why) for end in ends)
    remember_repairs(file, replace(finished(night), run=run, exit=int(code), ends=outcomes))
    return code


def without_remedy(inventory: Inventory, repairs: Repairs) -> list[str]:
    """The names in `repairs` that match no rule with a remedy, ours or a topic's own."""
    topics = topics_of(inventory)
    remedies, rules = remedies_of(topics), rules_in(topics)
    return [glob for glob in repairs.nightly if not matching_rules([glob], rules) & set(remedies)]


def check_call(call: Call) -> None:
    """Raises UsageError for options that contradict --nightly, and without --hosts."""
    given = ["--" + name.replace("_", "-") for name in CONTRARY if getattr(call, name)]
    if given:
        raise UsageError(f"--nightly with {', '.join(given)}: the inventory alone says what is repaired at night")
    if not call.hosts:
        raise UsageError("--nightly needs --hosts: nobody is there to see which servers are meant")


def nightly_call(call: Call, repairs: Repairs, ended: list[tuple[str, Sequence[PlanEnd]]]) -> Call:
    """The call of --fix --yes that mends what `repairs` lists, and no more.

    It appends the id of its run and the ends of its plans to `ended`.
    """
    return replace(
        call,
        only=repairs.nightly,
        max_changes=repairs.max_changes,
        fix=True,
        yes=True,
        nightly=True,
        tell_ends=lambda run, ends: ended.append((run, ends)),
    )


def finished(night: NightRepairs) -> NightRepairs:
    """The same night with the time of now as its end."""
    return replace(night, ended=datetime.now(UTC).isoformat(timespec="seconds"))
