"""The sections `people` and `owners` of an inventory: who mends what is found, by rule, topic, service and node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, Tag

from fleetkeeper.errors import field_error
from fleetkeeper.inventory.fields import Day, Name, NodeGlob, Words, Zone, known_name, matching_glob
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.units import Duration

DAY = timedelta(days=1)
EPOCH = datetime.fromtimestamp(0, UTC)
PersonName = Annotated[str, AfterValidator(known_name("people", "person or team"))]
RulePattern = Annotated[str, AfterValidator(matching_glob("rules", "rule"))]
TopicGlob = Annotated[str, AfterValidator(matching_glob("topics", "topic"))]
ServiceGlob = Annotated[str, AfterValidator(matching_glob("services", "service"))]
ANY = "Shell glob; without it, any."


class Person(Strict):
    """A person or a team, by the name under `people`: how other programs call them."""

    sentry: str = Field(default="", description='In Sentry: `"#team"`, or the address of a member.')
    github: str = Field(default="", description="On GitHub: the account, or `organisation/team`.")
    mail: str = Field(default="", description="Address for mail.")


def whole_days(every: timedelta) -> timedelta:
    """The duration, if it is a number of whole days. Raises ValueError for any other."""
    if every % DAY:
        raise field_error("is not a number of whole days", "as `1 w` or `14 d`: people change at midnight")
    return every


class Rotation(Strict):
    """People who take turns, in this order, from a day on; they change at midnight of the time zone."""

    rotate: tuple[PersonName, ...] = Field(min_length=1, description="Names under `people`, in the order of turns.")
    every: Annotated[Duration, AfterValidator(whole_days)] = Field(description="How long a turn is, in whole days.")
    beginning: Day = Field(alias="from", description="First day of the first turn.")
    timezone: Zone = Field(default="UTC", description="Where midnight is.")

    def on_turn(self, now: datetime) -> str:
        """Who has the turn at a time."""
        days = (now.astimezone(ZoneInfo(self.timezone)).date() - self.beginning).days
        return self.rotate[days // self.every.days % len(self.rotate)]

    def turn_ends(self, now: datetime) -> date:
        """The day on which the next turn begins."""
        days = (now.astimezone(ZoneInfo(self.timezone)).date() - self.beginning).days
        return self.beginning + (days // self.every.days + 1) * self.every


def owner_tag(owner: Any) -> str:
    """The tag of the member of `Owner`: "rotation" for a mapping, else "person"."""
    return "rotation" if isinstance(owner, dict | Rotation) else "person"


Owner = Annotated[
    Annotated[PersonName, Tag("person")] | Annotated[Rotation, Tag("rotation")],
    Discriminator(owner_tag),
]


class OwnerRule(Strict):
    """Who owns what matches all of these; the first rule that does decides."""

    rule: RulePattern = Field(default="", description=f"Rule. {ANY}")
    topic: TopicGlob = Field(default="", description=f"Topic of the rule. {ANY}")
    service: ServiceGlob = Field(default="", description=f"Service that a promise is about. {ANY}")
    subject: Words | None = Field(default=None, description=f"What a promise is about, of whatever kind. {ANY}")
    node: NodeGlob = Field(default="", description=f"Node where it is seen, or that it is about. {ANY}")
    owner: Owner = Field(description="A name under `people`, or a rotation of some.")

    @property
    def matches_all(self) -> bool:
        """Whether the rule has no condition."""
        return not (self.rule or self.topic or self.service or self.subject or self.node)

    def matches(self, matter: Matter) -> bool:
        """Whether the rule is about this."""
        node = matter.node or (matter.subject if matter.kind == "node" else "")
        service = matter.subject if matter.kind == "service" else ""
        pairs = (
            (self.rule, matter.rule),
            (self.topic, matter.rule.partition(".")[0]),
            (self.service, service),
            (self.subject, matter.subject),
            (self.node, node),
        )
        return all(not glob or (name and fnmatchcase(name, glob)) for glob, name in pairs)


def end_with_all(rules: tuple[OwnerRule, ...]) -> tuple[OwnerRule, ...]:
    """The rules, if the last one catches all, and no other does: nothing lacks an owner. Else raises ValueError."""
    catching = [number for number, rule in enumerate(rules) if rule.matches_all]
    if rules and not catching:
        raise field_error("the last rule does not catch what is left", "end with `- {owner: NAME}`")
    if rules and catching[0] != len(rules) - 1:
        raise field_error(f"rule {catching[0] + 1} catches all, so no later one is ever reached", "put it last")
    return rules


People = dict[Name, Person]
OwnerRules = Annotated[tuple[OwnerRule, ...], AfterValidator(end_with_all)]


@dataclass(frozen=True)
class Matter:
    """What an owner is looked up for: a promise about a subject, and the node where something was seen ("": none)."""

    rule: str
    kind: str
    subject: str
    node: str = ""


@dataclass(frozen=True)
class Owners:
    """The rules of an inventory at one time: a rotation is by date."""

    rules: tuple[OwnerRule, ...] = ()
    now: datetime = EPOCH

    def owner_of(self, matter: Matter) -> str:
        """The name under `people` of who owns this; "" where the inventory has no owners."""
        for rule in self.rules:
            if rule.matches(matter):
                return rule.owner.on_turn(self.now) if isinstance(rule.owner, Rotation) else rule.owner
        return ""

    def may_own(self, owner: str, matter: Matter, nodes: Mapping[str, object]) -> bool:
        """Whether some finding of a promise may be this owner's, on whatever of the nodes it is seen."""
        others = () if matter.kind == "node" else nodes
        return any(self.owner_of(replace(matter, node=node)) == owner for node in (matter.node, *others))


def sentry_lines(people: Mapping[str, Person]) -> list[str]:
    """The ownership rules of a project in Sentry, one for each person that has a name there.

    Sentry's `path:*` matches frames of stack traces, which these events do not have: tags do. Source: Sentry's
    documentation of ownership rules (https://docs.sentry.io/product/issues/ownership-rules/).

    >>> sentry_lines({"database-team": Person(sentry="#database"), "ops": Person()})
    ['tags.owner:database-team #database']
    """
    return [f"tags.owner:{name} {person.sentry}" for name, person in people.items() if person.sentry]
