"""One lock per node, held there by a process that ends when its heartbeat stops.

A cut cable, a killed controller and a closed laptop all free it within a minute, and nothing else does. The node needs
no more than a POSIX shell: `read` without a time limit, `ln` as the atomic step, and /proc to know a dead holder.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import one_line
from remediate.steps.lock_guard import taken_away
from remediate.steps.step import LOCK, Lost, StepContext

if TYPE_CHECKING:
    from fleetkeeper.transport.writing import Stream, WritingLink

HOLD_LOCK = "remediate/scripts/hold_lock.sh"

PATIENCE = 45
"""Seconds without a heartbeat after which the holder on the node ends. Less than the minute that we promise."""
BEAT = 10.0
ANSWER = 10.0
"""Seconds for a heartbeat's answer, before each change: without one we no longer believe that the lock is ours."""
BUSY, NO_LOCK = 75, 73


class Busy(Exception):
    """Somebody else holds the lock of a node; `who` says who and since when."""

    def __init__(self, node: str, who: str) -> None:
        super().__init__(f"{node} is locked by {who}")
        self.node, self.who = node, who


class HeldLock:
    """A lock that we hold on one node. A thread of its own keeps it.

    The connection may break and be made again between two steps: the lock is then gone at once, so it is never
    believed in without an answer that was asked for now.
    """

    def __init__(self, node: str, stream: Stream, beat: float = BEAT, answer: float = ANSWER) -> None:
        self.node, self.stream, self.beat, self.answer = node, stream, beat, answer
        self.confirmed = time.monotonic()
        self.sent: float | None = None
        self.lost = False
        self.over, self.wanted = threading.Event(), threading.Event()
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self.keep, name=f"lock of {node}", daemon=True)
        self.thread.start()

    def keep(self) -> None:
        """Send heartbeats, at least every `beat` seconds, until one is not answered."""
        number = 0
        while not self.lost:
            self.wanted.wait(self.beat)
            self.wanted.clear()
            if self.over.is_set():
                return
            number += 1
            self.heartbeat(str(number))

    def heartbeat(self, number: str) -> None:
        """One heartbeat. The lock is believed in from the moment of sending, once that is answered."""
        self.sent = sent = time.monotonic()
        try:
            self.stream.write(f"{number}\n".encode())
            answered = read_line(self.stream) == number
        except (Unobservable, OSError, ValueError):  # the connection went, or the stream was closed under us
            answered = False
        with self.news:
            self.lost, self.sent = not answered, None
            self.confirmed = sent if answered else self.confirmed
            self.news.notify_all()

    def alive(self) -> bool:
        """Whether the lock is ours now: asks the node, and waits for its answer."""
        question = time.monotonic()
        self.wanted.set()
        with self.news:
            self.news.wait_for(lambda: self.lost or self.confirmed >= question, self.answer)
            return not self.lost and self.confirmed >= question

    @property
    def silence(self) -> float:
        """Seconds since a heartbeat was sent that the node has not answered yet."""
        sent = self.sent
        return time.monotonic() - sent if sent is not None else 0.0

    def release(self) -> None:
        """Let go. A lock that cannot be reached any more frees itself."""
        self.over.set()
        self.wanted.set()
        try:
            self.stream.close_write()
            self.stream.wait(5.0)
        except (Unobservable, OSError, ValueError):
            pass
        finally:
            self.stream.close()


@dataclass(frozen=True)
class Silence:
    """When whoever waits is told that a node does not answer: seconds without an answer to a heartbeat.

    `first` until the first word, `again` until each further one; looked at every `check` seconds.
    """

    check: float = 1.0
    first: float = 4.0
    again: float = 15.0


class Locks:
    """The locks of one run, taken all or none."""

    def __init__(self, link_to: Callable[[str], WritingLink], run: str, path: str = LOCK, beat: float = BEAT) -> None:
        self.link_to, self.path, self.beat = link_to, path, beat
        self.who = holder_name(run)
        self.held: dict[str, HeldLock] = {}
        self.tell: Callable[[str], None] = lambda text: None
        self.pace = Silence()
        self.over, self.listening = threading.Event(), False

    def take(self, nodes: Iterable[str]) -> dict[str, Unobservable]:
        """Lock the nodes, in the order of their names so that two remediators cannot block one another.

        Returns the nodes that could not be locked, and why. Raises Busy when somebody else holds one of them; then
        none is held.
        """
        failed: dict[str, Unobservable] = {}
        for node in sorted(set(nodes)):
            try:
                stream = start_holder(self.link_to(node), node, self.path, self.who)
            except Unobservable as why:
                failed[node] = why
            except Busy:
                self.release()
                raise
            else:
                self.held[node] = HeldLock(node, stream, self.beat)
        if self.held and not self.listening:
            self.listening = True
            threading.Thread(target=self.listen, name="silence", daemon=True).start()
        return failed

    def alive(self, node: str) -> bool:
        return node in self.held and self.held[node].alive()

    def confirm(self, node: str) -> None:
        """Raises Lost when the lock is not ours any more."""
        if not self.alive(node):
            raise Lost(taken_away(node))

    def guarding(self, context: StepContext) -> StepContext:
        """The place of a step that asks for these locks again before each of its writes."""
        return replace(context, confirm=self.confirm, token=self.who)

    def listen(self) -> None:
        """Tell whoever waits when a node goes silent, again after a while, and when it answers again."""
        lines: dict[str, float] = {}
        while not self.over.wait(self.pace.check):
            for node, held in list(self.held.items()):
                silence = held.silence
                if silence >= lines.get(node, 0.0) + (self.pace.again if node in lines else self.pace.first):
                    lines[node] = silence
                    self.tell(f"no answer from {node} for {silence:.0f} s")
                elif node in lines and silence < lines[node]:
                    del lines[node]
                    self.tell(
                        f"{node} does not answer any more, and its lock is lost"
                        if held.lost
                        else f"{node} answers again"
                    )

    def release(self) -> None:
        self.over.set()
        for held in self.held.values():
            held.release()
        self.held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def start_holder(link: WritingLink, node: str, path: str, who: str, patience: int = PATIENCE) -> Stream:
    """Start the holder on the node. Raises Busy, or Unobservable when there can be no lock."""
    stream = link.open(("sh", "-c", load_script(HOLD_LOCK), "sh", path, str(patience), who), sudo=True)
    try:
        line = read_line(stream)
        if line == "taken":
            return stream
        rc = stream.wait(10.0)
    except BaseException:
        stream.close()
        raise
    stream.close()
    if line.startswith("held ") and rc == BUSY:
        raise Busy(node, one_line(line.removeprefix("held ")))
    raise Unobservable(f"the node could not be locked: {path} cannot be written (exit {rc})", hint=RIGHT, node=node)


RIGHT = "set `sudo: true` for the node, or log in as root; a full or read-only /run must be mended by hand"


def read_line(stream: Stream) -> str:
    """One line from the node. Raises Unobservable when the connection is gone."""
    text = b""
    while not text.endswith(b"\n"):
        got = stream.read(1)
        if not got:
            break
        text += got
    return text.decode("utf-8", "replace").strip()


def holder_name(run: str) -> str:
    """Who we are, for whoever finds the lock taken."""
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{account_and_machine()} (process {os.getpid()}, run {run}) since {since}"


def account_and_machine() -> str:
    """The account and the machine that changes are made from.

    >>> bool(account_and_machine())
    True
    """
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return re.sub(r"[^\w@. -]", "?", f"{user}@{socket.gethostname()}")
