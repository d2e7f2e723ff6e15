"""What a person changes in image and stack file, so that what a service reports is kept, bounded and reaches somebody.

Nothing of it is applied: a deployment would take it back. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE, STACK_NAMESPACE, SWARM_SERVICE
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.errors import rules
from fleetkeeper.topics.errors.policy import Policy
from fleetkeeper.topics.errors.rules.bounded import LOG_LIMITS, UNLIMITED
from fleetkeeper.topics.errors.rules.kept import is_lost
from fleetkeeper.topics.errors.rules.logged import Logged, logged_container
from fleetkeeper.topics.errors.rules.reach import has_dsn, main_programs
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.transport.commands import Unobservable

SDKS = {
    "python": "sentry-sdk (pip)",
    "node": "@sentry/node (npm)",
    "nodejs": "@sentry/node (npm)",
    "ruby": "sentry-ruby (gem)",
    "php": "sentry/sentry (composer)",
    "php-fpm": "sentry/sentry (composer)",
}
"""The package of Sentry's SDK for each program that runs a language. Source: https://docs.sentry.io/platforms/"""
DSN_NAME = "sentry_dsn"
SECRET_SOURCES = {"swarm": "{external: true}", "compose": "{file: ./sentry_dsn.txt}"}
SECRET_MADE = {
    "swarm": f"`docker secret create {DSN_NAME} -` on a manager",
    "compose": f"the file {DSN_NAME}.txt beside the file of the project, readable for its owner alone",
}
MOUNTABLE = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+", re.ASCII)
"""A directory that stands in a stack file as it is."""
SHORT_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
LOG_DIRECTORY = re.compile("(/var/log/.+|.*/logs?)", re.ASCII)
"""A directory that holds logs and nothing else: a volume in its place hides nothing of the image."""


@dataclass(frozen=True)
class Setting:
    """A value that a stack file should have at a path of keys, as YAML; `listed`: as one more item of a list there."""

    path: tuple[str, ...]
    written: str
    listed: bool = False


@dataclass(frozen=True)
class LogChange:
    """What a person changes for one finding: `before` the settings of the file are deployed, and the settings.

    Without settings `before` is all that is to be done.
    """

    what: str
    before: str = ""
    settings: tuple[Setting, ...] = ()

    def summary(self) -> str:
        """The change in words, with what comes before it."""
        return f"{self.what} ({self.before})" if self.before else self.what

    def in_words(self) -> str:
        """The change in words, with its settings for a person who writes them."""
        settings = (f"`{'.'.join(each.path)}: {'+ ' * each.listed}{each.written}`" for each in self.settings)
        return ": ".join(filter(None, (self.summary(), ", ".join(settings))))


def log_changes(fleet: Fleet, name: str, stack: Stack) -> Iterator[LogChange | Unobservable]:
    """What a person changes for the services of a stack or project, for each unwaived finding about its errors.

    An Unobservable where something of a service was not seen. Nothing where the inventory does not ask for errors.
    """
    try:
        services = require_policy(fleet.inventory.services)
        fleet.inventory.section(Policy)
    except NotApplicable:
        return
    for key in services:
        try:
            yield from service_changes(fleet, key, name, stack)
        except Unobservable as why:
            yield why


def service_changes(fleet: Fleet, key: str, name: str, stack: Stack) -> Iterator[LogChange]:
    """What a person changes for one service of the inventory, as far as a stack or project runs it.

    Raises Unobservable where its containers, or their logs, were not seen.
    """
    subject = Subject("service", key)
    kept, bounded, reached = (needs_change(rule, fleet, subject) for rule in rules.RULES[:3])
    if not (kept or bounded or reached):
        return
    for location in placement.all_placements(fleet, key):
        short = name_in_file(location.container, name, stack)
        if not SHORT_NAME.fullmatch(short) or not location.container.pid:
            continue
        logged = logged_container(fleet, location)
        yield from limit_changes(logged, short) if bounded else ()
        yield from kept_changes(logged, short) if kept else ()
        yield from sentry_changes(logged, short, stack.kind) if reached else ()


def needs_change(rule: Rule, fleet: Fleet, subject: Subject) -> bool:
    """Whether a rule finds something about a service that no waiver accepts, or cannot see all of it."""
    verdict = judge_subject(rule, fleet, subject)
    return bool(verdict.findings or verdict.unknown)


def name_in_file(container: Container, name: str, stack: Stack) -> str:
    """The name that the service of a container has in the file of a stack or project; empty for one of another."""
    if stack.kind == "compose":
        return container.label(COMPOSE_SERVICE) if container.label(COMPOSE_PROJECT) == (stack.project or name) else ""
    is_own = container.label(STACK_NAMESPACE) == name
    return container.label(SWARM_SERVICE).removeprefix(f"{name}_") if is_own else ""


def limit_changes(logged: Logged, short: str) -> Iterator[LogChange]:
    """The limit of a log that has none."""
    if logged.logs.driver == "json-file" and logged.logs.max_size in UNLIMITED:
        options = f"{{driver: json-file, options: {LOG_LIMITS}}}"
        yield LogChange(
            f"the log of {short} gets a limit", settings=(Setting(("services", short, "logging"), options),)
        )


def kept_changes(logged: Logged, short: str) -> Iterator[LogChange]:
    """What keeps files that are lost with the container: standard output, or a volume where only logs lie."""
    if logged.logs.driver == "none":
        yield LogChange(f"{short} has the log driver none: `logging: {{driver: local}}` keeps what it prints")
    lost = [log.path for log in logged.inside.files if is_lost(log)]
    for folder in dict.fromkeys(map(dirname, lost)):
        paths = [path for path in lost if dirname(path) == folder]
        links = ", ".join(f"`RUN ln -sf /dev/stdout {path}`" for path in paths)
        yield LogChange(
            f"{short} writes to standard output instead, by its own settings or in its Dockerfile with {links}"
        )
        if MOUNTABLE.fullmatch(folder) and LOG_DIRECTORY.fullmatch(folder):
            volume = f"{short}_{folder.rpartition('/')[2]}"
            yield LogChange(
                f"or {folder} of {short} becomes a volume, which stays on its node",
                f"say under `errors: {{rotated: {{…}}}}` what keeps {folder} small",
                (
                    Setting(("services", short, "volumes"), f'"{volume}:{folder}"', listed=True),
                    Setting(("volumes", volume), "{}"),
                ),
            )


def sentry_changes(logged: Logged, short: str, kind: str) -> Iterator[LogChange]:
    """The SDK in the image and its DSN as a secret, where the language of the service has an SDK."""
    inside = logged.inside
    sdks = [SDKS[program] for program in sorted(main_programs(inside.programs)) if program in SDKS]
    if not sdks and not inside.package:
        return
    if not inside.package:
        yield LogChange(f"{sdks[0]} is added to the image of {short}: it has no SDK of Sentry")
    if not has_dsn(inside):
        yield LogChange(
            f"{short} gets its DSN as a secret",
            f"first {SECRET_MADE[kind]}; the program gives what is in /run/secrets/{DSN_NAME} to the SDK as `dsn`",
            (
                Setting(("services", short, "secrets"), f'"{DSN_NAME}"', listed=True),
                Setting(("secrets", DSN_NAME), SECRET_SOURCES[kind]),
            ),
        )
