"""Work on daemon threads with time limits: a resolver or a port may never answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from threading import Semaphore, Thread
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")
AT_ONCE = 32


def run_in_daemon_thread(work: Callable[[], T]) -> Future[T]:
    """Start the work on a daemon thread, and return its future. Python does not wait for it at exit."""
    future: Future[T] = Future()
    Thread(target=lambda: fulfil_future(future, work), daemon=True).start()
    return future


def fulfil_future(future: Future[T], work: Callable[[], T]) -> None:
    """Run the work, and put its result or its exception into the future."""
    try:
        future.set_result(work())
    except BaseException as odd:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(odd)


def in_turn(work: Callable[[A], T], each: Iterable[A], at_once: int) -> list[T]:
    """The results of the work on each argument, in order, from at most `at_once` threads.

    Raises the first exception of the work. After that, or when interrupted, no further argument is started.

    >>> in_turn(len, ["a", "bcd"], at_once=1)
    [1, 3]
    """
    waiting = deque((argument, Future[T]()) for argument in each)
    futures = [future for _, future in waiting]

    def run() -> None:
        """Do the work of one thread: take the next waiting argument, until none is left. Raises nothing.

        The result, or the exception, goes into the future of its argument.
        """
        with suppress(IndexError):
            while True:
                argument, future = waiting.popleft()
                fulfil_future(future, lambda: work(argument))  # noqa: B023 - it is done with before the next one

    for _ in range(min(at_once, len(futures))):
        Thread(target=run, daemon=True).start()
    try:
        return [future.result() for future in futures]
    finally:
        waiting.clear()


def map_in_threads(work: Callable[[A], T], each: Iterable[A], limit: float, late: Callable[[A], T]) -> list[T]:
    """The results of the work on each argument, in order, from at most AT_ONCE threads.

    After `limit` seconds altogether, `late` of the argument replaces each result that is missing; the work goes on in
    its thread. Raises the first exception of the work.

    >>> map_in_threads(len, ["a", "bcd"], 5.0, lambda one: -1)
    [1, 3]
    """
    turn = Semaphore(AT_ONCE)

    def one(argument: A) -> T:
        """The result of the work, begun once one of the AT_ONCE turns is free."""
        with turn:
            return work(argument)

    arguments = list(each)
    end = time.monotonic() + limit
    begun = [run_in_daemon_thread(lambda argument=argument: one(argument)) for argument in arguments]  # type: ignore[misc]
    return [
        result_in_time(future, end, lambda argument=argument: late(argument))  # type: ignore[misc]
        for future, argument in zip(begun, arguments, strict=True)
    ]


def result_in_time(future: Future[T], end: float, late: Callable[[], T]) -> T:
    """The result of the future, or that of `late` when there is none at the time `end` (`time.monotonic`).

    Raises the exception of the work.
    """
    try:
        return future.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        if future.done():
            raise
        return late()
