"""Update settings that fleetkeeper lends a service while it changes it, and the label that keeps the service's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.versions import UPGRADE, is_newer

Json = dict[str, Any]
OWN_UPDATES = "fleetkeeper.update-config"
"""The label that holds the service's own update settings while ours are in force: they survive a crash there."""
VERSION, VERSION_KEY = 1, "fleetkeeper"
"""Of the label's JSON, and the key that holds it. A label without it is older, and means the same."""
CAREFUL = {"Order": "stop-first", "FailureAction": "pause"}
USUAL = {"Parallelism": 0, "Delay": 0, "Monitor": 0, "MaxFailureRatio": 0, **CAREFUL}
"""What the engine takes for a setting that is left out (swarmkit's zero values)."""
KNOWN = {"Order": ("stop-first", "start-first", ""), "FailureAction": ("pause", "continue", "rollback", "")}
LONGEST = 4096
"""Bytes of a label that we may have written; a longer one is somebody else's."""


def own_updates(spec: Mapping[str, Any]) -> Json | None:
    """The service's own update settings while ours are in force; None when those in force are the service's own.

    The label is valid only as long as the settings are exactly what we made of it: settings that somebody has made
    since are newer. `spec` is a service's, as the Engine API has it. Raises Unobservable for a newer fleetkeeper's
    label.

    >>> label = {OWN_UPDATES: '{"Order": "start-first", "Parallelism": 2}'}
    >>> own_updates({"Labels": label, "UpdateConfig": {**CAREFUL, "Parallelism": 2}})
    {'Order': 'start-first', 'Parallelism': 2}
    >>> own_updates({"Labels": label, "UpdateConfig": {**CAREFUL, "Parallelism": 3}}) is None
    True
    """
    kept = parse_label(str((spec.get("Labels") or {}).get(OWN_UPDATES, "")))
    if kept is None or with_defaults({**kept, **CAREFUL}) != with_defaults(spec.get("UpdateConfig") or {}):
        return None
    return kept


def label_of(own: Mapping[str, Any]) -> str:
    """The value of the label for a service's own update settings: JSON with a version."""
    return json.dumps({VERSION_KEY: VERSION, **own})


def parse_label(label: str) -> Json | None:
    """The settings in the value of a label; None when it is not one of ours.

    Raises Unobservable for a newer version. Without the version.
    """
    if len(label) > LONGEST:
        return None
    try:
        match = json.loads(label)
    except (ValueError, RecursionError):
        return None
    version = match.pop(VERSION_KEY, VERSION) if isinstance(match, dict) else VERSION
    if isinstance(version, int) and (newer := is_newer(f"the label {OWN_UPDATES}", version, VERSION)):
        raise Unobservable(newer, UPGRADE)
    sound = (
        isinstance(match, dict)
        and version == VERSION
        and all(match.get(key, "") in values for key, values in KNOWN.items())
    )
    return match if sound else None


def with_defaults(updates: Mapping[str, Any]) -> Json:
    """Update settings with the engine's defaults for all that was left out, so that two can be compared.

    >>> left_out, written = {"Order": "", "Parallelism": 1}, {"Parallelism": 1, "FailureAction": "pause", "Delay": 0}
    >>> with_defaults(left_out) == with_defaults(written)
    True
    """
    return {**updates, **{key: updates.get(key) or value for key, value in USUAL.items()}}


def is_careful(updates: Mapping[str, Any]) -> bool:
    """Whether update settings stop the old task first and pause after a failure, which leaves the rollback to us.

    >>> is_careful({"Parallelism": 3}), is_careful({"Order": "start-first"})
    (True, False)
    """
    return all((updates.get(key) or value) == value for key, value in CAREFUL.items())


def lent_updates(spec: Mapping[str, Any]) -> Literal["", "lent", "changed"]:
    """Whether a service has our update settings ("lent"), had them and has others since ("changed"), or neither ("").

    `spec` is a service's, as the Engine API has it. Raises Unobservable for a newer fleetkeeper's label.
    """
    if OWN_UPDATES not in (spec.get("Labels") or {}):
        return ""
    return "changed" if own_updates(spec) is None else "lent"
