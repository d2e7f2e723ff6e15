"""Crontabs that real daemons were given for a minute: what ran, and how the node looked. Read and judged here.

`fixtures/crontab_oracle.json.gz` holds `cases` (by the name of the container that each is to back up: its file, and
under which daemons its command ran), `files` (the scripts behind them) and `looks` (by daemon: the list of schedules,
the words that were asked, the answers). The daemons are Debian 12's cron 3.0pl1-162, Debian 13's cron 3.0pl1-197, and
cronie 1.7.2-4. `docker` was a script that notes the container; dash was /bin/sh; the node's name was `vm`, and it had
the accounts root, u01, expired, pwexpired, mustchange, inactive, locked, nologin, futurechange, homeless (without its
directory) and noshadow (without a line in /etc/shadow); /run/held.lock was held.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.schedules.facts import Entry, Facts
from fleetkeeper.topics.schedules.fault_messages import harmful, saw
from fleetkeeper.topics.schedules.observe import make_facts, scheduled_backups, words_to_ask
from fleetkeeper.topics.schedules.scheduled_backups import ScheduledBackups
from fleetkeeper.transport.commands import Output
from tests.example_fleets.schedules import TEXT

FIXTURE = Path(__file__).parents[1] / "fixtures" / "crontab_oracle.json.gz"
UNKNOWN = {
    "g-L1": "whether a path is a symbolic link is not asked",
    "g-crnull": "whether a file whose name ends with a carriage return can be made is not asked",
    "g-flockheld": "a lock that is held now may be that of this very job",
    "g-noargs": "a variable that nobody sets may come from the daemon or from PAM",
    "s-perl": "a script in Perl is not read",
    "s-shfun": "dash runs the body of a `function` of several lines by itself, and ends behind it",
    "sh-nonexistenta": "what a shell by a name that is no shell's makes of a command is not known",
}
"""The cases of which nothing may be claimed, and why not."""


@dataclass(frozen=True)
class Decision:
    """Whether an entry runs its command as far as it is read (None: unknown), and why not."""

    runs: bool | None
    why: str = ""


@cache
def recorded_crontabs() -> Any:
    """The content of the fixture."""
    return json.loads(gzip.decompress(FIXTURE.read_bytes()))


def names_that_ran(daemon: str) -> set[str]:
    """The cases whose command ran under this daemon."""
    return {name for name, case in recorded_crontabs()["cases"].items() if daemon in case["fired"]}


def facts_of_look(look: Mapping[str, Any], *, rounds: bool = True) -> tuple[Facts, list[str]]:
    """The facts of one look, and the words that it should have been asked as well.

    With `rounds` everything is read once before the answers, as in a look, and kept where they are not about it.
    """
    policy = load_inventory(Path("world.yml"), TEXT).section(Policy)
    scheduled = ScheduledBackups(Answers(snapshot.read(look["list"])))
    if rounds:
        scheduled = scheduled_backups(scheduled, policy)
    scheduled.answers.add(look["asked"], snapshot.read(look["answers"]))
    scheduled = scheduled_backups(scheduled, policy)
    own = Output(1, b"", b"no crontab for root\n", command="crontab -l")
    return make_facts(scheduled, own), words_to_ask(scheduled)


def decisions_of(facts: Facts, cases: Mapping[str, Any]) -> dict[str, Decision]:
    """What is read of each case. One without an entry does not run, unless something unread may run it."""
    by_path = {case["path"]: name for name, case in cases.items()}
    decisions = {name: Decision(False, "nothing runs it") for name in cases}
    for suspect in facts.suspects:
        if suspect.why and suspect.place in by_path:
            decisions[by_path[suspect.place]] = Decision(None, suspect.why)
    for entry in facts.entries:
        name = entry.target.name or by_path[entry.place]
        decisions[name] = decisions[name] if decisions[name].runs else decision_of(entry)
    return decisions


def decision_of(entry: Entry) -> Decision:
    """What is read of one entry."""
    faults = harmful(entry)
    if faults or entry.blocked:
        return Decision(False, "; ".join([*(saw(entry, fault) for fault in faults), entry.blocked]))
    if entry.unclear or entry.target.kind == "unclear":
        return Decision(None, entry.unclear or entry.target.why)
    return Decision(True)
