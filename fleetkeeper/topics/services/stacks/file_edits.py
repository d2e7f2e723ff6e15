"""Edits of a stack file after which it says what runs: one for each field whose value may be written there.

Values of variables, command lines and whatever else may be secret are never written; a person does that. What an edit
really brings about is not decided here but by Docker's client, which is given the edited file (`file_patch`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from fleetkeeper.readers.compose.document import ComposeDocument, MappingNode, Path, ScalarNode, SequenceNode
from fleetkeeper.readers.compose.edits import Edit, add_item, insert_path, remove_item, remove_member, set_value
from fleetkeeper.readers.compose.edits import written_scalar as written
from fleetkeeper.topics.services.stacks.facts import StackService
from fleetkeeper.topics.services.stacks.field_names import ENV, IMAGE, REPLICAS, SECOND, USER
from fleetkeeper.topics.services.stacks.service_fields import RESTART_DEFAULTS, STOP_GRACE_DEFAULT, UPDATE_DEFAULTS

CONTAINER = "TaskTemplate.ContainerSpec."
Writer = Callable[[object], str]
UNITS = (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10))


def duration(value: object) -> str:
    """Nanoseconds as a duration of a stack file.

    >>> duration(90 * SECOND), duration(1_500_000_000), duration(5)
    ('90s', '1500ms', '5ns')
    """
    count = int(str(value))
    for unit, size in (("s", SECOND), ("ms", SECOND // 1000), ("us", SECOND // 1_000_000)):
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}ns"


def memory(value: object) -> str:
    """Bytes as a size of a stack file, whose units are binary.

    >>> memory(100 << 20), memory(1 << 30), memory(1500)
    ('100M', '1G', '1500b')
    """
    count = int(str(value))
    return next((f"{count // size}{unit}" for unit, size in UNITS if count and count % size == 0), f"{count}b")


def cpus(value: object) -> str:
    """Billionths of a CPU as a stack file has them.

    >>> cpus(500_000_000), cpus(2_000_000_000)
    ('0.5', '2')
    """
    return f"{int(str(value)) / SECOND:.9f}".rstrip("0").rstrip(".")


def flag(value: object) -> str:
    """A switch of a stack file."""
    return "true" if value is True else "false"


def update_settings(name: str) -> dict[str, tuple[Path, Writer]]:
    """Where the settings of `UpdateConfig` or `RollbackConfig` are written."""
    key = ("deploy", "update_config" if name == "UpdateConfig" else "rollback_config")
    return {
        f"{name}.Parallelism": ((*key, "parallelism"), str),
        f"{name}.Delay": ((*key, "delay"), duration),
        f"{name}.FailureAction": ((*key, "failure_action"), str),
        f"{name}.Monitor": ((*key, "monitor"), duration),
        f"{name}.MaxFailureRatio": ((*key, "max_failure_ratio"), str),
        f"{name}.Order": ((*key, "order"), str),
    }


RESOURCES = "TaskTemplate.Resources."
RESTART = "TaskTemplate.RestartPolicy."
HEALTH = CONTAINER + "Healthcheck."
SINGLE_VALUES: dict[str, tuple[Path, Writer]] = {
    IMAGE: (("image",), str),
    USER: (("user",), str),
    REPLICAS: (("deploy", "replicas"), str),
    CONTAINER + "Dir": (("working_dir",), str),
    CONTAINER + "StopSignal": (("stop_signal",), str),
    CONTAINER + "StopGracePeriod": (("stop_grace_period",), duration),
    CONTAINER + "ReadOnly": (("read_only",), flag),
    HEALTH + "Interval": (("healthcheck", "interval"), duration),
    HEALTH + "Timeout": (("healthcheck", "timeout"), duration),
    HEALTH + "StartPeriod": (("healthcheck", "start_period"), duration),
    HEALTH + "Retries": (("healthcheck", "retries"), str),
    RESOURCES + "Limits.NanoCPUs": (("deploy", "resources", "limits", "cpus"), cpus),
    RESOURCES + "Limits.MemoryBytes": (("deploy", "resources", "limits", "memory"), memory),
    RESOURCES + "Limits.Pids": (("deploy", "resources", "limits", "pids"), str),
    RESOURCES + "Reservations.NanoCPUs": (("deploy", "resources", "reservations", "cpus"), cpus),
    RESOURCES + "Reservations.MemoryBytes": (("deploy", "resources", "reservations", "memory"), memory),
    RESTART + "Condition": (("deploy", "restart_policy", "condition"), str),
    RESTART + "Delay": (("deploy", "restart_policy", "delay"), duration),
    RESTART + "MaxAttempts": (("deploy", "restart_policy", "max_attempts"), str),
    RESTART + "Window": (("deploy", "restart_policy", "window"), duration),
    "TaskTemplate.Placement.MaxReplicas": (("deploy", "placement", "max_replicas_per_node"), str),
    "EndpointSpec.Mode": (("deploy", "endpoint_mode"), str),
    **update_settings("UpdateConfig"),
    **update_settings("RollbackConfig"),
}
"""Where a service says a field that is one value, and how it is written there."""
LISTS: dict[str, Path] = {
    "TaskTemplate.Placement.Constraints": ("deploy", "placement", "constraints"),
    CONTAINER + "CapabilityAdd": ("cap_add",),
    CONTAINER + "CapabilityDrop": ("cap_drop",),
}
"""Where a service says a field that is a list of texts."""
DEFAULTS: dict[str, object] = {
    REPLICAS: 0,
    CONTAINER + "StopGracePeriod": STOP_GRACE_DEFAULT,
    CONTAINER + "ReadOnly": False,
    "EndpointSpec.Mode": "vip",
    **{RESTART + key: value for key, value in RESTART_DEFAULTS.items()},
    **{f"UpdateConfig.{key}": value for key, value in UPDATE_DEFAULTS.items()},
    **{f"RollbackConfig.{key}": value for key, value in UPDATE_DEFAULTS.items()},
}
"""What is written for a field that runs with the engine's default."""


def field_edits(document: ComposeDocument, service: str, path: str, running: StackService) -> tuple[Edit, ...] | None:
    """The edits after which a service of the file (by its short name) should have a field as it runs.

    None where that cannot be written, or is not in one place of the file.
    """
    value = running.fields.get(path)
    base: Path = ("services", service)
    if path.startswith(ENV):
        return environment_edits(document, (*base, "environment"), path, running)
    if path in LISTS:
        return list_edits(document, (*base, *LISTS[path]), json.loads(value) if value else [])
    if path not in SINGLE_VALUES:
        return None
    inner, writer = SINGLE_VALUES[path]
    node = document.find(*base, *inner)
    if value is not None:
        text = writer(json.loads(value))
    elif path in DEFAULTS:
        text = writer(DEFAULTS[path])
    else:
        return whole(remove_member(document, (*base, *inner)) if node else None)
    return whole(set_value(document, (*base, *inner), text, quoted=writer in (cpus,) or path in (IMAGE, USER)))


def whole(*edits: Edit | None) -> tuple[Edit, ...] | None:
    """The edits, or None when one of them is missing."""
    made = tuple(edit for edit in edits if edit is not None)
    return made if len(made) == len(edits) else None


def environment_edits(
    document: ComposeDocument, path: Path, field: str, running: StackService
) -> tuple[Edit, ...] | None:
    """The edit that takes a variable out of the file which does not run. What runs is known by its name alone."""
    name = field.removeprefix(ENV)
    if field in running.fields:
        return None
    environment = document.find(*path)
    if isinstance(environment, MappingNode):
        return whole(remove_member(document, (*path, name)))
    if not isinstance(environment, SequenceNode):
        return None
    texts = [item.text.partition("=")[0] if isinstance(item, ScalarNode) else "" for item in environment.items]
    return whole(remove_item(document, path, texts.index(name))) if texts.count(name) == 1 else None


def list_edits(document: ComposeDocument, path: Path, texts: list[object]) -> tuple[Edit, ...] | None:
    """The edits after which a list of the file has these texts: items are taken out and added, none is reordered."""
    node = document.find(*path)
    words = [str(text) for text in texts]
    if node is None:
        return whole(insert_path(document, path, f"[{', '.join(written(word, quoted=True) for word in words)}]"))
    if not isinstance(node, SequenceNode):
        return None
    if not words:
        return whole(remove_member(document, path))
    old = [spelled_alike(item.text) if isinstance(item, ScalarNode) else "" for item in node.items]
    new = [spelled_alike(word) for word in words]
    edits = [remove_item(document, path, index) for index, text in enumerate(old) if text not in new]
    added = [word for word in words if spelled_alike(word) not in old]
    if len(edits) == len(old):
        return whole(*replaced_items(document, path, words))
    if len(added) > 1:
        return None
    return whole(*edits, *(add_item(document, path, word) for word in added))


def replaced_items(document: ComposeDocument, path: Path, words: list[str]) -> Iterator[Edit | None]:
    """The edits for a list of which nothing stays: its first item becomes the first text; for more there is None."""
    node = document.find(*path)
    assert isinstance(node, SequenceNode)
    if len(words) != len(node.items):
        yield None
        return
    for index, word in enumerate(words):
        yield set_value(document, (*path, index), word)


def spelled_alike(text: str) -> str:
    """A text of a list as it is compared: without blanks, and without the beginning of a capability's name.

    >>> spelled_alike("node.role == manager"), spelled_alike("CAP_NET_ADMIN")
    ('node.role==manager', 'NET_ADMIN')
    """
    return text.replace(" ", "").removeprefix("CAP_")
