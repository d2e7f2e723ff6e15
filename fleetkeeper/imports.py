"""What is imported when an audit starts costs more than looking at ten nodes: nobody pays for what nobody uses."""

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
"""Objects between two rounds of the garbage collector, which are 700 in Python 3.11: a look makes little garbage."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the garbage collector out of imports, and what they made out of it: that is a fifth of a start."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        keep()
        if was:
            gc.enable()


def keep() -> None:
    """Look for garbage no more among what there is by now, and less often among what comes."""
    gc.freeze()
    gc.set_threshold(SELDOM, *gc.get_threshold()[1:])


@contextmanager
def as_written(config: pytest.Config) -> Iterator[None]:
    """Import without pytest's rewriting of assertions: a tenth of a start, and a third where it cannot be kept.

    pytest rewrites all that is installed together with a plug-in, and keeps the result beside it if it may write there
    (not in a system's folders, nor under PYTHONDONTWRITEBYTECODE). None of ours asserts.
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
    """Stands for a module that is imported when something of it is first used."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # what `import` itself asks for
            raise AttributeError(attribute)
        module: object = sys.modules.get(self.name)
        if module is self:
            del sys.modules[self.name]
        return getattr(importlib.import_module(self.name), attribute)


@contextmanager
def later(name: str) -> Iterator[None]:
    """Who imports a module meanwhile gets it when it is used."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = standing = cast(ModuleType, Later(name))
    try:
        yield
    finally:
        if sys.modules.get(name) is standing:
            del sys.modules[name]
