"""Check-ins to monitors of Sentry, which make themselves: the audit, the proven backup, and certbot.

Sentry raises the alarm when one is late. A check-in "ok" of the backup and of certbot is sent after what it says was
proven by this audit, never by the job itself; what could not be seen, or is waived, sends none, so it is late there.

Sources: https://develop.sentry.dev/sdk/telemetry/check-ins/ (the payload of the item `check_in`) and
https://docs.sentry.io/product/crons/getting-started/http/ (`monitor_config` makes a monitor and changes it).
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fleetkeeper.reports.heartbeat_ping import harmless_error
from fleetkeeper.reports.history import digest
from fleetkeeper.reports.sentry_http import Refusal

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.owners import Person
    from fleetkeeper.inventory.sentry_policy import CheckIns
    from fleetkeeper.reports.results_schema import Judged
    from fleetkeeper.reports.sentry_receiver import SentryReceiver

PATIENCE = 5.0
"""Seconds that all check-ins of one run together may delay it."""
LONGEST_SLUG = 50
MINUTE = timedelta(minutes=1)
PROOFS = {
    "backup": frozenset({"backups.are_fresh"}),
    "certbot": frozenset({"certificates.will_renew", "certificates.are_far_from_expiry"}),
}
"""The rules that prove what a monitor stands for, by its name."""


@dataclass(frozen=True)
class Monitor:
    """One monitor: its name ("audit", "backup", "certbot"), the inventory, and when its check-ins are due.

    `owner` is in Sentry's words, `team:SLUG` or `user:ADDRESS`; "" for nobody.
    """

    name: str
    inventory: str
    due: CheckIns
    environment: str = ""
    owner: str = ""


def check_in_payload(monitor: Monitor, status: str, run: str, duration: float | None = None) -> dict[str, Any]:
    """The check-in of a run, whose id has 32 hex digits. `status` is "in_progress", "ok" or "error"; seconds."""
    config = {
        "schedule": {"type": "crontab", "value": monitor.due.schedule},
        "timezone": monitor.due.timezone,
        "checkin_margin": monitor.due.grace // MINUTE,
        "max_runtime": monitor.due.longest // MINUTE,
        "failure_issue_threshold": 1,
        "recovery_threshold": 1,
    }
    return {
        "check_in_id": run,
        "monitor_slug": monitor_slug(monitor.inventory, monitor.name),
        "status": status,
        "environment": monitor.environment or monitor.inventory[:64],
        "monitor_config": config | ({"owner": monitor.owner} if monitor.owner else {}),
        **({} if duration is None else {"duration": round(duration, 3)}),
    }


def monitor_slug(inventory: str, name: str) -> str:
    """The slug of a monitor, which Sentry takes as it is: 50 letters, digits, `-` and `_` at most, in lower case.

    >>> monitor_slug("production", "backup"), monitor_slug("Büro.Wien", "audit")
    ('production-backup', 'b-ro-wien-84d523-audit')
    """
    plain = re.sub("[^a-z0-9_-]", "-", inventory.lower())
    room = LONGEST_SLUG - len(name) - 1
    if plain != inventory or len(plain) > room:
        plain = f"{plain[: room - 7]}-{digest([inventory])[:6]}"
    return f"{plain}-{name}"


def proven_status(items: Iterable[Judged]) -> str:
    """The status that the promises behind a monitor prove: "ok" when all hold, "error" when one is broken.

    "" when neither is proven: nothing was judged, or something is unknown, left out or waived.
    """
    judged = [item for item in items if item["outcome"] != "not_applicable"]
    if any(item["outcome"] == "finding" for item in judged):
        return "error"
    return "ok" if judged and all(item["outcome"] == "holds" and not item["left_out"] for item in judged) else ""


def sentry_actor(owners: Iterable[str], people: Mapping[str, Person]) -> str:
    """The owner in Sentry's words, if there is one alone and it has a name there: `team:database`, `user:a@b.org`."""
    names = set(owners)
    written = people[names.pop()].sentry if len(names) == 1 and names <= set(people) else ""
    return f"team:{written[1:]}" if written.startswith("#") else f"user:{written}" if "@" in written else ""


@dataclass
class CheckInRun:
    """The check-ins of one run for one inventory, sent in threads that end with the program.

    `began` is the monotonic time of the run's start, `patience` how many seconds all of them may delay it.
    """

    receiver: SentryReceiver
    monitor: Monitor
    began: float = field(default_factory=time.monotonic)
    patience: float = PATIENCE
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    trouble: str = ""
    sending: threading.Thread | None = None

    def start(self) -> None:
        """Send that the audit has begun, without waiting for the answer."""
        self.sending = self.deliver([check_in_payload(self.monitor, "in_progress", self.run)])

    def end(self, *, well: bool, proven: Iterable[dict[str, Any]] = ()) -> str:
        """Send how the audit ended, and what it has proven. Returns why something did not arrive, without secrets.

        Waits first, for half of the time, until what was sent at the start is out. Nothing is raised.
        """
        deadline = time.monotonic() + self.patience
        if self.sending:
            self.sending.join(self.patience / 2)
        self.trouble = ""
        status, took = "ok" if well else "error", time.monotonic() - self.began
        last = self.deliver([check_in_payload(self.monitor, status, self.run, took), *proven])
        last.join(max(0.0, deadline - time.monotonic()))
        late = f"no answer within {self.patience:g} s" if last.is_alive() else ""
        trouble = late or self.trouble
        return f"sentry: not every check-in arrived: {trouble}" if trouble else ""

    def proven_by(self, inventory: Inventory, items: Iterable[Judged]) -> Iterator[dict[str, Any]]:
        """The check-ins about what a whole audit of an inventory has proven or refuted."""
        mine = [item for item in items if item["inventory"] == inventory.name]
        for name, rules in PROOFS.items():
            behind = [item for item in mine if item["rule"] in rules]
            if status := proven_status(behind):
                owner = sentry_actor((item["owner"] for item in behind), inventory.people)
                yield check_in_payload(replace(self.monitor, name=name, owner=owner), status, uuid.uuid4().hex)

    def deliver(self, check_ins: Sequence[dict[str, Any]]) -> threading.Thread:
        """Send check-ins in a thread of their own, which is returned; the reason of a failure is put into `trouble`."""
        thread = threading.Thread(target=self.post_all, args=(check_ins,), name="check-ins", daemon=True)
        thread.start()
        return thread

    def post_all(self, check_ins: Sequence[dict[str, Any]]) -> None:
        """Send check-ins until one fails. Nothing is raised."""
        try:
            for check_in in check_ins:
                self.receiver.send_check_in(check_in)
        except Refusal as why:
            self.trouble = str(why)
        except Exception as why:  # noqa: BLE001 - no check-in may harm the audit, and most errors hold the URL
            self.trouble = harmless_error(why)
