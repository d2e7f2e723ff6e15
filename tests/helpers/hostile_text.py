"""Hostile text in every string that a node said: fleets of facts, how text is put into them, and what then comes out.

A canary is a piece of text that makes a file named `canary` when a shell runs it; with an empty PATH it needs only
that shell. Whatever a rule, a remedy or a report makes of it, it must stay one word of text.
"""

from __future__ import annotations

import json
import re
import subprocess
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import Field, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.verdicts import Verdict, judge_rules
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.reports import annotations, history, results, short_report, terminal
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.facts import Mount
from fleetkeeper.topics.registry import RULES
from fleetkeeper.topics.services.facts import Facts as Services
from remediate.plan import Plan
from remediate.proposal import Proposal, propose
from remediate.remedies import REMEDIES
from remediate.render.plan_document import plan_document
from remediate.render.plan_text import proposal_lines
from remediate.steps import EditCrontab, EditFile, Require, Run, RunInContainer, WriteFile, journal_form

SHELL = (
    "$(>canary)",
    "`>canary`",
    ";>canary;",
    "|>canary",
    "&>canary&",
    "\n>canary\n",
    "\r\n>canary",
    "'$(>canary)'",
    '"$(>canary)"',
    "';>canary;'",
    "\\';>canary;\\'",
    '";>canary;"',
    "%$(>canary)",
    "\\%\n>canary",
    ">canary",
    "||>canary||",
    "\u2028>canary",
    "\x0b>canary\x0c>canary\x85>canary",
    "${x:-$(>canary)}",
    "#\n>canary",
)
"""Each makes a file, when it is text of a shell in some place."""
TEXT = (
    "\0",
    "a\0b",
    "\x1b[2J\x1b]0;title\x07\x1b[31m",
    "\x9b31m",
    "\u202egnp.exe\u2066\u2069",
    "a\u200bb\u200cc\u200dd\u200ee\u200ff\u061cg\u00adh\ufeffi\U000e0041\U000e007f\ufe0f",
    "\ud800\udcff",
    "</script><script>alert(1)</script><!--",
    "::error::x\n::set-output name=x::y\n##[command]z",
    '"}],"x":[{"',
    "\\u0000\\",
    "-rf",
    "--privileged",
    "../../../../etc/passwd",
    "/",
    "",
    " ",
    "*",
    "(.+)+!",
    "$(" * 3000,
    "[" * 5000,
    "{" * 3000,
    "x" * 100_000,
    "\n" * 1000,
    "-----BEGIN PRIVATE KEY-----",
    "9" * 5000,
    "nan",
    "1e999",
)
COMBINED = "x'\"`>canary`$(>canary);>canary;|>canary\n>canary\r%\x1b[31m\u202e\u200b\U000e0041</script>::error::"
COMMAND = re.compile(r"""`((?:[^`'"]|'[^']*'|"[^"]*")*)`""")
"""What stands in backquotes; a quoted word in it may hold one."""
DIGITS = frozenset({"system"})
"""Fields whose text is digits by the time it is a fact: whatever else a node says there is unknown."""
Put = Callable[[str], str]
Kind = tuple[str, ...]


def string_kinds(value: Any, kind: Kind = ()) -> Iterator[Kind]:
    """The kinds of all strings in a value: names of fields, `key` and `value` of mappings, never a number."""
    if isinstance(value, str):
        yield kind
    elif is_dataclass(value) and not isinstance(value, type):
        for field in texts_of(value):
            yield from string_kinds(getattr(value, field.name), (*kind, field.name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from string_kinds(key, (*kind, "key"))
            yield from string_kinds(inner, (*kind, "value"))
    elif isinstance(value, tuple | list | frozenset):
        for inner in value:
            yield from string_kinds(inner, (*kind, "item"))


def texts_of(value: Any) -> list[Field[Any]]:
    """The fields of a fact that may hold any text."""
    return [field for field in fields(value) if field.name not in DIGITS]


def poison_strings(value: Any, put: Put, only: Kind | None = None, kind: Kind = ()) -> Any:
    """The value with `put` done to all its strings, or to those of one kind."""
    if isinstance(value, str):
        return put(value) if only in (None, kind) else value
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            field.name: poison_strings(getattr(value, field.name), put, only, (*kind, field.name))
            for field in texts_of(value)
        }
        return replace(value, **changes)
    if isinstance(value, dict):
        return {
            poison_strings(key, put, only, (*kind, "key")): poison_strings(inner, put, only, (*kind, "value"))
            for key, inner in value.items()
        }
    if isinstance(value, tuple | list | frozenset):
        return type(value)(poison_strings(inner, put, only, (*kind, "item")) for inner in value)
    return value


def with_text(fleet: Fleet, put: Put, topic: str = "", kind: Kind | None = None) -> Fleet:
    """The look with hostile text in one kind of string of one topic, or in every string of all of them."""
    facts = {
        key: poison_strings(fact, put, kind) if topic in ("", key[1]) else fact for key, fact in fleet.facts.items()
    }
    return replace(fleet, facts=facts)


def kinds_in_look(fleet: Fleet) -> dict[tuple[str, Kind], None]:
    """Every kind of string that there is in a look, by topic."""
    match: dict[tuple[str, Kind], None] = {}
    for (_, topic), fact in fleet.facts.items():
        match.update(dict.fromkeys((topic, kind) for kind in string_kinds(fact)))
    return match


class LookOutputs:
    """Everything that comes out of one look: verdicts, answers, documents, and lines for a terminal."""

    def __init__(self, fleet: Fleet, topic: str = "") -> None:
        rules = [rule for rule in RULES.values() if not topic or topic in {kind.topic for kind in rule.looks_at}]
        self.verdicts: list[Verdict] = judge_rules(rules, fleet)
        self.proposal: Proposal = propose(fleet, self.verdicts, REMEDIES)
        self.items = [results.result_item(verdict, "lab", "x") for verdict in self.verdicts]
        self.lines = list(self.terminal_lines())
        self.check_documents()

    def terminal_lines(self) -> Iterator[str]:
        """What an audit and a plan show, line by line."""
        for verdict in self.verdicts:
            yield from terminal.check_message(verdict).split("\n")
            yield terminal.waived_message(verdict)
        shown = [(item, terminal.open_findings(item)) for item in self.items]
        yield from terminal.lines_of_findings(shown, RULES)
        yield from terminal.unknown_lines(self.items)
        reasons = list(terminal.reason_lines(self.items))
        yield from reasons
        yield from self.short_lines(reasons)
        changes = history.compare_findings("lab", self.items, history.Memory("2026-11-28T00:00:00+00:00"), "2026-11-29")
        yield from terminal.changed_lines(changes)
        yield from annotations.annotation_lines(self.items)
        yield from (line.text for line in proposal_lines(self.proposal, "lab"))

    def short_lines(self, reasons: Sequence[str]) -> Iterator[str]:
        """The short report of an audit, each paragraph in all its forms."""
        yield from short_report.top_lines(self.items)
        paragraphs = (
            *short_report.finding_paragraphs(self.items),
            *short_report.unknown_paragraphs(self.items),
            *short_report.warning_paragraphs(self.items),
            *short_report.waived_paragraphs(self.items),
            *short_report.reason_paragraphs(reasons),
        )
        yield from (line for paragraph in paragraphs for form in paragraph.forms for line in form)

    def check_documents(self) -> None:
        """They are ASCII, and can be read again."""
        from fleetkeeper.untrusted import json_document

        for content in (
            self.items,
            plan_document("lab", self.proposal, Exit.NOTHING_LEFT),
            list(map(journal_form, self.steps)),
        ):
            text = json_document(content, str)
            assert text.isascii()
            json.loads(text)

    @property
    def plans(self) -> list[Plan]:
        return [item.plan for item in self.proposal.planned]

    @property
    def steps(self) -> list[Any]:
        return [step for plan in self.plans for step in plan.steps]

    @property
    def stumbles(self) -> list[str]:
        """Rules and remedies that met something that they did not expect."""
        message = [str(why) for verdict in self.verdicts for why in verdict.unknown]
        message += [item.answer.why for item in self.proposal.by_hand]
        return [text for text in message if "stumbled over" in text or "no plan could be made" in text]

    def scripts(self) -> Iterator[str]:
        """Text that a shell of a node gets as such: scripts, and lines and content that are installed."""
        for step in (*self.steps, *(require for plan in self.plans for require in plan.requires)):
            if isinstance(step, Run | RunInContainer | Require):
                for words in (step.words, getattr(step, "undo", ()), getattr(step, "undo_while", ())):
                    yield from (script for flag, script in pairwise(words) if flag == "-c")
            if isinstance(step, EditCrontab | EditFile):
                yield from step.lines or ()
            if isinstance(step, WriteFile):
                yield step.content.decode("utf-8", "replace")

    def copied(self) -> Iterator[str]:
        """Commands that a person may copy: what stands in backquotes, and after a prompt."""
        yield from (command for text in self.texts() for command in COMMAND.findall(text))
        for step in self.steps:
            yield from (line.strip()[2:] for line in step.show().split("\n") if line.strip().startswith("$ "))

    def texts(self) -> Iterator[str]:
        """What is said to a person."""
        texts = [text for item in self.proposal.by_hand for text in (item.answer.why, item.answer.what_to_do)]
        texts += [text for plan in self.plans for text in (*plan.notes, plan.undo, plan.success)]
        texts += [
            text
            for verdict in self.verdicts
            for f in (*verdict.findings, *verdict.warnings)
            for text in (f.hint, f.want)
        ]
        texts += [why.hint for verdict in self.verdicts for why in verdict.unknown]
        yield from texts


def unfit_for_a_terminal(lines: Iterable[str]) -> list[str]:
    """Lines with a character that does not show."""
    return [line for line in lines if any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in line)]


def run_all(texts: Iterable[str], folder: Path) -> list[str]:
    """The texts that make a file when dash or BusyBox runs them with an empty PATH."""
    unique = sorted({text.encode("utf-8", "surrogatepass") for text in texts if "canary" in text})
    for number, text in enumerate(unique):
        (folder / f"{number}.t").write_bytes(text)
    guilty = []
    loop = 'n=$1; while [ -e ./$n.t ] && [ ! -e canary ]; do ( . ./$n.t ); n=$((n + 1)); done; echo "stopped $n"'
    for shell in (("/usr/bin/dash",), ("/bin/busybox", "sh")):
        start = 0
        while start < len(unique) and len(guilty) < 10:
            words = [*shell, "-c", loop, "sh", str(start)]
            done = subprocess.run(
                words,
                cwd=folder,
                env={"PATH": ""},
                capture_output=True,
                timeout=60,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            start = int(done.stdout.rpartition(b"stopped ")[2])
            if (folder / "canary").exists():
                (folder / "canary").unlink()
                guilty.append(unique[start - 1].decode("utf-8", "replace"))
    for path in folder.glob("*.t"):
        path.unlink()
    return guilty


def all_fleets() -> dict[str, Fleet]:
    """Looks in which much is wrong, so that every remedy has something to answer."""
    from tests.helpers.hostile_fleets import more_fleets
    from tests.pure.judging.test_unobservable import FLEET

    match = {"lab": FLEET}
    for module in (schedule_fleets, certificate_fleets, backup_fleets, user_fleets):
        match |= module()
    return match | more_fleets()


def schedule_fleets() -> dict[str, Fleet]:
    from tests.example_fleets import schedules as s

    line = s.RUNBOOK.replace("postgres", "rodan_postgres")
    return {
        "no entry": s.schedule_fleet(s.Machine({})),
        "entry elsewhere": s.schedule_fleet(s.Machine({}), data=s.Machine(s.crontab_with_entry(line))),
        "wrong times": s.schedule_fleet(s.Machine(s.crontab_with_entry(s.RUNBOOK.replace("0 0", "5 0")))),
        "no cron": s.schedule_fleet(s.Machine(s.GOOD, cron=False)),
    }


def certificate_fleets() -> dict[str, Fleet]:
    from tests.example_fleets import certificates as c
    from tests.pure.remediate.remedies.certificates import test_renewal as r

    facts, inside, lineage = c.FACTS, c.INSIDE, c.LINEAGE
    lost = replace(inside, lineages=(replace(lineage, account_found=False, account="ab"),))
    hooks = c.Reloading(containers=(c.ID,), vain=("a hook does something else",), unclear=("a hook is a variable",))
    chosen = replace(
        c.RENEWAL,
        lineage="other",
        names=("a.example.org",),
        server="https://a.example/dir",
        authenticator="dns-ovh",
        reloading=hooks,
        unclear="it is a variable",
        faults=("it keeps nothing",),
    )
    skipped = replace(lineage, trouble=("it is empty",), installer="nginx", reloading=hooks, elsewhere=hooks)
    unused = replace(inside, lineages=(skipped,), plugins=("webroot",), reloading=hooks, elsewhere=hooks)
    ours = replace(c.FACTS.crontab, block=("0 3 * * * certbot renew",))  # type: ignore[type-var]
    return {
        "no renewal": c.certificate_fleet(replace(facts, renewals=(), crontab=ours)),
        "options": c.certificate_fleet(
            replace(facts, renewals=(chosen, c.RENEWAL), inside=(unused,), reloaders=("a container",))
        ),
        "vain hook": c.certificate_fleet(
            replace(facts, renewals=(replace(c.RENEWAL, reloading=replace(hooks, containers=(), unclear=())),))
        ),
        "no reload": c.certificate_fleet(replace(facts, renewals=(replace(c.RENEWAL, reloading=c.Reloading()),))),
        "no lineage": c.certificate_fleet(replace(facts, inside=(replace(inside, lineages=()),)), policy=r.ACME),
        "no account": c.certificate_fleet(replace(facts, inside=(lost,)), policy=r.ACME),
        "old": c.certificate_fleet(r.with_served(r.OLD, c.on_disk(r.OLD))),
        "gone": c.certificate_fleet(r.with_served(r.GONE, c.on_disk(r.GONE)), policy=r.ACME),
        "not reloaded": c.certificate_fleet(r.with_served(r.OLD, c.on_disk(r.RENEWED))),
        "no volume": c.certificate_fleet(facts, replace(c.CONTAINER, mounts=())),
    }


def backup_fleets() -> dict[str, Fleet]:
    from datetime import timedelta

    from tests.example_fleets import backups as b
    from tests.pure.remediate.remedies.backups.test_backup_remedies import POSTGRES, place_services

    old = b.twice_a_day(60, b.NOW - timedelta(days=3))
    return {
        "stale": place_services(b.backup_fleet(old), ("vgpu", POSTGRES)),
        "broken": b.backup_fleet(old, tuple(b.proof_of(file, "broken", "cut short") for file in old)),
        "over": b.backup_fleet(old, volume=b.volume_usage(old, used=100 * 2**30)),
        "none": b.backup_fleet(()),
    }


def user_fleets() -> dict[str, Fleet]:
    from datetime import UTC, datetime

    from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE
    from fleetkeeper.topics.containers.facts import Denied
    from fleetkeeper.topics.registry import load_inventory
    from remediate.remedies.containers.compose_instructions import DIRECTORY, FILES
    from tests.helpers.hostile_fleets import USERS
    from tests.pure.remediate.remedies.containers import test_service_user as u

    labels = {COMPOSE_PROJECT: "rodan", COMPOSE_SERVICE: "rodan_web", DIRECTORY: "/srv/rodan", FILES: "prod.yml"}
    compose = replace(u.WEB, name="rodan-web-1", labels=labels)
    denied = replace(u.CLEAR, denied=(Denied("/data", "/srv/data", 3, False, ("0:0 644 /data/x",)),))
    inventory = load_inventory(Path("users.yml"), USERS)

    def fleet(container: Any, lines: tuple[Any, ...] = (u.TOLD,)) -> Fleet:
        facts = {
            ("data", "containers"): Containers("present", (container,)),
            ("manager", "containers"): Containers("present", ()),
            ("data", "services"): Services("worker", "n2"),
            ("manager", "services"): Services("manager", "n1", u.MEMBERS, lines),
        }
        return Fleet(inventory, datetime.now(UTC), facts)  # type: ignore[arg-type]

    return {
        "user": fleet(u.WEB),
        "compose": fleet(compose, ()),
        "by hand": fleet(replace(u.WEB, name="rodan_web", labels={}), ()),
        "files": fleet(replace(u.WEB, preflight=denied, mounts=(Mount("bind", "/srv/data", "/data"),))),
    }
