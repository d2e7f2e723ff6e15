"""Recordings of a look: parsed facts as JSON, never raw output (that of `docker inspect` holds secrets)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import PlainSerializer, SerializationInfo, TypeAdapter, ValidationError

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.looking.fleet import HERE, Facts, Fleet
from fleetkeeper.looking.observer import Observers
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.versions import UPGRADE, is_newer

VERSION = 1
T = TypeVar("T")
MEMORY = "memory"
"""The key in the context of a serialization that stays in the memory of this run's processes."""


def kept_in_memory(value: Any, info: SerializationInfo) -> Any:
    """The value for another process of this run; None for everything that is written down."""
    return value if (info.context or {}).get(MEMORY) else None


InMemory = Annotated[T, PlainSerializer(kept_in_memory)]
"""A field of facts that is None wherever facts are written down or shown: `InMemory[int | None]`."""


@cache
def type_adapter(kind: Any) -> TypeAdapter[Any]:
    """Pydantic's converter between a class and JSON, made once for each class."""
    return TypeAdapter(kind)


def dump_recording(fleet: Fleet, *, in_memory: bool = False) -> str:
    """The facts of one look as JSON text, with its time, the inventory's name and the version of this format.

    `in_memory`: for another process of this run, and never for a file.
    """
    return json.dumps(
        {
            "schema": VERSION,
            "inventory": fleet.inventory.name,
            "looked_at": fleet.looked_at.isoformat(),
            "facts": [record_entry(node, topic, fact, in_memory) for (node, topic), fact in fleet.facts.items()],
        }
    )


def record_entry(node: str, topic: str, fact: Facts | Unobservable, in_memory: bool = False) -> dict[str, Any]:
    """One entry of a recording: node, topic, and `facts` or `unobservable` as JSON values."""
    kind = "unobservable" if isinstance(fact, Unobservable) else "facts"
    adapter = type_adapter(cast(Any, type(fact)))
    return {"node": node, "topic": topic, kind: adapter.dump_python(fact, mode="json", context={MEMORY: in_memory})}


def load_recording(text: str, inventory: Inventory, observers: Observers) -> Fleet:
    """The look that `dump_recording` saved, to be judged by the rules of an inventory.

    Raises UsageError when the text is not a recording, is of a newer version, or has nodes that the inventory has not.
    Nothing is looked at.
    """
    try:
        recorded = json.loads(text)
        if newer := is_newer("the recording", recorded["schema"], VERSION):
            raise UsageError(newer, hint=UPGRADE)
        facts = {(item["node"], item["topic"]): fact_of(item, observers) for item in recorded["facts"]}
        looked_at = datetime.fromisoformat(recorded["looked_at"])
    except (ValueError, LookupError, TypeError, ValidationError) as odd:
        raise UsageError(
            f"this is not a recording of a look: {odd}", hint="make one with `pytest --record FILE`"
        ) from None
    strangers = {node for node, _ in facts} - {HERE, *inventory.nodes}
    if strangers:
        raise UsageError(
            f"the recording holds nodes that {inventory.name} does not have: {', '.join(sorted(strangers))}"
        )
    return Fleet(inventory, looked_at, facts)


def fact_of(recorded: Mapping[str, Any], observers: Observers) -> Facts | Unobservable:
    """The facts, or the Unobservable, in one entry of a recording.

    Raises LookupError for a topic without an observer, TypeError or ValidationError for values of another shape.
    TypeError is for an Unobservable's keys.
    """
    if "unobservable" in recorded:
        return Unobservable(**recorded["unobservable"])
    fact: Facts = type_adapter(observers[recorded["topic"]].facts).validate_python(recorded["facts"], strict=False)
    return fact
