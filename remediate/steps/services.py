"""Changing a swarm service through the Engine API, with a watch over its new tasks and a way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from fleet.commands import Command
from fleet.reports.text import one_line
from remediate.masking import masked
from remediate.steps.base import AlreadyBack, Done, Place, Stale, StepFailed
from remediate.steps.putting import one

if TYPE_CHECKING:
    from fleet.links import Link
    from fleet.links.writing import WritingLink
    from remediate.steps.engine_api import Engine

INSPECT = ("docker", "service", "inspect", "--format")
SEEN = "{{with .Spec.TaskTemplate.ContainerSpec}}{{.User}}\n{{.Image}}{{end}}"
ENDED = frozenset({"failed", "rejected", "complete", "orphaned"})
POLL = 1.0
Json = dict[str, Any]


@dataclass(frozen=True)
class UpdateService:
    """Set the user of a swarm service: stop first, wait until the new tasks are healthy, or roll back.

    `node` is a manager. `was` is the user that the service's spec has now ("" when it names none); `image` is the image
    in its spec: both are preconditions. `settle` is how long (seconds) the new tasks must keep running after they came
    up, `limit` how long (seconds) they may take to come up. `back` marks the way back: what the new user has broken may
    have no running task left, and is mended all the same.
    """

    node: str
    service: str
    user: str
    was: str
    image: str
    settle: float = 20.0
    limit: float = 180.0
    back: bool = False
    kind: Literal["update_service"] = "update_service"

    @property
    def changes(self) -> bool:
        return True

    def show(self) -> str:
        old, new = (user or "the image's own" for user in (self.was, self.user))
        watch = f"stop first, healthy within {self.limit:.0f} s and for {self.settle:.0f} s, or back"
        return f"restart the service {self.service} with user {new} instead of {old} ({watch})"

    def directories(self) -> tuple[str, ...]:
        return ()

    def still_true(self, link: Link, place: Place) -> None:
        answer = one(link, Command((*INSPECT, SEEN, self.service), sudo=True)).text()
        user, _, image = answer.removesuffix("\n").partition("\n")
        if self.back and user == self.user:
            raise AlreadyBack(f"{self.service} has its old user")
        self.compare(user, image.strip())

    def compare(self, user: str, image: str) -> None:
        if user != self.was:
            raise Stale(f"{self.service} runs as {user or 'the image default'!r} by now, not {self.was!r}")
        if image != self.image:
            raise Stale(f"{self.service} has been given another image since")

    def inverse(self, link: Link, place: Place) -> UpdateService:
        return replace(self, user=self.was, was=self.user, back=not self.back)

    def do(self, link: WritingLink, place: Place) -> Done:
        from remediate.steps.engine_api import engine  # the SDK takes 0.2 s to import

        with engine(link) as swarm:
            return self.update(swarm)

    def update(self, swarm: Engine, pace: Pace | None = None) -> Done:
        """Update and watch. Raises Stale, StepFailed, or whatever the engine raises."""
        service = swarm.service(self.service)
        container = service["Spec"]["TaskTemplate"]["ContainerSpec"]
        self.compare(container.get("User", ""), container["Image"])
        before = swarm.tasks(service["ID"])
        wanted = sum(task["DesiredState"] == "running" for task in before)
        if self.back:
            wanted = max(wanted, replicas(service["Spec"]))
        if not wanted:
            raise Stale(f"{self.service} has no running task: whether it works as {self.user!r} could not be seen")
        swarm.update(service, with_user(service["Spec"], self.user))
        watch = Watch(frozenset(task["ID"] for task in before), wanted, self.settle, self.limit, pace or Pace())
        try:
            watch.over(lambda: (swarm.service(service["ID"]), swarm.tasks(service["ID"])))
        except StepFailed as why:
            raise StepFailed(
                f"{why}; its last words: `docker service logs --tail 20 {self.service}` on {self.node}"
            ) from None
        restore_order(swarm, service)
        return Done(self.was, self.user)


def replicas(spec: Mapping[str, Any]) -> int:
    """How many tasks a service is told to have; for a global one, at least one.

    >>> replicas({"Mode": {"Replicated": {"Replicas": 3}}}), replicas({"Mode": {"Global": {}}})
    (3, 1)
    """
    return int(spec.get("Mode", {}).get("Replicated", {}).get("Replicas", 1))


def with_user(spec: Mapping[str, Any], user: str) -> Json:
    """The spec with another user, and with the old task stopped before the new one starts.

    Two servers on one data directory destroy it: start-first is never used, whatever the spec says.

    >>> with_user({"TaskTemplate": {"ContainerSpec": {"Image": "a"}}}, "django")["TaskTemplate"]["ContainerSpec"]
    {'Image': 'a', 'User': 'django'}
    """
    changed = deepcopy(dict(spec))
    container = changed["TaskTemplate"]["ContainerSpec"]
    container.pop("User", None)
    if user:
        container["User"] = user
    if changed.get("UpdateConfig", {}).get("Order") == "start-first":
        changed["UpdateConfig"]["Order"] = "stop-first"
    return changed


def restore_order(swarm: Engine, before: Json) -> None:
    """Give the spec its own update order back: this alone starts no new task."""
    if before["Spec"].get("UpdateConfig", {}).get("Order") == "start-first":
        now = swarm.service(before["ID"])
        spec = deepcopy(now["Spec"])
        spec["UpdateConfig"]["Order"] = "start-first"
        swarm.update(now, spec)


@dataclass(frozen=True)
class Pace:
    """The watch's clock (seconds), and how it waits."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Watch:
    """What the new tasks must do: `wanted` of them running, none ending, for `settle` seconds, within `limit`.

    A task counts as running only once its health check, if it has one, says so: swarm itself waits for that.
    """

    before: frozenset[str]
    wanted: int
    settle: float
    limit: float
    pace: Pace

    def over(self, ask: Callable[[], tuple[Json, list[Json]]]) -> None:
        """Ask until it is settled. Raises StepFailed with the reason that the engine gives."""
        deadline, up_since = self.pace.clock() + self.limit, None
        while True:
            service, found = ask()
            new = [task for task in found if task["ID"] not in self.before]
            raise_for_ends(service, new)
            up_since = (up_since or self.pace.clock()) if self.is_up(new) else None
            if up_since is not None and self.pace.clock() - up_since >= self.settle:
                return
            if up_since is None and self.pace.clock() > deadline:
                raise StepFailed(f"not healthy within {self.limit:.0f} s: {states(new)}")
            self.pace.sleep(POLL)

    def is_up(self, new: Iterable[Json]) -> bool:
        running = [task for task in new if task["Status"]["State"] == "running"]
        return len(running) >= self.wanted


def raise_for_ends(service: Mapping[str, Any], new: Iterable[Json]) -> None:
    """Raises StepFailed as soon as a new task has ended, or swarm itself gave up."""
    for task in new:
        if task["Status"]["State"] in ENDED:
            raise StepFailed(f"a task with the new user {task['Status']['State']}: {said(task)}")
    update = service.get("UpdateStatus") or {}
    if update.get("State") in {"paused", "rollback_started", "rollback_paused", "rollback_completed"}:
        raise StepFailed(f"swarm stopped the update: {one_line(update.get('Message', ''))[:200]}")


def states(new: Iterable[Json]) -> str:
    """The states of tasks, with what the engine says about them."""
    return "; ".join(sorted({f"{task['Status']['State']}: {said(task)}" for task in new})) or "no new task appeared"


def said(task: Mapping[str, Any]) -> str:
    """What the engine says about a task: its error, or its message. Never what the program itself printed."""
    status = task["Status"]
    return one_line(masked(str(status.get("Err") or status.get("Message") or "no reason given")))[:200]
