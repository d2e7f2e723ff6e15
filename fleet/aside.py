"""Work on threads that nobody waits for longer than they want to: a resolver or a port may never answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Semaphore, Thread
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")
AT_ONCE = 32


def aside(work: Callable[[], T]) -> Future[T]:
    """Begin some work on a thread that ends with the program, unlike a pool's, which the program's end waits for."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as odd:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(odd)

    Thread(target=run, daemon=True).start()
    return future


def together(work: Callable[[A], T], each: Iterable[A], limit: float, late: Callable[[A], T]) -> list[T]:
    """The results of some work on each argument, all at once; `late` stands for what takes over `limit` seconds.

    >>> together(len, ["a", "bcd"], 5.0, lambda one: -1)
    [1, 3]
    """
    turn = Semaphore(AT_ONCE)

    def one(argument: A) -> T:
        with turn:
            return work(argument)

    arguments = list(each)
    end = time.monotonic() + limit
    begun = [aside(lambda argument=argument: one(argument)) for argument in arguments]  # type: ignore[misc]
    return [
        result(future, end, lambda argument=argument: late(argument))  # type: ignore[misc]
        for future, argument in zip(begun, arguments, strict=True)
    ]


def result(future: Future[T], end: float, late: Callable[[], T]) -> T:
    """What the work gave, or what stands for it once the clock (`time.monotonic`) has passed `end`."""
    try:
        return future.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        if future.done():
            raise
        return late()
