"""Tests in this folder start no process and open no socket: one that does fails, and says what it started."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.pure.no_programs import refuse_programs


def under_refusal() -> Iterator[Any]:
    with refuse_programs():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[Any]:
    return (yield from under_refusal())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    return (yield from under_refusal())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[Any]:
    return (yield from under_refusal())
