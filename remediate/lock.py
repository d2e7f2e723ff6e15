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
    """Somebody else holds the lock of `node`; `who` names the holder and since when, as the lock's file does."""

    def __init__(self, node: str, who: str) -> None:
        """The error about the lock of `node`, held by `who`."""
        super().__init__(f"{node} is locked by {who}")
        self.node, self.who = node, who


class HeldLock:
    """A lock that this run holds on one node. A thread sends its heartbeats, at least one every `beat` seconds.

    `answer` is how long `alive` waits, in seconds. The connection may break and be made again between two steps, and
    the lock is then gone at once: so only an answer that was requested now proves that it is held.
    """

    def __init__(self, node: str, stream: Stream, beat: float = BEAT, answer: float = ANSWER) -> None:
        """Begin, in a thread, to send heartbeats over `stream` to the holder on the node.

        `beat`, the time between them, and `answer`, the longest wait for one, are in seconds.
        """
        self.node, self.stream, self.beat, self.answer = node, stream, beat, answer
        self.confirmed = time.monotonic()
        self.sent: float | None = None
        self.lost = False
        self.over, self.wanted = threading.Event(), threading.Event()
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self.keep, name=f"lock of {node}", daemon=True)
        self.thread.start()

    def keep(self) -> None:
        """Send heartbeats, at least every `beat` seconds, until one is not answered or `release` is called."""
        number = 0
        while not self.lost:
            self.wanted.wait(self.beat)
            self.wanted.clear()
            if self.over.is_set():
                return
            number += 1
            self.heartbeat(str(number))

    def heartbeat(self, number: str) -> None:
        """Send one heartbeat, `number`, which the node repeats. That confirms the lock as of the time of sending.

        Without an answer, `lost` is set. Raises nothing.
        """
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
        """Whether the node confirms the lock now: sends a heartbeat, and waits up to `answer` seconds."""
        question = time.monotonic()
        self.wanted.set()
        with self.news:
            self.news.wait_for(lambda: self.lost or self.confirmed >= question, self.answer)
            return not self.lost and self.confirmed >= question

    @property
    def silence(self) -> float:
        """Seconds since the heartbeat was sent that the node has not answered yet; 0.0 when all are answered."""
        sent = self.sent
        return time.monotonic() - sent if sent is not None else 0.0

    def release(self) -> None:
        """Stop the heartbeats, and end the holder on the node. Raises nothing.

        A node that cannot be reached frees the lock by itself. It waits for the holder, up to 5 s.
        """
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
    """When a silent node is reported, in seconds without an answer to a heartbeat.

    The first report comes after `first`, each further one after `again` more; the time is compared every `check`
    seconds.
    """

    check: float = 1.0
    first: float = 4.0
    again: float = 15.0


class Locks:
    """The locks of one run on its nodes. Leaving the `with` block releases them.

    `link_to` gives the link of a node, `path` is the lock's file there, `beat` the seconds between heartbeats. `tell`
    is called with a line of text when a node goes silent or answers again.
    """

    def __init__(self, link_to: Callable[[str], WritingLink], run: str, path: str = LOCK, beat: float = BEAT) -> None:
        """No lock is taken yet; `run` is the id of the run, which the lock's file names."""
        self.link_to, self.path, self.beat = link_to, path, beat
        self.who = holder_name(run)
        self.held: dict[str, HeldLock] = {}
        self.tell: Callable[[str], None] = lambda text: None
        self.pace = Silence()
        self.over, self.listening = threading.Event(), False

    def take(self, nodes: Iterable[str]) -> dict[str, Unobservable]:
        """Lock the nodes, in the order of their names so that two runs cannot block one another.

        Returns the nodes that could not be locked, each with the reason; {} when all are. Raises Busy when somebody
        else holds one of them; then no lock is held, and these locks are not used again. Also starts the reports about
        silent nodes (`tell`).
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
        """Whether the node confirms now that this run holds its lock; False for a node that was never locked."""
        return node in self.held and self.held[node].alive()

    def confirm(self, node: str) -> None:
        """Ask the node whether this run still holds its lock. Raises Lost when it does not say so."""
        if not self.alive(node):
            raise Lost(taken_away(node))

    def guarding(self, context: StepContext) -> StepContext:
        """A copy of `context` with `confirm` and `token` of these locks, for steps that ask again before each write."""
        return replace(context, confirm=self.confirm, token=self.who)

    def listen(self) -> None:
        """Report through `tell` when a node goes silent, as `pace` says, and when it answers again.

        Ends with `release`.
        """
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
        """Release every lock, and end the reports about silent nodes. The object is not used again."""
        self.over.set()
        for held in self.held.values():
            held.release()
        self.held.clear()

    def __enter__(self) -> Self:
        """The locks themselves; `take` takes them."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release every lock, however the block ended."""
        self.release()


def start_holder(link: WritingLink, node: str, path: str, who: str, patience: int = PATIENCE) -> Stream:
    """Start the process that holds the lock on the node. Returns its stream: each line written to it is a heartbeat.

    `path` is the lock's file, `who` the text in it, `patience` the seconds without a heartbeat after which the process
    ends. Raises Busy when somebody else holds the lock, Unobservable when the file cannot be written or the connection
    is lost.
    """
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
    what = "cannot be written (it takes root)" if rc == CANNOT_CREATE else f"could not be held (exit {rc})"
    raise Unobservable(f"{path} {what}", hint=RIGHT, node=node)


CANNOT_CREATE = 73
"""The exit status of the holder when it cannot write the lock's file (sysexits.h: EX_CANTCREAT)."""
RIGHT = "set `sudo: true` for the node, or log in as root; a full or read-only /run must be mended by hand"


def read_line(stream: Stream) -> str:
    """One line from the node, stripped; what has come so far when the output ends.

    Raises Unobservable when the connection was lost. It waits without a limit.
    """
    text = b""
    while not text.endswith(b"\n"):
        got = stream.read(1)
        if not got:
            break
        text += got
    return text.decode("utf-8", "replace").strip()


def holder_name(run: str) -> str:
    """The text in the lock file about this run: account, machine, process id, run id and start time (UTC)."""
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{account_and_machine()} (process {os.getpid()}, run {run}) since {since}"


def account_and_machine() -> str:
    """`USER@HOST` that changes are made from: the account before sudo, with unusual characters replaced by `?`.

    >>> bool(account_and_machine())
    True
    """
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return re.sub(r"[^\w@. -]", "?", f"{user}@{socket.gethostname()}")
