"""The section `benchmark` of an inventory: what is asked of the CIS Docker Benchmark, and what a person attests."""

from __future__ import annotations

import re
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from fleetkeeper.errors import field_error, quoted
from fleetkeeper.inventory.benchmark_ids import LATEST, NO_ID, PREFIX, as_written, why_no_id, with_edition
from fleetkeeper.inventory.fields import Day, NodePath, UserName, Words
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.units import Duration

CENTRAL = ("awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "splunk", "syslog")
"""Docker's own log drivers that send what is logged to another machine."""


def edition_text(written: object) -> object:
    """The edition as text: in YAML it is a number."""
    return str(written) if isinstance(written, float) else written


def check_number(written: str, info: ValidationInfo) -> str:
    """The value, if it is a number of the inventory's edition or a glob over them, without `cis:`.

    It may name its edition itself (`1.6:2.14`). Raises ValueError for anything else.
    """
    number = written.removeprefix(PREFIX)
    if why := why_no_id(f"{PREFIX}{number}", str((info.context or {}).get("edition", LATEST))):
        hint = "numbers such as 5.26, or `2.*`; `fleetkeeper cis` lists them"
        raise field_error(f"{quoted(written)} is no number of the CIS Docker Benchmark" if why == NO_ID else why, hint)
    return number


def check_version(written: str) -> str:
    """The value, if it is a version of Docker, such as 29.1 or 28.5.2. Raises ValueError for anything else."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){1,2}", written, re.ASCII):
        raise field_error(f"{quoted(written)} is not a version", 'write it in quotes, such as "28.5.2"')
    return written


Edition = Annotated[
    Literal["1.6", "1.8"], BeforeValidator(edition_text), WithJsonSchema({"enum": [1.6, 1.8, "1.6", "1.8"]})
]
Number = Annotated[str, AfterValidator(check_number)]
Version = Annotated[str, AfterValidator(check_version)]
Names = tuple[Words, ...]
ByService = dict[Words, Names]
"""Lines of policy by the name of a service: its key in the inventory, or any name by which it is known."""


def port_texts(written: object) -> object:
    """Ports as texts: in YAML most of them are numbers."""
    if not isinstance(written, dict):
        return written
    rows = {key: ports if isinstance(ports, list | tuple) else [ports] for key, ports in written.items()}
    return {key: tuple(str(port) if isinstance(port, int) else port for port in ports) for key, ports in rows.items()}


def check_ports(written: ByService) -> ByService:
    """The value, if each is a port, or an address and a port. Raises ValueError for anything else."""
    for port in (port for ports in written.values() for port in ports):
        number = port.rpartition(":")[2]
        if not re.fullmatch(r"[0-9]{1,5}", number, re.ASCII) or not 0 < int(number) < 1 << 16:
            raise field_error(f"{quoted(port)} is no port", 'such as 443, or "127.0.0.1:5432" for one address')
    return written


Ports = Annotated[
    ByService,
    BeforeValidator(port_texts),
    AfterValidator(check_ports),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
        }
    ),
]


class Attestation(Strict):
    """What a person says of an id that no look can judge."""

    by: Words = Field(description="Who says so.")
    until: Day = Field(description="Last day on which it counts; then somebody looks again.")
    because: Words = Field(description="What was looked at, and where that is written down.")

    def holds_on(self, day: date) -> bool:
        """Whether it still counts on a day."""
        return day <= self.until


class Benchmark(Strict):
    """What is asked of the CIS Docker Benchmark. Ways to root are errors; the rest are warnings unless enforced."""

    edition: Edition = Field(default="1.8", description="The edition whose numbers are meant.")
    level: Literal[1, 2] = Field(default=1, description="1, or 2 for what costs more.")
    enforce: tuple[Number, ...] = Field(
        default=(), description="Numbers, or globs such as `2.*`, that count as errors."
    )
    attested: dict[Number, Attestation] = Field(
        default_factory=dict, description="Numbers that a person answers for, each with who, until when, and why."
    )
    engine_users: tuple[UserName, ...] | None = Field(
        default=None, description="Accounts that may use the engine's socket, besides root (1.1.2)."
    )
    engine_at_least: Version | None = Field(default=None, description="The oldest engine that is let be (1.2.2).")
    rootless: bool = Field(default=False, description="Whether engines should run without root, outside a swarm (2.1).")
    default_ulimits: Names | None = Field(
        default=None, description="Names of limits that the engine should set for every container, such as nofile."
    )
    cgroup_parent: Words | None = Field(default=None, description="The control group in which containers should start.")
    central_logs: Names = Field(default=CENTRAL, description="Log drivers that send logs away; default: Docker's own.")
    seccomp_profile: NodePath | None = Field(default=None, description="The engine's own profile, where it has one.")
    registries: Names | None = Field(
        default=None, description="Images that may run, such as `postgres` or `registry.example/ours/*` (4.2)."
    )
    image_age: int | None = Field(default=None, ge=1, description="How many days old an image may be (4.4).")
    built_images: Names = Field(
        default=(), description="Images that are built here, as in `registries`: their builds are judged (4.7, 4.9)."
    )
    look_for_setuid: bool = Field(
        default=False, description="Whether set-uid files are looked for in containers, which takes long (4.8)."
    )
    setuid_files: tuple[NodePath, ...] = Field(default=(), description="Files in images that may have set-uid (4.8).")
    unused_images: int | None = Field(default=None, ge=0, description="How many images may lie unused (6.1).")
    stopped_containers: int | None = Field(default=None, ge=0, description="How many containers may lie stopped (6.2).")
    ports: Ports | None = Field(
        default=None,
        description="Ports that a service may publish, as 443 or `ADDRESS:443` (5.8, 5.9, 5.14); 80 and 443 may be.",
    )
    devices: ByService | None = Field(
        default=None, description="Devices that a service may have, such as /dev/nvidia0 or `nvidia` (5.18)."
    )
    ulimits: ByService | None = Field(default=None, description="Limits that a service may override (5.19).")
    restarts: int | None = Field(
        default=None, ge=0, description="How often a service that fails may be started again (5.15)."
    )
    managers: int = Field(default=7, ge=1, description="How many managers a swarm may have (7.1).")
    autolock: bool = Field(default=True, description="Whether managers should wait for a key after a restart (7.5).")
    node_certificates: Duration = Field(
        default=timedelta(days=90), description="How long certificates of the swarm's nodes may last (7.7)."
    )
    swarm_ca_age: Duration | None = Field(default=None, description="How old the swarm's authority may be (7.8).")
    plain_variables: Names = Field(
        default=(), description="Variables that hold no secret although they are called so (7.4); shell globs."
    )

    @property
    def enforced(self) -> tuple[str, ...]:
        """The globs of `enforce` as findings are compared with them: `cis:1.8:2.*`."""
        return tuple(with_edition(f"{PREFIX}{number}", self.edition) for number in self.enforce)

    def attestation_of(self, ids: tuple[str, ...]) -> Attestation | None:
        """What a person says of one of these ids, whether or not it still counts; None without it."""
        for number, attestation in self.attested.items():
            glob = with_edition(f"{PREFIX}{number}", self.edition)
            if any(fnmatchcase(name, glob) for name in as_written(ids)):
                return attestation
        return None

    def asked_for(self, edition: str | None, level: str | None) -> Benchmark:
        """The same policy for another edition and level, where they are given.

        Numbers of `attested` and `enforce` keep meaning what they mean in the edition that they are written for.
        """
        written = (*self.attested, *self.enforce)
        qualified = {number: with_edition(f"{PREFIX}{number}", self.edition) for number in written}
        return self.model_copy(
            update={
                "edition": edition or self.edition,
                "level": int(level) if level else self.level,
                "attested": {qualified[number].removeprefix(PREFIX): each for number, each in self.attested.items()},
                "enforce": tuple(qualified[number].removeprefix(PREFIX) for number in self.enforce),
            }
        )
