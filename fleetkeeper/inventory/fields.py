"""Types for the fields of policies: names that are safe in every command, references, paths, users, days, zones.

A reference (`NodeName`, `ServiceName`, `RuleGlob`, `NodeGlob`, `Role`) is compared with the names that the inventory
loader passes as validation context; a model that is built by hand, without context, is not checked.

Validators return the value, and raise the error of `field_error` (a ValueError).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import core_schema

from fleetkeeper.errors import field_error, nearest_name, quoted
from fleetkeeper.inventory.benchmark_ids import LATEST, NO_ID, PREFIX, why_no_id, with_edition
from fleetkeeper.transport.commands import Sudo

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
USER = r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\$?"
HOST = r"(?:[A-Za-z0-9_]|::)[A-Za-z0-9_.:%-]{0,253}"
CONNECTION = r"(?:ssh|local|[a-z][a-z0-9-]{0,30}://[A-Za-z0-9_][A-Za-z0-9_.@:/?=&,%+-]{0,500})?"
WORDS = "letters, digits, `_`, `.` and `-`, and begins with a letter or a digit"

Check = Callable[[str], str]


def spelled_like(pattern: str, kind: str, hint: str) -> Check:
    """A validator that returns a value that matches the whole pattern, and raises ValueError for any other.

    Such patterns allow no character that a shell or an option parser interprets. `kind`, with an article, and `hint`
    are for the message.
    """
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        """The value itself; raises ValueError (`field_error`) when it does not match the pattern."""
        if not compiled.fullmatch(value):
            raise field_error(f"{quoted(value)} is not {kind}", hint)
        return value

    return check


def known_name(kind: str, singular: str) -> Callable[[str, ValidationInfo], str]:
    """A validator that returns a value that is one of the names under `kind` (a plural) in the context.

    It raises ValueError for any other; without such names in the context every value is valid.
    """

    def check(value: str, info: ValidationInfo) -> str:
        """The value itself; raises ValueError (`field_error`) when names are known and it is none of them."""
        names = (info.context or {}).get(kind)
        if names is not None and value not in names:
            raise field_error(f"no {singular} {quoted(value)}", nearest_name(value, names, kind))
        return value

    return check


def matching_glob(kind: str, singular: str) -> Callable[[str, ValidationInfo], str]:
    """A validator that a shell glob matches at least one of the names under `kind` (a plural) in the context.

    Without such names in the context any glob is valid.
    """

    def check(value: str, info: ValidationInfo) -> str:
        """The value itself; raises ValueError (`field_error`) when names are known and it matches none."""
        names = (info.context or {}).get(kind)
        if names is not None and not any(fnmatchcase(name, value) for name in names):
            raise field_error(f"no {singular} is called, or matches, {quoted(value)}", nearest_name(value, names, kind))
        return value

    return check


def check_jump(value: str, info: ValidationInfo) -> str:
    """The value, if it is a jump host: a node of this inventory, or any other account and host, `user@host`.

    Raises ValueError for anything else.
    """
    if "@" not in value:
        return known_name("nodes", "node")(value, info)
    user, _, host = value.rpartition("@")
    spelled_like(USER, "a user", f"a user has {WORDS}")(user)
    return f"{user}@{check_address(host)}"


def check_address(value: str) -> str:
    """The value, if it is a host name, an IP address, or an alias of the user's ssh config (ssh_config(5)), or "".

    Raises ValueError for anything else, also for `user@host` and `host:port`. Nothing is resolved.
    """
    if not value:
        return value
    if "@" in value:
        raise field_error(
            f"{quoted(value)} is not an address", "write the account as `user:`, the host alone as `address:`"
        )
    if "[" in value:
        check_ip(value)
    spelled_like(
        HOST, "an address", "a host name, an IP address, or a Host of your ssh config; it cannot begin with `-`"
    )(value)
    if ":" in value:
        check_ip(value)
    return value


def check_ip(value: str) -> None:
    """Raise the error of a field unless the value is an IPv6 address. That error is a ValueError."""
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        raise field_error(
            f"{quoted(value)} is not an address", "write the port as `port:`, an IPv6 address without []"
        ) from None


def check_connection(value: str) -> str:
    """The value, if it is "", `ssh`, `local`, or a testinfra connection that is not testinfra's own SSH.

    That would not verify host keys as we do. Raises ValueError for it, and for anything else.
    """
    spelled_like(CONNECTION, "a connection", "`ssh`, `local`, or one of testinfra's such as `docker://NAME`")(value)
    if value.startswith(("paramiko://", "ssh://", "safe-ssh://")):
        hint = "write the host as `address:`: over our own SSH its key is verified"
        raise field_error(f"{quoted(value)} would not verify the host key", hint)
    if value.startswith("fleet://"):
        raise field_error(f"{quoted(value)} is a node, not a way to one", "write how it is reached")
    return value


def resolve_path(value: str, info: ValidationInfo) -> str:
    """A path on the auditing machine: `~` is the user's home; relative paths start in the inventory's folder.

    Whether there is such a file is not looked at. Raises ValueError for "", a `-` in front, and invisible characters.
    """
    if not value or value.startswith("-") or not value.isprintable():
        raise field_error(f"{quoted(value)} is not a path", "paths are relative to the inventory; `~` is your home")
    base = (info.context or {}).get("base", ".")
    return str(Path(base, Path(value).expanduser()))


def node_path(value: str) -> str:
    """The value, if it is a path for a node: absolute and without `..`, so that every program resolves it alike.

    Raises ValueError for anything else, also for a character that cannot be printed.
    """
    if not value.startswith("/") or not value.isprintable() or ".." in value.split("/"):
        raise field_error(f"{quoted(value)} is not an absolute path", "write it from `/` on, without `..`")
    return value


def check_timezone(value: str) -> str:
    """The value, if it is the name of a time zone of the IANA database. Raises ValueError for anything else.

    The hint has the nearest name.
    """
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        hint = nearest_name(value, available_timezones(), "time zones")
        raise field_error(f"no time zone {quoted(value)}", hint) from None
    return value


def parse_day(value: object) -> date:
    """The day that is written 2027-01-31; a date is returned as it is. Raises ValueError for any other notation."""
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError as odd:
        raise field_error(f"{quoted(str(value))} is not a day: {odd}", "days are written 2027-01-31") from None
    raise field_error(f"{quoted(str(value))} is not a day", "days are written 2027-01-31")


def as_list(value: object) -> object:
    """The value as a tuple; a single name becomes a tuple of one. Raises ValueError for neither a list nor a text."""
    if isinstance(value, list | tuple):
        return tuple(value)
    if not isinstance(value, str):
        raise field_error("should be a name, or a list of names", "put a number in quotes")
    return (value,)


def check_words(value: str) -> str:
    """The value, if it is text for a person. Raises ValueError for a blank one."""
    if not value.strip():
        raise field_error("is empty", "write it for whoever reads this next year")
    return value


class Pattern:
    """Adds a pattern to the exported JSON schema, while the validator stays ours (for its hints)."""

    def __init__(self, pattern: str) -> None:
        """`pattern` is a regular expression that a value matches as a whole, without `^` and `$`."""
        self.pattern = f"^{pattern}$"

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        """The JSON schema that pydantic makes, with the pattern."""
        return {**handler(schema), "pattern": self.pattern}


Name = Annotated[str, AfterValidator(spelled_like(NAME, "a name", f"a name has {WORDS}")), Pattern(NAME)]
DEPLOYED = f"(?:{NAME}/)?{NAME}"
DeployedName = Annotated[
    str,
    AfterValidator(spelled_like(DEPLOYED, "a service", f"a service is NAME or PROJECT/NAME, each with {WORDS}")),
    Pattern(DEPLOYED),
]


def parse_sudo_mode(value: object) -> Sudo:
    """The sudo rights of an account: True, False or "audit". Raises ValueError for anything else.

    One validator instead of a union, which would report a wrong value once for each of its members.
    """
    if value is True or value is False or value == "audit":
        return value
    raise field_error("should be true, false or audit", SUDO_HINT)


SUDO_HINT = "yes, on and 1 are none of them; `audit` is for an account that may only look (`fleetkeeper sudoers`)"
FarAsSudo = Annotated[
    Sudo,
    PlainValidator(parse_sudo_mode),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"const": "audit", "type": "string"}]}),
]
UserName = Annotated[str, AfterValidator(spelled_like(USER, "a user", f"a user has {WORDS}")), Pattern(USER)]
Users = Annotated[
    tuple[UserName, ...],
    BeforeValidator(as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One user, or a list of them; always a tuple."""
Address = Annotated[str, AfterValidator(check_address), Pattern(f"({HOST})?")]
Jump = Annotated[str, AfterValidator(check_jump)]
Connection = Annotated[str, AfterValidator(check_connection), Pattern(CONNECTION)]
PathName = Annotated[str, AfterValidator(resolve_path)]
"""A path on the auditing machine, made absolute relative to the inventory's folder."""
NodePath = Annotated[str, AfterValidator(node_path), Pattern("/.*")]
Zone = Annotated[str, AfterValidator(check_timezone)]
Day = Annotated[date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]
Words = Annotated[str, AfterValidator(check_words)]

NodeName = Annotated[str, AfterValidator(known_name("nodes", "node"))]
ServiceName = Annotated[str, AfterValidator(known_name("services", "service"))]
Role = Annotated[str, AfterValidator(known_name("roles", "role"))]
NodeGlob = Annotated[str, AfterValidator(matching_glob("nodes", "node"))]


def rule_glob(value: str, info: ValidationInfo) -> str:
    """The value, if it is a glob over rules, or over ids of the CIS Docker Benchmark: those with their edition.

    `cis:5.26` becomes `cis:1.8:5.26`, or of the edition that the inventory names. Raises ValueError for a glob that
    matches no rule, and no id.
    """
    if not value.startswith(PREFIX):
        return matching_glob("rules", "rule")(value, info)
    edition = str((info.context or {}).get("edition", LATEST))
    if why := why_no_id(value, edition):
        hint = f"as `cis:5.26` (of {edition}) or `cis:1.6:2.14`; `fleetkeeper cis` lists them"
        raise field_error(f"{quoted(value)} is {why}" if why == NO_ID else why, hint)
    return with_edition(value, edition)


RuleGlob = Annotated[str, AfterValidator(rule_glob)]
