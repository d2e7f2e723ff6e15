"""`remediate backups create`: one more backup now, made as the remedy for a stale one makes it."""

from __future__ import annotations

from datetime import UTC, datetime

from fleet.commands import Unobservable
from fleet.rules import Finding
from remediate.backups.desk import Desk
from remediate.exits import Exit
from remediate.remedies.backups import make_one

RULE = "backups.are_fresh"


def create(desk: Desk) -> Exit:
    """Dump the database, whether the newest backup is fresh or not, and verify the file on its node."""
    fleet = desk.look()
    asked = Finding(saw="a backup was asked for", want=f"one of {datetime.now(UTC):%H:%M} UTC")
    try:
        made = make_one(asked, fleet)
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    planned = desk.answer(RULE, fleet, made)
    if planned is None:
        return Exit.FINDINGS_REMAIN
    if planned.plan.disturbs != ("nothing",):
        desk.screen.error("there is no room for it", hint="thin first: `remediate --only backups.are_thinned --fix`")
        return Exit.FINDINGS_REMAIN
    return desk.apply(planned)
