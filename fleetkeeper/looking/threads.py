"""Work on threads that nobody waits for longer than they want to: a resolver or a port may never answer."""

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
    """Begin some work on a thread that ends with the program, unlike a pool's, which the program's end waits for."""
    future: Future[T] = Future()
    Thread(target=lambda: fulfil_future(future, work), daemon=True).start()
    return future


def fulfil_future(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as odd:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(odd)


def in_turn(work: Callable[[A], T], each: Iterable[A], at_once: int) -> list[T]:
    """The results of some work on each argument, on so many threads; interrupted, it begins with no further one.

    >>> in_turn(len, ["a", "bcd"], at_once=1)
    [1, 3]
    """
    waiting = deque((argument, Future[T]()) for argument in each)
    futures = [future for _, future in waiting]

    def run() -> None:
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
    """The results of some work on each argument, all at once; `late` stands for what takes over `limit` seconds.

    >>> map_in_threads(len, ["a", "bcd"], 5.0, lambda one: -1)
    [1, 3]
    """
    turn = Semaphore(AT_ONCE)

    def one(argument: A) -> T:
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
    """What the work gave, or what stands for it once the clock (`time.monotonic`) has passed `end`."""
    try:
        return future.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        if future.done():
            raise
        return late()
