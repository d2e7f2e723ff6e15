"""Changing a swarm service through the Engine API, with a watch over its new tasks and a way back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from fleetkeeper.topics.services.facts import LENT
from fleetkeeper.topics.services.update_settings import OWN_UPDATES
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.untrusted import shown_command
from remediate.steps.put_content import ask_one
from remediate.steps.service_spec import (
    pause_between,
    replica_count,
    user_of,
    with_forced_update,
    with_own_updates,
    with_user,
)
from remediate.steps.step import AlreadyBack, Done, Lost, Stale, StepContext, StepFailed
from remediate.steps.task_log import last_words
from remediate.steps.task_watch import GIVEN_UP, Pace, Watch, worst_task_id

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink
    from remediate.steps.engine_api import Engine

INSPECT = ("docker", "service", "inspect", "--format")
SEEN = "{{with .Spec.TaskTemplate.ContainerSpec}}{{.User}}\n{{.Image}}{{end}}\n{{json .Spec.Labels}}"
Json = dict[str, Any]
Confirm = Callable[[], None]
AWAY = 90.0
"""Seconds that an engine which went away in the middle of an update may take to come back."""
TRIES = 5


@dataclass(frozen=True)
class ServiceSpec:
    """User (empty: the image's), image and labels in a service's spec."""

    user: str
    image: str
    labels: Mapping[str, str]


def current_settings(link: Link, service: str) -> ServiceSpec:
    """User, image and labels of a service, from `docker service inspect`. Raises Unobservable."""
    answer = ask_one(link, Command((*INSPECT, SEEN, service), sudo=True)).text()
    user, image, labels, *_ = (*answer.removesuffix("\n").split("\n"), "", "")
    try:
        match = json.loads(labels or "null") or {}
    except ValueError:
        raise Unobservable(f"the labels of {service} were not understood") from None
    return ServiceSpec(user, image.strip(), match if isinstance(match, dict) else {})


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
        """True: it restarts the service."""
        return True

    def show(self) -> str:
        """One line with the service, the new and the old user, and how long its tasks are watched."""
        old, new = (user or "the image's own" for user in (self.was, self.user))
        watch = f"stop first, healthy within {self.limit:.0f} s and for {self.settle:.0f} s, or back"
        return f"restart the service {self.service} with user {new} instead of {old} ({watch})"

    def directories(self) -> tuple[str, ...]:
        """Empty: it writes to the engine only."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that user and image are those that the plan saw.

        Raises Stale when they are others, Unobservable; AlreadyBack for a way back. A way back has nothing to do only
        once user, label and update settings are all back.
        """
        now = current_settings(link, self.service)
        if self.back and now.user == self.user:
            if OWN_UPDATES not in now.labels and now.labels.get(LENT) != self.was:
                raise AlreadyBack(f"{self.service} has its old user")
            return
        self.compare(now.user, now.image)

    def compare(self, user: str, image: str) -> None:
        """Raises Stale when the service's user or image is not what the plan saw."""
        if user != self.was:
            raise Stale(f"{self.service} runs as {user or 'the image default'!r} by now, not {self.was!r}")
        if image != self.image:
            raise Stale(f"{self.service} has been given another image since")

    def inverse(self, link: Link, context: StepContext) -> UpdateService:
        """The step that sets the old user again."""
        return replace(self, user=self.was, was=self.user, back=not self.back)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Set the user, and watch the new tasks until they have settled.

        The result has the users before and after. Raises Stale, StepFailed, Lost, Unobservable for a newer label; an
        engine that is lost in the middle is waited for (`resumed`).
        """
        from remediate.steps.engine_api import open_engine  # the SDK takes 0.2 s to import

        def confirm() -> None:
            """Raise Lost unless this run still holds the node's lock."""
            context.confirm(self.node)

        try:
            with open_engine(link) as swarm:
                return self.update(swarm, link, confirm=confirm)
        except Lost as why:
            return self.resumed(link, context, why)

    def resumed(self, link: WritingLink, context: StepContext, lost: Lost) -> Done:
        """After the engine was lost in mid-update: once it is back, watch the update that it has to its end.

        Raises `lost` when it does not come back and settle within AWAY seconds, or never got the update; another Lost
        when the lock is not ours any more; StepFailed when the update settings could not be given back; Stale.
        """
        from remediate.steps.engine_api import open_engine

        patience = time.monotonic() + AWAY
        while time.monotonic() < patience:
            context.confirm(self.node)
            try:
                with open_engine(link) as swarm:
                    if user_of(swarm.service(self.service)["Spec"]) != self.user:
                        raise lost
                    finish_update(swarm, self.given, unmark=self.back, confirm=lambda: context.confirm(self.node))
                    return Done(self.was, self.user)
            except (Lost, StepFailed) as why:
                if why is lost or (isinstance(why, StepFailed) and why.changed):
                    raise
            context.say(f"the engine of {self.node} does not answer: waiting until it is back")
            time.sleep(2)
        raise lost

    @property
    def given(self) -> GiveSettingsBack:
        """The step that ends a change: it watches the tasks, and gives the service its own update settings back."""
        return GiveSettingsBack(self.node, self.service, self.settle, self.limit)

    def update(self, swarm: Engine, link: Link, pace: Pace | None = None, confirm: Confirm = lambda: None) -> Done:
        """Update the service and watch its tasks. Raises Stale, StepFailed, Lost, or whatever the engine raises.

        `confirm` is called before each write, and raises Lost when the lock is not ours; `pace` is the clock (None:
        real). The update settings are given back at the end, but not when it fails.
        """
        service = swarm.service(self.service)
        spec = service["Spec"]
        before = swarm.tasks(service["ID"])
        if self.back and user_of(spec) == self.user and coming_up(service, before):
            finish_update(swarm, self.given, unmark=True, confirm=confirm, pace=pace)
            return Done(self.was, self.user)
        if self.back and user_of(spec) == self.user:
            spec = with_forced_update(spec)
        else:
            self.compare(user_of(spec), spec["TaskTemplate"]["ContainerSpec"]["Image"])
        old_task_ids, expected = frozenset(task["ID"] for task in before), self.wanted(spec, before)
        confirm()
        swarm.update(service, with_user(spec, self.user, mark=not self.back))
        watch = Watch(old_task_ids, expected, self.settle, self.limit + pause_between(spec), pace or Pace())
        try:
            watch.wait(lambda: (swarm.service(service["ID"]), swarm.tasks(service["ID"])))
        except StepFailed as why:
            task = worst_task_id(task for task in swarm.tasks(service["ID"]) if task["ID"] not in old_task_ids)
            logs = shown_command(("docker", "service", "logs", "--tail", "20", self.service))
            where = f"`{logs}` on {self.node}"
            raise StepFailed(f"{why}; its log: {where}", words=last_words(link, task, spec)) from None
        give_back(swarm, service["ID"], unmark=self.back, confirm=confirm)
        return Done(self.was, self.user)

    def wanted(self, spec: Json, before: list[Json]) -> int:
        """How many new tasks must come up: as many as should run now; for a way back at least the spec's replicas.

        Raises Stale when none runs now, but for a way back: whether the new user works could not be seen.
        """
        running = len([task for task in before if task["DesiredState"] == "running"])
        if self.back:
            return max(running, replica_count(spec))
        if not running:
            raise Stale(f"{self.service} has no running task: whether it works as {self.user!r} could not be seen")
        return running


@dataclass(frozen=True)
class GiveSettingsBack:
    """End what a change that was killed has begun: its tasks run, and the service has its own update settings again.

    No task is restarted. While the swarm has stopped the update of a service, nothing is given back: with settings of
    its own it would go on, and perhaps start first. `settle` and `limit` (seconds) are those of `UpdateService`.
    """

    node: str
    service: str
    settle: float = 20.0
    limit: float = 180.0
    kind: Literal["give_settings_back"] = "give_settings_back"

    @property
    def changes(self) -> bool:
        """True: it changes the service's spec."""
        return True

    def show(self) -> str:
        """One line with the service and how long its tasks must have run."""
        return f"give {self.service} its own update settings back, once its tasks have run for {self.settle:.0f} s"

    def directories(self) -> tuple[str, ...]:
        """Empty: it writes to the engine only."""
        return ()

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the label with the service's own settings is still there. Raises Stale, Unobservable."""
        if OWN_UPDATES not in current_settings(link, self.service).labels:
            raise Stale(f"{self.service} has its own update settings")

    def inverse(self, link: Link, context: StepContext) -> None:
        """None: the settings are the service's own again."""

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Watch the tasks, then give the settings back.

        Raises StepFailed, Lost, Stale, or Unobservable for a newer fleetkeeper's label.
        """
        from remediate.steps.engine_api import open_engine

        with open_engine(link) as swarm:
            finish_update(swarm, self, unmark=False, confirm=lambda: context.confirm(self.node))
        return Done(said=f"{self.service} has its own update settings again")


def finish_update(
    swarm: Engine, step: GiveSettingsBack, *, unmark: bool, confirm: Confirm, pace: Pace | None = None
) -> None:
    """Watch the tasks that a service has by its spec, then give its settings back. Raises StepFailed, Lost or Stale.

    `unmark` removes the label of a lent user too; `confirm` is called before each write; `pace` is the clock (None:
    real).
    """
    service = swarm.service(step.service)
    spec = service["Spec"]
    watch = Watch(
        frozenset(task["ID"] for task in swarm.tasks(service["ID"]) if not is_meant_to_run(task, spec)),
        replica_count(spec),
        step.settle,
        step.limit + pause_between(spec),
        pace or Pace(),
    )
    try:
        watch.wait(lambda: (swarm.service(service["ID"]), swarm.tasks(service["ID"])))
    except StepFailed as why:
        raise StepFailed(f"{why}; its own update settings are not given back yet", changed=False) from None
    give_back(swarm, service["ID"], unmark=unmark, confirm=confirm)


def give_back(swarm: Engine, service: str, *, unmark: bool, confirm: Confirm) -> None:
    """Restore the service's own update settings in its present spec; nothing is done when it has none to restore.

    `service` is its id. `unmark` removes the label of a lent user too; `confirm` is called before each write. When
    somebody else changes the service meanwhile, it is read again, TRIES times at most. Raises StepFailed or Lost.
    """
    for _ in range(TRIES):
        now = swarm.service(service)
        own = with_own_updates(now["Spec"], unmark=unmark)
        if own is None:
            return
        confirm()
        try:
            swarm.update(now, own)
        except Stale:  # somebody else has changed it between the two: what they set is read again
            continue
        except StepFailed as why:
            raise StepFailed(f"its own update settings could not be given back: {why}") from None
        return
    raise StepFailed("its own update settings could not be given back: somebody else changes it again and again")


def is_meant_to_run(task: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """Whether a task should run (its desired state), as the user in the service's spec."""
    return task["DesiredState"] == "running" and ("Spec" not in task or user_of(task["Spec"]) == user_of(spec))


def coming_up(service: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the swarm brings up, or has brought up, tasks that match the spec: no further update is needed."""
    given_up = (service.get("UpdateStatus") or {}).get("State") in GIVEN_UP
    return not given_up and (
        replica_count(service["Spec"]) == 0 or any(is_meant_to_run(task, service["Spec"]) for task in tasks)
    )
