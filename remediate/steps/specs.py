"""What is changed in the spec of a swarm service, and nothing else. Pure: documents of the Engine API in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from fleet.topics.services.facts import LENT

Json = dict[str, Any]
STACK = "com.docker.stack.namespace"
OWN_UPDATES = "fleetkeeper.update-config"
"""The label that holds the service's own update settings while ours are in force: they survive a crash there."""
CAREFUL = {"Order": "stop-first", "FailureAction": "pause"}


def replicas(spec: Mapping[str, Any]) -> int:
    """How many tasks a service is told to have; for a global one, at least one.

    >>> replicas({"Mode": {"Replicated": {"Replicas": 3}}}), replicas({"Mode": {"Global": {}}})
    (3, 1)
    """
    return int(spec.get("Mode", {}).get("Replicated", {}).get("Replicas", 1))


def with_user(spec: Mapping[str, Any], user: str, *, lent: bool) -> Json:
    """The spec with another user, carefully updated, and marked while the stack file may not say so (`lent`).

    >>> with_user({"TaskTemplate": {"ContainerSpec": {"Image": "a"}}}, "web", lent=True)["TaskTemplate"]
    {'ContainerSpec': {'Image': 'a', 'User': 'web'}}
    """
    changed = deepcopy(dict(spec))
    container, labels = changed["TaskTemplate"]["ContainerSpec"], changed.setdefault("Labels", {}) or {}
    container.pop("User", None)
    if user:
        container["User"] = user
    labels.pop(LENT, None)
    if lent and STACK in labels:
        labels[LENT] = user
    changed["Labels"] = labels
    return carefully(changed)


def carefully(spec: Json) -> Json:
    """The spec with stop-first and pause in its update settings; its own are kept in a label.

    Two servers on one data directory destroy it: start-first is never used. Swarm's own way back is not either, since
    it would use the order of `rollback_config`; ours is the way back, and it is watched.

    >>> carefully({"UpdateConfig": {"Order": "start-first", "Parallelism": 1}})["UpdateConfig"]
    {'Order': 'stop-first', 'Parallelism': 1, 'FailureAction': 'pause'}
    """
    own = spec.get("UpdateConfig") or {}
    if OWN_UPDATES not in spec.get("Labels", {}) and any(
        own.get(key, value) != value for key, value in CAREFUL.items()
    ):
        spec["Labels"] = {**spec.get("Labels", {}), OWN_UPDATES: json.dumps(own)}
        spec["UpdateConfig"] = {**own, **CAREFUL}
    return spec


def with_own_updates(spec: Mapping[str, Any]) -> Json | None:
    """The spec with its own update settings again; None where they were never taken away."""
    kept = (spec.get("Labels") or {}).get(OWN_UPDATES)
    if kept is None:
        return None
    labels = {key: value for key, value in spec["Labels"].items() if key != OWN_UPDATES}
    return {**deepcopy(dict(spec)), "Labels": labels, "UpdateConfig": json.loads(kept)}


def pause_between(spec: Mapping[str, Any]) -> float:
    """Seconds that the swarm waits from one task to the next (UpdateConfig.Delay is in nanoseconds)."""
    return float((spec.get("UpdateConfig") or {}).get("Delay") or 0) / 1e9
