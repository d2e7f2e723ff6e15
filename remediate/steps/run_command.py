"""Running one command on a node, or inside a container that runs there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetkeeper.readers import lines
from fleetkeeper.redact import masked
from fleetkeeper.transport.commands import Command, Output, missing_right
from fleetkeeper.untrusted import one_line, shown_command
from remediate.steps.put_content import ask_one
from remediate.steps.step import AlreadyBack, Done, Lost, Stale, StepContext, StepFailed

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink

RUNNING = ("docker", "inspect", "--type", "container", "--format", "{{.State.Running}}")
LAST_LINE = 300


@dataclass(frozen=True)
class Require:
    """A read-only question that must be answered as expected before anything is changed.

    `answer` is the exact standard output without the newline at its end; None accepts any. `because` is the condition
    as text, shown in the plan and when it does not hold. `limit` is in seconds.
    """

    node: str
    words: tuple[str, ...]
    because: str
    answer: str | None = None
    sudo: bool = True
    limit: float = 30.0

    def show(self) -> str:
        """The condition as text."""
        return self.because

    def still_true(self, link: Link) -> None:
        """Run the question. Raises Stale when it fails or has another answer, Unobservable when there is none.

        The question is run on the node; an `answer` of None means that any is right.
        """
        output = ask_one(link, Command(self.words, self.sudo, self.limit))
        if output.lost or output.rc is None:
            output.text()
        answer = output.out.decode("utf-8", "replace").rstrip("\n")
        if output.rc != 0 or (self.answer is not None and answer != self.answer):
            raise Stale(f"no longer so: {self.because}")


@dataclass(frozen=True)
class Run:
    """Run one command on the node. `changes=False` for one that only looks (`nginx -t`).

    `expect` are the exit statuses that mean success, `unchanged` those of a failure that left everything as it was.
    `says` is the sentence that the plan shows. `undo` are the words that undo it; empty when there is no way back.
    `undo_while` is a command with exit status 0 while the change is still in force: it is run before `undo` (as the
    `only_while` of the way back), so that what somebody else has done since is left alone. `tells` declares that what
    the command prints is harmless: only then the last line of its standard error is shown and kept when it fails.
    `stamp` is the part of the words and of `says` that each look makes anew (the time in a name): two steps that differ
    in nothing else are the same step. `limit` is in seconds.
    """

    node: str
    words: tuple[str, ...]
    says: str = ""
    expect: tuple[int, ...] = (0,)
    unchanged: tuple[int, ...] = ()
    undo: tuple[str, ...] = ()
    undo_while: tuple[str, ...] = ()
    only_while: tuple[str, ...] = ()
    changes: bool = True
    tells: bool = False
    sudo: bool = True
    limit: float = 60.0
    stamp: str = ""
    kind: Literal["run"] = "run"

    def show(self) -> str:
        """`says` (or "run"), then the command on a line of its own, as in `show_command`: masked.

        Raises Untrusted for words that no command line can carry.
        """
        return show_command(self.says, self.words)

    def directories(self) -> tuple[str, ...]:
        """Empty: what a command writes is not known here."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """A command has no precondition of its own (the plan's `requires` say what must hold); a way back may have.

        With `only_while`, that is run: raises AlreadyBack when it fails, Unobservable without an answer.
        """
        if self.only_while:
            raise_if_undone(ask_one(link, Command(self.only_while, self.sudo)))

    def inverse(self, link: Link, context: StepContext) -> Run | None:
        """The step that runs `undo`, whose own way back are these words; None without `undo`. Nothing is asked."""
        if not self.undo:
            return None
        return Run(
            *(self.node, self.undo, taking_back(self.says)),
            undo=self.words,
            only_while=self.undo_while,
            sudo=self.sudo,
            limit=self.limit,
        )

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Run the command, as root if `sudo`; the result has `rc`, and what it printed only with `tells`.

        Raises Lost without an exit status, Unobservable when no shell answered, StepFailed for one not in `expect`.
        """
        return outcome_of_exit(ask_one(link, Command(self.words, self.sudo, self.limit)), self)


@dataclass(frozen=True)
class RunInContainer:
    """Run one command inside a container, by its full id, as `user` (empty: the container's own).

    The other fields are those of `Run`; `service` is the name shown to a person. Its precondition: that very container
    is still running.
    """

    node: str
    container: str
    words: tuple[str, ...]
    service: str = ""
    user: str = ""
    says: str = ""
    expect: tuple[int, ...] = (0,)
    unchanged: tuple[int, ...] = ()
    undo: tuple[str, ...] = ()
    undo_while: tuple[str, ...] = ()
    only_while: tuple[str, ...] = ()
    changes: bool = True
    tells: bool = False
    limit: float = 60.0
    stamp: str = ""
    kind: Literal["run_in_container"] = "run_in_container"

    def show(self) -> str:
        """`says` (or "run") with the service or short id, then the command without `docker exec`, masked.

        Raises Untrusted for words that no command line can carry.
        """
        return show_command(self.says, self.words, f"in {self.service or self.container[:12]}")

    def directories(self) -> tuple[str, ...]:
        """Empty: what a command writes is not known here."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that this container runs, and that `only_while`, if any, succeeds in it.

        Raises Stale when it is gone or stopped, AlreadyBack when there is nothing to undo, Unobservable.
        """
        answer = ask_one(link, Command((*RUNNING, self.container), sudo=True))
        if answer.lost or answer.rc is None:
            answer.text()
        if answer.rc != 0 and missing_right(answer.err.decode("utf-8", "replace")):
            raise answer.refusal()
        if answer.rc != 0 or answer.out.strip() != b"true":
            raise Stale(f"the container of {self.service or self.container[:12]} is not the one that was seen")
        if self.only_while:
            raise_if_undone(ask_one(link, self.command(self.only_while)))

    def inverse(self, link: Link, context: StepContext) -> RunInContainer | None:
        """The step that runs `undo` in the same container; None without `undo`. Nothing is asked."""
        if not self.undo:
            return None
        return RunInContainer(
            *(self.node, self.container, self.undo, self.service, self.user, taking_back(self.says)),
            undo=self.words,
            only_while=self.undo_while,
            limit=self.limit,
        )

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Run the command in the container; results and errors are as in `Run.do`."""
        return outcome_of_exit(ask_one(link, self.command(self.words)), self)

    def command(self, words: tuple[str, ...]) -> Command:
        """The `docker exec` of these words in the container, run by root; there as `user`, else the image's."""
        user = ("-u", self.user) if self.user else ()
        return Command(("docker", "exec", *user, self.container, *words), sudo=True, limit=self.limit)


def raise_if_undone(answer: Output) -> None:
    """Check the answer to `only_while`.

    Raises AlreadyBack when there is nothing to undo, Unobservable without an answer.
    """
    if answer.lost or answer.rc is None:
        answer.text()
    if answer.rc != 0:
        raise AlreadyBack("what was done does not stand any more")


def taking_back(says: str) -> str:
    """The sentence of a way back, with what was done in quotes: it is not what undoing does. Empty when `says` is.

    >>> taking_back("start cron")
    'take back "start cron"'
    """
    return f'take back "{says}"' if says else ""


def outcome_of_exit(answer: Output, step: Run | RunInContainer) -> Done:
    """The result of a command: its `rc`, and in `said` the last line that it printed, masked, if the step has `tells`.

    Raises Lost without an exit status, StepFailed when it is not in `step.expect`: the error's `changed` is False for a
    step that only looks, or a status in `step.unchanged`. Without `tells`, what was printed is dropped.
    """
    if answer.lost or answer.rc is None:
        raise Lost(f"`{answer.command}` gave no answer: {answer.lost or 'it did not end'}")
    text = last_line(answer) if step.tells else ""
    if answer.rc not in step.expect:
        changed = step.changes and answer.rc not in step.unchanged
        raise StepFailed(f"exit {answer.rc}" + (f": {text}" if text else ""), changed=changed, rc=answer.rc)
    return Done(rc=answer.rc, said=text)


def last_line(answer: Output) -> str:
    """The last line on standard error (or output): masked, on one line, at most LAST_LINE characters."""
    last = lines.last_line((answer.err or answer.out).decode("utf-8", "replace"))
    return one_line(masked(last[:LAST_LINE]))


def show_command(says: str, words: tuple[str, ...], where: str = "") -> str:
    """The sentence, with `where` in brackets, then on a line of its own the command, masked; a long one is shortened.

    The sentence is for people, the command for those who doubt it. Of a command of more than 400 characters, or of
    several lines, the first two words are shown. `says` itself is not masked. Raises Untrusted for words that no
    command line can carry.
    """
    command = masked(shown_command(words))
    if len(command) > 400 or any("\n" in word for word in words):
        command = f"{shown_command(words[:2])} … ({len(command)} characters)"
    head = says or "run"
    return f"{head}{f' ({where})' if where else ''}\n  $ {command}"
