"""What an inventory promises about the names that are served with TLS: the `certificates` section."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, RootModel, WithJsonSchema

from fleetkeeper.errors import field_error, quoted
from fleetkeeper.inventory.fields import Name, NodePath, PathName, ServiceName, Words, spelled_like
from fleetkeeper.inventory.schema import Section, Strict
from fleetkeeper.inventory.units import Duration

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = rf"{LABEL}(?:\.{LABEL})*"
SPELLED = "a DNS name in lower case (an international one as xn--…), or an IP address; a wildcard is not one name"
EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@" + HOST
URL = r"https://[A-Za-z0-9][A-Za-z0-9.:_/~-]{1,250}"


def host(name: str) -> str:
    """A name that a browser can ask for: a DNS name (RFC 1123, RFC 5890 A-labels) or an IP address.

    An address comes back in its usual form. Raises ValueError for anything else, as for a wildcard or capitals.

    >>> host("rodan2.example.org"), host("192.0.2.7"), host("2001:db8::0:7")
    ('rodan2.example.org', '192.0.2.7', '2001:db8::7')
    """
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if len(name) > 253 or not re.fullmatch(HOST, name, re.ASCII) or re.fullmatch("[0-9]+", name.rpartition(".")[2]):
        raise field_error(f"{quoted(name)} is not a name that a certificate is served for", SPELLED)
    return name


HostName = Annotated[str, AfterValidator(host), WithJsonSchema({"type": "string", "examples": ["rodan2.example.org"]})]
Ports = Annotated[int, Field(ge=1, le=65535)]
Email = Annotated[str, AfterValidator(spelled_like(EMAIL, "an e-mail address", "such as ops@example.org"))]
Directory = Annotated[
    str, AfterValidator(spelled_like(URL, "the directory of an ACME server", "an https:// address without a query"))
]


class Acme(Strict):
    """How certbot may get this certificate when there is none yet, or when its account is gone."""

    agree_tos: Literal[True] = Field(description="That you agree to the terms of the certificate authority.")
    email: Email | None = Field(default=None, description="Whom the authority may write to; default: nobody.")
    server: Directory | None = Field(default=None, description="Directory of the ACME server; default: certbot's own.")
    webroot: NodePath | None = Field(
        default=None, description="Directory in the container that is served under http://NAME/."
    )
    names: tuple[HostName, ...] = Field(default=(), description="Further names for the same certificate.")


class Outside(Strict):
    """How the machine that audits asks for the name, as the world does."""

    address: HostName | None = Field(
        default=None, description="Name or IP address to ask instead of what the name itself resolves to."
    )
    ports: tuple[Ports, ...] = Field(
        default=(), description="The ports as the world sees them; default: `ports` of the certificate, else 443."
    )
    proxy: Words | None = Field(
        default=None,
        description="Who ends TLS before the service, where that is intended: its certificate may be another one.",
    )


class Certificate(Strict):
    """One name that is served with TLS, and what its certificate must be like."""

    name: HostName = Field(description="The name (or IP address) that clients ask for.")
    service: ServiceName = Field(description="The service (a key of `services`) that serves it.")
    ports: tuple[Ports, ...] = Field(
        default=(),
        description="Where it is served, on the node; default: each published port of the service that speaks TLS.",
    )
    starttls: Literal["postgres"] | None = Field(
        default=None, description="Protocol that begins in the clear and is asked for TLS; default: TLS from the start."
    )
    file: NodePath | None = Field(
        default=None,
        description="The certificate's PEM file in the container, where no nginx tells which one is served.",
    )
    ca: PathName | None = Field(
        default=None, description="PEM file of authorities: these alone may have issued it, instead of the system's."
    )
    min_left: Duration | None = Field(
        default=None,
        description="Least time that must be left; default: a quarter of its lifetime. "
        "Never more than what is left when certbot renews (a third), or each renewal would begin with an alarm.",
    )
    hsts: bool = Field(default=False, description="Whether answers must carry Strict-Transport-Security.")
    allow_issuer: tuple[Words, ...] = Field(
        default=(), description="Test authorities that are accepted all the same: shell globs over the issuer's name."
    )
    lineage: Name | None = Field(
        default=None, description="certbot's name for it (`certbot certificates`); default: found by the name."
    )
    acme: Section[Acme] | None = Field(
        default=None,
        description="How certbot may get it anew; `none: why` for a certificate that certbot does not renew.",
    )
    outside: Section[Outside] | None = Field(
        default=None,
        description="The name as the world sees it. Default: it is asked from the machine that audits, if it resolves "
        "there. Written down, it has to be reached; `none: why` asks nothing.",
    )


def distinct(certificates: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """The certificates themselves. Raises ValueError unless there is a name, and each stands there once.

    Two entries about one name could not both be its verdict.
    """
    if not certificates:
        raise field_error("no name is in it", "write one, or why there is none: `certificates: {none: why}`")
    names = [certificate.name for certificate in certificates]
    for name in names:
        if names.count(name) > 1:
            raise field_error(
                f"{quoted(name)} stands here twice", "one entry for each name; several ports go into `ports`"
            )
    return certificates


# Not `min_length`: that would also complain of too few entries whenever one of them is wrong.
Certificates = Annotated[tuple[Certificate, ...], Field(json_schema_extra={"minItems": 1}), AfterValidator(distinct)]


class Policy(RootModel[Certificates]):
    """Every name that is served with TLS, each with what is wanted of it."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The names, in the inventory's order."""
        return self.root
