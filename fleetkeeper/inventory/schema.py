"""The models of an inventory, which are strict, and the types of their fields."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema

from fleetkeeper.errors import NotApplicable, SectionUndecided, field_error, quoted
from fleetkeeper.inventory.fields import (
    Address,
    Connection,
    Day,
    DeployedName,
    FarAsSudo,
    Jump,
    Name,
    NodeGlob,
    PathName,
    Role,
    RuleGlob,
    UserName,
    Users,
    Words,
)
from fleetkeeper.inventory.units import Duration

S = TypeVar("S")


class Strict(BaseModel):
    """A section of the inventory: unknown keys are errors, nothing is coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Without(Strict):
    """A section that the inventory leaves out, and why: `{none: "TLS ends at the campus proxy"}`."""

    none: Words = Field(description="Why this environment does without the section.")


class Unwritten(Without):
    """A section that an inventory lacks although it may have one, and why nothing is judged by it."""


class Undecided(Without):
    """A section that a person has yet to decide: `{undecided: "postgres runs in shop/db; no dumps were seen"}`.

    It is neither a policy nor an exception: the audit has one unknown for it. The loader fills in `key`, the section's
    key in the inventory, and `reporter`, the id of the rule that is unknown; both stay empty for a section inside
    another one. `topic` is the topic of which no other rule is judged, empty where the others do not need the section.
    """

    none: SkipJsonSchema[str] = ""
    key: SkipJsonSchema[str] = ""
    reporter: SkipJsonSchema[str] = ""
    topic: SkipJsonSchema[str] = ""
    undecided: Words = Field(description="What was seen, for the person who decides.")


def section_tag(section: Any) -> str:
    """The tag of the member of `Section`.

    "without" for a section with the key `none`, "open" for one with a text under `undecided`, else "asked".
    """
    if isinstance(section, dict):
        is_open = "none" not in section and isinstance(section.get("undecided"), str)
        return "open" if is_open else "without" if "none" in section else "asked"
    return "open" if isinstance(section, Undecided) else "without" if isinstance(section, Without) else "asked"


Section = Annotated[
    Annotated[S, Tag("asked")] | Annotated[Without, Tag("without")] | Annotated[Undecided, Tag("open")],
    Discriminator(section_tag),
]
"""A section that must be in the inventory, be left out with a reason, or be undecided.

An example is `backups: Section[backups.Policy]`.
"""


class Node(Strict):
    """One machine and how to reach it. Its name is its key under `nodes`."""

    name: SkipJsonSchema[str] = ""
    connection: Connection = Field(
        default="",
        description="Empty: our own SSH. `ssh`: the OpenSSH client. `local`: this machine. "
        "Or one of testinfra's, such as `docker://NAME`.",
    )
    address: Address = Field(
        default="",
        validate_default=True,
        description="Host name, IP address, or a Host of your ssh config. Not wanted with another `connection`.",
    )
    user: UserName | None = Field(default=None, description="Account to log in as; default: as ssh would.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port of sshd; default: as ssh would.")
    identity: PathName | None = Field(default=None, description="Private key file; default: as ssh would, with agent.")
    jump: Jump | None = Field(default=None, description="Another node to go through, or `user@host`.")
    sudo: FarAsSudo = Field(
        default=False,
        description="Whether this account may run anything as root, without a password; "
        "`audit`: only the questions of an audit (`fleetkeeper sudoers`).",
    )
    roles: tuple[Role, ...] = Field(default=(), description="What the machine is for, in words of `roles`.")

    @field_validator("address")
    @classmethod
    def can_be_reached(cls, address: str, info: ValidationInfo) -> str:
        """The address; other connections than our own SSH and OpenSSH have it in `connection`, and need none.

        Raises ValueError where one is needed and missing.
        """
        if not address and info.data.get("connection") in ("", "ssh"):
            raise field_error("an address is missing", "say `address:`, or `connection: local` for this machine")
        return address


def name_nodes(nodes: dict[str, Node]) -> dict[str, Node]:
    """Copies of the nodes with their keys as names. Raises ValueError for a node that has another name inside."""
    for key, node in nodes.items():
        if node.name not in ("", key):
            raise field_error(
                f"{quoted(key)} is called {quoted(node.name)} inside", "remove `name:`, the key is the name"
            )
    return {key: node.model_copy(update={"name": key}) for key, node in nodes.items()}


Nodes = Annotated[dict[Name, Node], Field(min_length=1), AfterValidator(name_nodes)]


class Service(Strict):
    """Something that runs in containers and may move between nodes. It is found, never assumed."""

    key: SkipJsonSchema[str] = ""
    name: DeployedName = Field(
        description="Its swarm service, compose service (or `project/service`), or container: the exact name."
    )
    user: Users = Field(default=(), description="The user or users that its processes may have.")
    master: UserName | None = Field(
        default=None, description="The user that a master process may have, from which its own processes descend."
    )
    group: Users = Field(default=(), description="The group or groups that its processes may have as their first one.")
    replicas: int | None = Field(
        default=None, ge=0, description="How many containers there must be, when that matters."
    )
    settle: Duration | None = Field(
        default=None,
        description="How long it must run well, without a restart, before a change of it counts as good; "
        "default: 20 s where it has a health check, else 60 s.",
    )


def name_services(services: dict[str, Service]) -> dict[str, Service]:
    """The services with their keys filled in. Copies; the keys are those of the mapping."""
    return {key: service.model_copy(update={"key": key}) for key, service in services.items()}


Services = Annotated[dict[Name, Service], AfterValidator(name_services)]


class Clock(Strict):
    """How far a node's clock may be from ours."""

    within: Duration = Field(default=timedelta(seconds=5), description="How far off it may be, ahead or behind.")


FILL_IN = "FILL IN"
"""How a reason begins that a person has yet to write."""


class Waiver(Strict):
    """A finding that is accepted for a while. `rule`, `subject` and `node` are shell globs."""

    rule: RuleGlob = Field(description="Rule, such as `backups.are_fresh` or `containers.*`.")
    subject: str = Field(default="*", min_length=1, description="Service, certificate, node or thing that it is about.")
    node: NodeGlob = Field(default="*", validate_default=True, description="Node where it is seen.")
    until: Day = Field(description="Last day on which it is accepted.")
    owner: Words = Field(description="Who answers for it.")
    because: Words = Field(description="Why it is accepted; while it begins with FILL IN, nothing is.")

    @property
    def lacks_reason(self) -> bool:
        """Whether the reason still begins with the words that `fleetkeeper waive` leaves to be filled in.

        `FILL IN`, without regard to case.
        """
        return self.because.lstrip().upper().startswith(FILL_IN)

    @field_validator("node")
    @classmethod
    def is_about_something(cls, node: str, info: ValidationInfo) -> str:
        """The node glob of the waiver, unless it accepts every finding on every node: that would turn the audit off.

        Raises ValueError then.
        """
        if info.data.get("rule", "?").strip("*.") == "" and info.data.get("subject") == node == "*":
            raise field_error("this accepts every finding there is", "name a rule, a subject or a node")
        return node


class NotBackedUp(Strict):
    """Data that nothing backs up, and why that is accepted until a day."""

    what: str = Field(
        min_length=1,
        description="A database by its service, container or data directory, or a volume by its name or path; a shell "
        "glob.",
    )
    node: NodeGlob = Field(default="*", validate_default=True, description="Node where it is seen.")
    because: Words = Field(description="Why nothing backs it up, or who else does.")
    until: Day = Field(description="Last day on which that is accepted.")


def require_policy(section: S | Without) -> S:
    """The section itself.

    Raises NotApplicable with the inventory's own reason when the section is left out, SectionUndecided when it is
    undecided.
    """
    if isinstance(section, Undecided):
        name = f"`{section.key}`" if section.key else "this"
        raise SectionUndecided(f"{name} is undecided: {section.undecided}", section.key, section.reporter)
    if isinstance(section, Without):
        raise NotApplicable(section.none)
    return section
