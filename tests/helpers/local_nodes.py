"""Nodes for the engine on this machine: their files live in a temporary folder, and their links fail on demand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Strict, Without
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.observer import Look, Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.writing import Stream
from remediate.journal import Journal
from remediate.plan import Plan, Remedy
from remediate.plan_end import PlanEnd
from remediate.proposal import Proposal
from remediate.render.console import Screen
from remediate.runner import PlanRun, Runner, Terms
from remediate.session import Session
from remediate.steps import ABSENT, StepContext, WriteFile

CRONTAB = r"""#!/bin/sh
# As Debian's: -u USER, then -l, -r or - for standard input; the table is replaced by a rename.
spool={spool}
user=$2; shift 2
case $1 in
-l) [ -f "$spool/$user" ] || {{ echo "no crontab for $user" >&2; exit 1; }}; cat "$spool/$user" ;;
-r) rm "$spool/$user" ;;
-) cat >"$spool/.new"; grep -q 'not a crontab' "$spool/.new" && exit 1; mv "$spool/.new" "$spool/$user" ;;
esac
"""


def sha_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def step_context(tmp_path: Path, run: str = "run", number: int = 1) -> StepContext:
    """Where a step keeps things, all below a temporary folder, with a crontab program of its own."""
    spool = tmp_path / "spool"
    spool.mkdir(exist_ok=True)
    program = tmp_path / "crontab"
    if not program.exists():
        program.write_text(CRONTAB.format(spool=spool))
        program.chmod(0o755)
    return StepContext(run, number, str(tmp_path / "kept"), str(tmp_path / "lock"), str(program))


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, without what the engine itself keeps."""
    own = ("kept/", "lock", "state/")
    match = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(match.items()) if not name.startswith(own)}


class Cut(BaseException):
    """The controller was killed here: nothing of ours may catch it."""


class FaultyStream:
    """A stream that is cut after `bytes_left` bytes have been written to it."""

    def __init__(self, inner: Stream, bytes_left: int) -> None:
        self.inner, self.left = inner, bytes_left

    def write(self, data: bytes) -> None:
        part = data[: self.left]
        self.inner.write(part)
        self.left -= len(part)
        if len(part) < len(data) or self.left == 0:
            self.inner.close()
            raise Unobservable("the connection was cut")

    def close_write(self) -> None:
        self.inner.close_write()

    def read(self, size: int = 65536) -> bytes:
        return self.inner.read(size)

    def wait(self, limit: float = 30.0) -> int | None:
        return self.inner.wait(limit)

    @property
    def err(self) -> bytes:
        return self.inner.err

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class FaultyLink:
    """The local link, with a hook before and after everything that is asked and opened.

    `before` and `after` may raise. `cut_after` cuts the next stream that carries content after so many bytes.
    """

    before: Callable[[tuple[str, ...]], None] = lambda words: None
    after: Callable[[tuple[str, ...]], None] = lambda words: None
    cut_after: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        self.inner = LocalLink()
        self.streams: list[Stream] = []

    def die(self) -> None:
        """What the end of the controller's process does to its connections."""
        for stream in self.streams:
            stream.close()

    def ask(self, commands: Sequence[Command], room: int = 0) -> list[Output]:
        for command in commands:
            self.before(command.words)
        answers = self.inner.ask([replace(command, words=self.with_own_lock(command.words)) for command in commands])
        for command in commands:
            self.after(command.words)
        return answers

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        self.before(words)
        stream = self.inner.open(self.with_own_lock(words), sudo)
        self.streams.append(stream)
        if self.cut_after is not None and words[4] in {"file", "crontab"}:
            stream = FaultyStream(stream, self.cut_after)
        self.after(words)
        return stream

    def with_own_lock(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Two nodes are one machine here: each has a lock of its own all the same."""
        return tuple(f"{word}.{self.name}" if word.endswith("/lock") else word for word in words)

    def close(self) -> None:
        self.inner.close()


# ---- a small topic of files, so that plans, proofs and the command line can be tried end to end ------------------


class Policy(Strict):
    """What each file should say, by its path."""

    wanted: dict[str, str]


@dataclass(frozen=True)
class Facts:
    """What the files of one node say, by their paths; None for one that is not there."""

    topic: ClassVar[str] = "papers"
    says: dict[str, str | None]


def observe(node: Node, inventory: Inventory) -> Look:
    paths = tuple(path for path in inventory.section(Policy).wanted if f"/{node.name}/" in path)
    answers = yield [Command(("cat", "--", path)) for path in paths]
    return Facts(
        {
            path: answer.text({0, 1}) if answer.rc == 0 else raise_gone(answer)
            for path, answer in zip(paths, answers, strict=True)
        }
    )


def raise_gone(answer: Output) -> None:
    answer.text({0, 1})


def each_paper(inventory: Inventory) -> list[Subject]:
    return [Subject("paper", path) for path in inventory.section(Policy).wanted]


def node_of(path: str) -> str:
    return path.split("/")[-2]


def say_what_is_wanted(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
    """Every paper says what it should say.

    Only for tests: a paper is a file in a folder that is called like its node.
    """
    says = fleet.of(node_of(subject.name), Facts).says[subject.name]
    expected = fleet.inventory.section(Policy).wanted[subject.name]
    if says != expected:
        yield Finding(saw=repr(says), want=repr(expected), node=node_of(subject.name), about=subject.name)


def rewrite_plan(finding: Finding, fleet: Fleet) -> Plan:
    """Write the paper anew."""
    return Plan(steps=(write_step(finding, fleet, fleet.inventory.section(Policy).wanted[finding.about]),))


def write_step(finding: Finding, fleet: Fleet, text: str) -> WriteFile:
    """The step that makes a paper say `text`."""
    says = fleet.of(finding.node, Facts).says[finding.about]
    expect = ABSENT if says is None else sha_of(says.encode())
    owner = f"{os.getuid()}:{os.getgid()}"
    return WriteFile(finding.node, finding.about, text.encode(), expect, owner=owner)


RULE = Rule(topic="papers", judge=say_what_is_wanted, each=each_paper, looks_at=(Facts,))
TOPIC = Topic(
    "papers", observers=(Observer(Facts, observe),), rules=(RULE,), policy=Policy, remedies={RULE.id: rewrite_plan}
)


@dataclass
class LocalSession(Session):
    """A session that knows nothing but papers, with remedies of the test's own."""

    answers: dict[str, Remedy] = field(default_factory=lambda: {RULE.id: rewrite_plan})

    @property
    def topics(self) -> dict[str, Topic]:
        return {"papers": TOPIC}

    @property
    def rules(self) -> dict[str, Rule]:
        return {RULE.id: RULE}

    @property
    def remedies(self) -> dict[str, Remedy]:
        return self.answers


@dataclass
class LocalNodes:
    """Two nodes, one paper on each, a journal, and links that a test may break."""

    folder: Path
    says: dict[str, str] = field(default_factory=lambda: {"a": "old a\n", "b": "old b\n"})
    links: dict[str, FaultyLink] = field(default_factory=lambda: {"a": FaultyLink(), "b": FaultyLink()})
    remedy: Remedy = rewrite_plan
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        for node, text in self.says.items():
            (self.folder / node).mkdir(exist_ok=True)
            self.paper(node).write_text(text)
        expected = {str(self.paper(node)): f"new {node}\n" for node in self.says}
        nodes = {name: Node(name=name, connection="local") for name in self.says}
        none = Without(none="a test")
        self.inventory = Inventory(
            name="local",
            nodes=nodes,
            services=none,
            sections={Policy: Policy(wanted=expected)},
        )
        (self.folder / "state").mkdir(exist_ok=True)
        self.journal = Journal(self.folder / "state" / "journal.sqlite")
        step_context(self.folder)

    def paper(self, node: str) -> Path:
        return self.folder / node / "paper"

    def link(self, node: str) -> FaultyLink:
        self.links[node].name = node
        return self.links[node]

    def texts(self) -> dict[str, str]:
        return {node: self.paper(node).read_text() for node in self.says}

    @property
    def session(self) -> LocalSession:
        return LocalSession(
            self.inventory,
            lambda node: self.link(node.name),
            patience=0,
            answers={RULE.id: self.remedy},
        )

    def propose(self) -> Proposal:
        return self.session.propose(self.session.look())

    def begun(self) -> PlanRun:
        """A run that has begun, and that nobody ends."""
        runner = Runner(self.journal, "local", "", self.link, Screen(quiet=True), step_context(self.folder))
        return PlanRun(runner, runner.begin(""))

    def apply(self, run: PlanRun, proposal: Proposal | None = None) -> list[PlanEnd]:
        """What `remediate --fix` does between consent and table."""
        return run.apply((proposal or self.propose()).planned, self.session, self.terms)

    def fix(self, proposal: Proposal | None = None) -> list[PlanEnd]:
        """A whole run."""
        run = self.begun()
        self.apply(run, proposal)
        self.journal.end(run.id, 0)
        return run.ends
