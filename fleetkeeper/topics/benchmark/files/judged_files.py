"""How each id of sections 4 and 5 of the benchmark stands in some files: findings, what does not apply, what is open.

A stack or Compose file is turned into the containers that it would make, which the rules about containers judge. What
only the image decides (its user, its health check) is judged with its Dockerfile, and is unknown without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.compose.document import ComposeDocument, ScalarNode, walk_scalars
from fleetkeeper.readers.docker.dockerfile import Dockerfile
from fleetkeeper.topics.benchmark.files.inspected_services import FileService, services_of_file
from fleetkeeper.topics.benchmark.files.statements import (
    ABSENCE_IS_WRONG,
    ENGINE_ALONE,
    HERE,
    IN_DOCKERFILES,
    KEYS_OF_IMAGES,
    NOT_FOLLOWED,
    WRITTEN,
    base_statements,
    image_statements,
    result_statements,
    rules_of_statements,
    step_statements,
    unclear_parts,
    unclear_reason,
)
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.rules import RULES as CONTAINER_RULES
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class PlacedFinding:
    """A finding, and the line of the file that it is about. `counts`: it fails. `accepted` says who accepts it."""

    finding: Finding
    line: int
    counts: bool = False
    accepted: str = ""


@dataclass
class JudgedFile:
    """What was judged of one file: its path as it was given, the ids that it says something about, and what is open.

    `unread`: some of it could not be read, which is more than that a file of its kind does not say it. `problem` is
    the line, and why nothing of it could be read.
    """

    path: str
    findings: list[PlacedFinding] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    unread: bool = False
    judged: frozenset[str] = frozenset()
    problem: tuple[int, str] | None = None

    @property
    def open(self) -> list[PlacedFinding]:
        """The findings that nobody accepts, in the order of the file."""
        return sorted((each for each in self.findings if not each.accepted), key=lambda each: each.line)


@dataclass(frozen=True)
class FileRequest:
    """What is asked of files: the inventory with its policy and waivers, the time, and whether warnings count."""

    inventory: Inventory
    now: datetime
    strict: bool = False

    @property
    def policy(self) -> Benchmark:
        """What is asked of the benchmark."""
        assert isinstance(self.inventory.benchmark, Benchmark)
        return self.inventory.benchmark

    def verdict(self, rule: Rule, facts: Mapping[tuple[str, str], Any]) -> Verdict:
        """The verdict of a rule about some facts of the one node."""
        fleet = Fleet(self.inventory, self.now, dict(facts))
        return judge_subject(rule, fleet, Subject("node", HERE), strict=self.strict)


@dataclass(frozen=True)
class GivenFile:
    """A stack or Compose file. `stack`: `docker stack deploy` deploys it, which ignores what it does not know.

    `variables` are those that are set, `builds` the Dockerfiles that were given too, by their real path.
    """

    path: str
    document: ComposeDocument
    stack: bool
    variables: Mapping[str, str]
    builds: Mapping[Path, Dockerfile]


def judge_stack(given: GivenFile, request: FileRequest) -> JudgedFile:
    """What a stack or Compose file says."""
    folder = str(Path(given.path).absolute().parent)
    services = list(services_of_file(given.document, given.variables, folder, stack=given.stack))
    numbers = {number for number in WRITTEN if not (given.stack and number == "5.26")}
    asked_ids = frozenset(name for number in numbers for name in in_editions(number))
    judged = JudgedFile(given.path)
    facts = {
        (HERE, "containers"): Containers("present", tuple(service.container for service in services)),
        (HERE, "services"): Services("inactive"),
    }
    for rule in CONTAINER_RULES:
        if ids := asked_ids & frozenset(rule.cis):
            take_verdict(judged, request.verdict(rule, facts), ids, given.document)
    judged.findings = [placed for placed in judged.findings if not is_guess(placed.finding, services)]
    statements = [
        *unclear_parts(services, numbers),
        *image_statements(given.path, services, given.builds, request.policy),
    ]
    for rule in rules_of_statements(statements):
        take_verdict(judged, request.verdict(rule, facts), frozenset(rule.cis), given.document)
    if given.stack:
        judged.parts.append(Part(in_editions("5.26"), Unobservable(ENGINE_ALONE)))
    if given.document.find("include") is not None:
        judged.parts.append(Part(tuple(asked_ids), Unobservable("`include` is not followed: services of other files")))
        judged.unread = True
    judged.unread |= any(service.unclear or {*NOT_FOLLOWED} & service.values.keys() for service in services)
    judged.judged = frozenset(in_editions(*WRITTEN, *KEYS_OF_IMAGES))
    return judged


def is_guess(finding: Finding, services: Sequence[FileService]) -> bool:
    """Whether a finding is that a service says nothing, while what it says is unclear."""
    number = finding.cis[-1].partition(":")[2]
    absent = number in ABSENCE_IS_WRONG
    return absent and any(service.name == finding.about and unclear_reason(service, number) for service in services)


def take_verdict(judged: JudgedFile, verdict: Verdict, ids: frozenset[str], document: ComposeDocument | None) -> None:
    """Add to what was judged of a file what a verdict says about some ids."""
    rows = [
        *((finding, "") for finding in (*verdict.findings, *verdict.warnings)),
        *((finding, f"{who.owner}, until {who.until}: {who.because}") for finding, who in verdict.waived),
    ]
    for finding, accepted in rows:
        if ids & set(finding.cis):
            line = line_of_finding(finding, document)
            judged.findings.append(PlacedFinding(finding, line, finding in verdict.findings, accepted))
    judged.parts += [part for part in verdict.parts if ids & set(part.cis)]
    if verdict.unknown and not verdict.parts:
        judged.parts += [Part(tuple(ids), why) for why in verdict.unknown]
    if verdict.not_applicable and not verdict.parts:
        judged.parts.append(Part(tuple(ids), verdict.not_applicable))


def line_of_finding(finding: Finding, document: ComposeDocument | None) -> int:
    """The line of the file that a finding is about: of the item, of the key, or of the service.

    A finding about a Dockerfile names its line as `about`.
    """
    if document is None:
        return int(finding.about.rpartition(":")[2] or 1)
    number, service = finding.cis[-1].partition(":")[2], ("services", finding.about)
    for path in WRITTEN.get(number, KEYS_OF_IMAGES.get(number, ())):
        node = document.find(*service, *path)
        if node is None:
            continue
        for item, scalar in walk_scalars(node, (*service, *path)):
            if is_named(scalar, finding.saw):
                return document.line(*item)
        return document.line(*service, *path)
    return document.line(*service)


def is_named(scalar: ScalarNode, saw: str) -> bool:
    """Whether a value of a list is the one that a finding saw: a mount by its source, a port by its number, a word."""
    words = {word.strip(":;") for word in saw.replace(",", " ").replace("*:", " ").split()}
    parts = {scalar.text, scalar.text.partition(":")[0], *scalar.text.partition("/")[0].split(":")}
    return any(part and part in words for part in parts | {part.upper().removeprefix("CAP_") for part in parts})


def judge_dockerfile(path: str, dockerfile: Dockerfile, request: FileRequest) -> JudgedFile:
    """What a Dockerfile says."""
    judged = JudgedFile(path)
    words = [*step_statements(dockerfile), *result_statements(dockerfile), *base_statements(dockerfile, request.policy)]
    for rule in rules_of_statements(words):
        take_verdict(judged, request.verdict(rule, {}), frozenset(rule.cis), None)
    judged.judged = frozenset(name for number in IN_DOCKERFILES for name in in_editions(number))
    return judged
