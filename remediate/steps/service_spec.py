"""What is changed in the spec of a swarm service, and nothing else. Pure: documents of the Engine API in and out."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from fleetkeeper.topics.services.facts import LENT
from fleetkeeper.topics.services.update_settings import CAREFUL, OWN_UPDATES, is_careful, label_of, own_updates

Json = dict[str, Any]
STACK = "com.docker.stack.namespace"


def replica_count(spec: Mapping[str, Any]) -> int:
    """The number of replicas in a service's spec; 1 for a global service, which has at least one task.

    >>> replica_count({"Mode": {"Replicated": {"Replicas": 3}}}), replica_count({"Mode": {"Global": {}}})
    (3, 1)
    """
    return int(spec.get("Mode", {}).get("Replicated", {}).get("Replicas", 1))


def with_user(spec: Mapping[str, Any], user: str, *, mark: bool) -> Json:
    """The spec with another user (empty: the image's) and careful update settings, as a copy.

    `mark` adds the label LENT to a service of a stack, for as long as the stack file may lack that user; without `mark`
    that label is removed. Raises Unobservable for a newer fleetkeeper's label.

    >>> with_user({"TaskTemplate": {"ContainerSpec": {"Image": "a"}}}, "web", mark=True)["TaskTemplate"]
    {'ContainerSpec': {'Image': 'a', 'User': 'web'}}
    """
    changed = deepcopy(dict(spec))
    container, labels = changed["TaskTemplate"]["ContainerSpec"], changed.setdefault("Labels", {}) or {}
    container.pop("User", None)
    if user:
        container["User"] = user
    labels.pop(LENT, None)
    if mark and STACK in labels:
        labels[LENT] = user
    changed["Labels"] = labels
    return with_careful_updates(changed)


def with_careful_updates(spec: Json) -> Json:
    """The spec with stop-first and pause in its update settings; its own are kept in a label.

    Two servers on one data directory destroy it: start-first is never used. Swarm's own way back is not either, since
    it would use the order of `rollback_config`; ours is the way back, and it is watched. Raises Unobservable for a
    newer fleetkeeper's label. A label that an earlier change has left is used only while the settings are those that we
    made of it (`own_updates`). Settings of its own that are careful stay as they are, without a label.

    >>> with_careful_updates({"UpdateConfig": {"Order": "start-first", "Parallelism": 1}})["UpdateConfig"]
    {'Order': 'stop-first', 'Parallelism': 1, 'FailureAction': 'pause'}
    """
    own = own_updates(spec) or spec.get("UpdateConfig") or {}
    labels = without_label(spec)
    if is_careful(own):
        return {**spec, "Labels": labels, **({"UpdateConfig": own} if own else {})}
    return {**spec, "Labels": {**labels, OWN_UPDATES: label_of(own)}, "UpdateConfig": {**own, **CAREFUL}}


def with_own_updates(spec: Mapping[str, Any], *, unmark: bool = False) -> Json | None:
    """The spec with its own update settings again, and without their label; None where nothing is left to give back.

    Settings that somebody has set since ours are newer than the label, and stay. `unmark` removes the label LENT too.
    Raises Unobservable for a newer fleetkeeper's label.
    """
    left = {OWN_UPDATES, LENT} if unmark else {OWN_UPDATES}
    labels = spec.get("Labels") or {}
    if not left & labels.keys():
        return None
    own, given = own_updates(spec), deepcopy(dict(spec))
    kept = {key: value for key, value in labels.items() if key not in left}
    return {**given, "Labels": kept, **({"UpdateConfig": own} if own is not None else {})}


def without_label(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The labels of a spec, without the one that keeps its own update settings."""
    return {key: value for key, value in (spec.get("Labels") or {}).items() if key != OWN_UPDATES}


def with_forced_update(spec: Mapping[str, Any]) -> Json:
    """The same spec with ForceUpdate counted up, which makes the swarm replace the tasks.

    >>> with_forced_update({"TaskTemplate": {"ForceUpdate": 2}})["TaskTemplate"]
    {'ForceUpdate': 3}
    """
    task = spec["TaskTemplate"]
    return {**spec, "TaskTemplate": {**task, "ForceUpdate": int(task.get("ForceUpdate") or 0) + 1}}


def user_of(spec: Mapping[str, Any]) -> str:
    """The user in a service's spec, or in the spec of a task; empty for the image's."""
    made = (spec.get("TaskTemplate") or spec).get("ContainerSpec") or {}
    return str(made.get("User") or "")


def pause_between(spec: Mapping[str, Any]) -> float:
    """Seconds that the swarm waits from one task to the next (UpdateConfig.Delay is in nanoseconds)."""
    return float((spec.get("UpdateConfig") or {}).get("Delay") or 0) / 1e9
