"""Faster imports: an audit's imports cost more than looking at ten nodes, so they are deferred or made cheaper."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pytest


SELDOM = 20_000
"""Objects made between two rounds of the garbage collector (700 in Python 3.11): a look makes little garbage."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch the garbage collector off for imports inside the block, and exempt from it what they made.

    That saves a fifth of start-up time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        exempt_from_collection()
        if was:
            gc.enable()


def exempt_from_collection() -> None:
    """Exempt all existing objects from garbage collection, and from now on collect only every SELDOM objects."""
    gc.freeze()
    gc.set_threshold(SELDOM, *gc.get_threshold()[1:])


@contextmanager
def as_written(config: pytest.Config) -> Iterator[None]:
    """Import inside the block without pytest's rewriting of assertions: saves a tenth of start-up time.

    It saves a third where the rewritten files cannot be cached. pytest rewrites all that is installed together with a
    plug-in, and keeps the result beside it if it may write there (not in a system's folders, nor under
    PYTHONDONTWRITEBYTECODE). None of our modules asserts.
    """
    hook = getattr(config.pluginmanager, "rewrite_hook", None)
    index = sys.meta_path.index(hook) if hook in sys.meta_path else None
    if index is not None:
        del sys.meta_path[index]
    try:
        yield
    finally:
        if index is not None:
            sys.meta_path.insert(index, cast(Any, hook))


class Later:
    """A placeholder in `sys.modules` for a module that is imported when an attribute of it is first used."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        """The attribute of the module, which is imported now.

        Raises AttributeError for names that begin with `__`, without importing.
        """
        if attribute.startswith("__"):  # what `import` itself asks for
            raise AttributeError(attribute)
        module: object = sys.modules.get(self.name)
        if module is self:
            del sys.modules[self.name]
        return getattr(importlib.import_module(self.name), attribute)


@contextmanager
def later(name: str) -> Iterator[None]:
    """Defer the import of the module `name`: code that imports it inside the block gets a placeholder (Later).

    A module that is already imported is left as it is.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = standing = cast(ModuleType, Later(name))
    try:
        yield
    finally:
        if sys.modules.get(name) is standing:
            del sys.modules[name]
