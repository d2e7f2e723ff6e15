"""A team's own topics: modules shaped like ours, in files beside their inventory, named in its `topics`.

A topic is a Python file (or a folder with `__init__.py`) that has `Facts`, `observe` and `RULES`. With a `Policy` it
has a section of its own in the inventory, called like the module; with `REQUIRED = False` that may be left out.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from fleetkeeper.errors import UsageError, quoted

PREFIX = "fleetkeeper_own_topics"
SHAPE = ("Facts", "observe", "RULES")


def bring_in(path: Path) -> ModuleType:
    """The module of a topic, imported once per file and version of it.

    Raises UsageError when there is none, when it does not import, or when it is not shaped like a topic.
    """
    source = path / "__init__.py" if path.is_dir() else path
    name = path.stem
    if not name.isidentifier() or (source.suffix != ".py"):
        raise UsageError(
            f"{quoted(path.name)} cannot be a topic", "a topic is a Python file, such as `./topics/ntp.py`"
        )
    try:
        version = source.stat().st_mtime_ns
    except OSError as why:
        raise UsageError(f"no topic there: {why.strerror}", f"looked for {source}") from None
    known = sys.modules.get(f"{PREFIX}.{name}")
    if known and (known.__file__, getattr(known, "__version_read__", 0)) == (str(source), version):
        return known
    return shaped(imported(name, source, version))


def imported(name: str, source: Path, version: int) -> ModuleType:
    """Run the file as a module. Raises UsageError with what its code raised."""
    spec = importlib.util.spec_from_file_location(f"{PREFIX}.{name}", source)
    if spec is None or spec.loader is None:
        raise UsageError(f"{source} cannot be imported", "a topic is a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as why:  # noqa: BLE001 - a stranger's code may raise anything, and all of it is told
        del sys.modules[spec.name]
        raise UsageError(f"the topic does not import: {type(why).__name__}: {why}", f"see {source}") from None
    module.__dict__["__version_read__"] = version
    return module


def shaped(module: ModuleType) -> ModuleType:
    """The module, when it has what a topic must have, and its rules are its own."""
    missing = [part for part in SHAPE if not hasattr(module, part)]
    if missing:
        raise UsageError(
            f"the topic has no {', no '.join(missing)}", "a topic has Facts, observe and RULES, as ours do"
        )
    name = module.__name__.rpartition(".")[2]
    strangers = [rule.id for rule in module.RULES if rule.topic != name]
    if strangers:
        raise UsageError(f"its rules are called {', '.join(strangers)}", f'say `topic="{name}"` in each Rule')
    return module
