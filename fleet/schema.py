"""The vocabulary of an inventory: strict models and the types of their fields."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from fleet.rules import NotApplicable

if TYPE_CHECKING:
    from fleet.rules import Finding

S = TypeVar("S")


class Strict(BaseModel):
    """A section of the inventory: unknown keys are errors, nothing is coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Without(Strict):
    """A section that the inventory leaves out, and why: `{none: "TLS ends at the campus proxy"}`."""

    none: str = Field(min_length=1)


class Node(Strict):
    """One machine and how to reach it.

    `connection` is empty for our own SSH, `ssh` for the OpenSSH client, `local` for this machine, or any testinfra
    connection (`docker://name`). `sudo` says that this account may run anything as root without a password.
    """

    name: str = ""
    address: str = ""
    user: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    identity: str | None = None
    jump: str | None = None
    sudo: bool = False
    connection: str = ""
    roles: tuple[str, ...] = ()


class Service(Strict):
    """Something that runs in containers and may move between nodes.

    `name` is its swarm service, compose service or container name. `user` are the users that its processes may have;
    `master` is the user that its first process may have besides.
    """

    key: str = ""
    name: str
    user: tuple[str, ...] = ()
    master: str | None = None
    replicas: int | None = None


class Waiver(Strict):
    """A finding that is accepted for a while. `rule`, `subject` and `node` are shell globs."""

    rule: str
    subject: str = "*"
    node: str = "*"
    until: date
    owner: str
    because: str

    def covers(self, finding: Finding) -> bool:
        """Whether this waiver is about that finding, in force or not."""
        names = (finding.subject, finding.about)
        return (
            fnmatchcase(finding.rule, self.rule)
            and any(fnmatchcase(name, self.subject) for name in names)
            and fnmatchcase(finding.node, self.node)
        )


def required(section: S | Without) -> S:
    """The section's policy. Raises NotApplicable with the inventory's own reason when it is left out."""
    if isinstance(section, Without):
        raise NotApplicable(section.none)
    return section
