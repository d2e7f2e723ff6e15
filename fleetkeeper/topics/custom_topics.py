"""A team's own topics: Python files (or folders with `__init__.py`) that an inventory names in its `topics`.

Each holds a `TOPIC`, as our own topics do, that is called like its file.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from fleetkeeper.errors import UsageError, quoted
from fleetkeeper.topics.protocol import Topic

PREFIX = "fleetkeeper_own_topics"


def import_topic(path: Path) -> Topic:
    """The topic in a file, which is imported once per version of it (by its mtime).

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
    module_type = sys.modules.get(f"{PREFIX}.{name}")
    if module_type and (module_type.__file__, getattr(module_type, "__version_read__", 0)) == (str(source), version):
        return topic_in(module_type)
    return topic_in(imported(name, source, version))


def imported(name: str, source: Path, version: int) -> ModuleType:
    """The module of a file, after running it. Raises UsageError with the error that its code raised.

    `version` is the mtime of the file in nanoseconds.
    """
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


def topic_in(module: ModuleType) -> Topic:
    """The TOPIC of a module.

    Raises UsageError when there is none, when its name is not the module's, or when its rules have another topic's
    name.
    """
    name = module.__name__.rpartition(".")[2]
    topic = getattr(module, "TOPIC", None)
    if not isinstance(topic, Topic):
        raise UsageError("the file has no TOPIC", f'end it with `TOPIC = Topic("{name}", …)`: see docs/own-topics.md')
    if topic.name != name:
        raise UsageError(f"its topic is called {quoted(topic.name)}", f"it must be {quoted(name)}, as the file is")
    strangers = [rule.id for rule in topic.rules if rule.topic != name]
    if strangers:
        raise UsageError(f"its rules are called {', '.join(strangers)}", f'say `topic="{name}"` in each Rule')
    return topic
