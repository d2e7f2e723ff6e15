"""Changing a swarm service through the Engine API, with a watch over its new tasks and a way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from fleet.commands import Command
from remediate.steps.base import AlreadyBack, Done, Place, Stale, StepFailed
from remediate.steps.last_words import last_words
from remediate.steps.putting import one
from remediate.steps.specs import pause_between, replicas, with_own_updates, with_user
from remediate.steps.watching import Pace, Watch, worst

if TYPE_CHECKING:
    from fleet.links import Link
    from fleet.links.writing import WritingLink
    from remediate.steps.engine_api import Engine

INSPECT = ("docker", "service", "inspect", "--format")
SEEN = "{{with .Spec.TaskTemplate.ContainerSpec}}{{.User}}\n{{.Image}}{{end}}"
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
            return self.update(swarm, link)

    def update(self, swarm: Engine, link: Link, pace: Pace | None = None) -> Done:
        """Update and watch. Raises Stale, StepFailed, or whatever the engine raises."""
        service = swarm.service(self.service)
        spec = service["Spec"]
        self.compare(
            spec["TaskTemplate"]["ContainerSpec"].get("User", ""), spec["TaskTemplate"]["ContainerSpec"]["Image"]
        )
        before = swarm.tasks(service["ID"])
        known, wanted = frozenset(task["ID"] for task in before), self.wanted(spec, before)
        swarm.update(service, with_user(spec, self.user, lent=not self.back))
        watch = Watch(known, wanted, self.settle, self.limit + pause_between(spec), pace or Pace())
        try:
            watch.over(lambda: (swarm.service(service["ID"]), swarm.tasks(service["ID"])))
        except StepFailed as why:
            task = worst(task for task in swarm.tasks(service["ID"]) if task["ID"] not in known)
            where = f"`docker service logs --tail 20 {self.service}` on {self.node}"
            raise StepFailed(f"{why}; its log: {where}", words=last_words(link, task, spec)) from None
        now = swarm.service(service["ID"])
        if own := with_own_updates(now["Spec"]):
            swarm.update(now, own)
        return Done(self.was, self.user)

    def wanted(self, spec: Json, before: list[Json]) -> int:
        """How many new tasks must come up. Raises Stale when none runs: what the change does could not be seen."""
        running = len([task for task in before if task["DesiredState"] == "running"])
        if self.back:
            return max(running, replicas(spec))
        if not running:
            raise Stale(f"{self.service} has no running task: whether it works as {self.user!r} could not be seen")
        return running
