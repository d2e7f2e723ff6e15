"""What was found in a container: certificates, lineages, certbot, and what runs it there."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from fleetkeeper.readers import nginx
from fleetkeeper.readers.linear_patterns import occur_in_order
from fleetkeeper.readers.nginx import Nginx
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.readers.tls_handshakes import pem_certificates
from fleetkeeper.topics.certificates.facts import CertificateFile, ContainerFiles, Key, Lineage, Renewal
from fleetkeeper.transport.commands import Unobservable

CRONS = frozenset({"cron", "crond", "supercronic", "fcron", "busybox-crond", "dcron"})
CERTBOT, RENEWING, APART = re.compile(r"\bcertbot\b"), re.compile(r"\b(renew|certonly)\b"), re.compile(r"[|;&]")
RELOAD = re.compile(r"--(deploy|renew|post)-hook|-s +reload|-s +HUP|-HUP|docker +(kill|restart)\b")
KILL, FIRST, LINE = re.compile(r"\bkill\b"), re.compile(r"\b1\b"), re.compile(r"\n")
MANAGER, AGAIN = re.compile(r"\b(service|rc-service|systemctl)\b"), re.compile(r"\b(reload|restart)\b")
REPEATS = re.compile(r"\b(while|until|for|sleep|watch|supercronic)\b")
T = TypeVar("T")


@dataclass
class Section:
    """One line of the script's output (`key` and `rest`) with the lines that belong to it.

    `lines` are those marked `|`, without the mark; `trouble` is the one marked `!`, empty without one.
    """

    key: str
    rest: str
    lines: list[str] = field(default_factory=list)
    trouble: str = ""

    @property
    def text(self) -> str:
        """The lines below it as one text."""
        return "\n".join(self.lines) + "\n"


def parse_sections(text: str) -> list[Section]:
    """The output of the script in sections. Raises Unobservable when it is cut short.

    >>> parse_sections("file /a.pem\\n|x\\n!cannot be read\\nend\\n")
    [Section(key='file', rest='/a.pem', lines=['x'], trouble='cannot be read')]
    """
    rows = text.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the look into the container was cut short")
    sections: list[Section] = []
    for row in rows[:-2]:
        if row.startswith("|") and sections:
            sections[-1].lines.append(row[1:])
        elif row.startswith("!") and sections:
            sections[-1].trouble = row[1:]
        elif row:
            key, _, rest = row.partition(" ")
            sections.append(Section(key, rest))
    return sections


def parse(text: str, container: str, service: str) -> ContainerFiles:
    """The files about certificates in one container, from the output of `look_inside`.

    `container` is its id, `service` the inventory's key of its service. Raises Unobservable when the output makes no
    sense.
    """
    try:
        return put_together(parse_sections(text), container, service)
    except (ValueError, LookupError) as odd:
        raise Unobservable(f"what the container printed makes no sense: {odd}") from None


def put_together(parts: list[Section], container: str, service: str) -> ContainerFiles:
    """The files of a container from the sections. Raises ValueError or LookupError when they make no sense."""
    names = {part.rest for part in parts if part.key == "process"}
    return ContainerFiles(
        container=container,
        service=service,
        nginx=web_server(parts),
        files=unique_values(
            CertificateFile(p.rest, pem_certificates(p.text), p.trouble) for p in parts if p.key in ("file", "live")
        ),
        keys=unique_values(parse_key(p) for p in parts if p.key == "key"),
        lineages=tuple(parse_lineages(parts)),
        certbot=next((p.rest for p in parts if p.key == "certbot"), ""),
        busy="certbot" in names,
        renewals=tuple(parse_renewals(parts, bool(names & CRONS))),
        letsencrypt=any(p.key == "letsencrypt" for p in parts),
    )


def unique_values(types: Iterator[T]) -> tuple[T, ...]:
    """The same values in their order, each once."""
    return tuple(dict.fromkeys(types))


def web_server(parts: list[Section]) -> Nginx | None:
    """The configuration of nginx as far as it was printed; None where the container has no nginx."""
    for part in parts:
        if part.key == "nginx":
            return nginx.read_configuration(whole_number(part.rest, most=255), part.text)
    return None


def parse_key(part: Section) -> Key:
    """A private key as the SHA-256 of its public half, from the PEM of SubjectPublicKeyInfo that openssl printed."""
    inner = [line for line in part.lines if line and not line.startswith("-----")]
    if part.trouble or not inner:
        return Key(part.rest, trouble=part.trouble or "nothing was printed")
    try:
        return Key(part.rest, hashlib.sha256(base64.b64decode("".join(inner), validate=True)).hexdigest())
    except binascii.Error:
        return Key(part.rest, trouble="its public half makes no sense")


def parse_lineages(parts: list[Section]) -> Iterator[Lineage]:
    """Every lineage of certbot: those with a renewal configuration, and those that have lost it."""
    confs = {p.rest.removesuffix(".conf"): p for p in parts if p.key == "renewal"}
    live = {p.rest.split("/")[-2]: pem_certificates(p.text) for p in parts if p.key == "live"}
    accounts = [p.rest for p in parts if p.key == "account"]
    hooked = any(p.key == "hook" for p in parts)
    for name in sorted({*confs, *live}):
        if name in confs:
            yield parse_lineage(
                name, confs[name], live.get(name, ()), RenewalContext(accounts, hooked, parse_webroots(name, parts))
            )
        else:
            yield Lineage(name, configured=False, chain=live[name])


def parse_webroots(name: str, parts: list[Section]) -> tuple[tuple[str, bool], ...]:
    """The webroots of a lineage, each with whether it exists. Their sections follow that of its configuration."""
    matches: dict[str, bool] = {}
    current = ""
    for part in parts:
        if part.key == "renewal":
            current = part.rest.removesuffix(".conf")
        elif part.key == "webroot" and current == name:
            present, _, path = part.rest.partition(" ")
            matches[path.strip()] = present == "yes"
    return tuple(matches.items())


@dataclass(frozen=True)
class RenewalContext:
    """What a lineage needs besides its configuration.

    Accounts on disk, hooks for all lineages, and its own webroots.
    """

    accounts: list[str]
    hooked: bool
    webroots: tuple[tuple[str, bool], ...]


def parse_lineage(name: str, part: Section, chain: tuple[str, ...], context: RenewalContext) -> Lineage:
    """A lineage from its configuration file and the certificate on disk (`chain`).

    The file is configobj: `key = value`, `[section]`; the values needed here take one line each.
    """
    pairs = (line.partition("=") for line in part.lines if not line.lstrip().startswith("#"))
    lines = {left.strip(): right.strip().strip("'\"") for left, equals, right in pairs if equals}
    account = lines.get("account", "")
    account = "" if account == "None" else account
    reloading = context.hooked or lines.get("installer", "None") == "nginx"
    return Lineage(
        name=name,
        authenticator=lines.get("authenticator", ""),
        server=lines.get("server", ""),
        account=account,
        account_found=any(not account or account in path.split("/") for path in context.accounts),
        webroots=context.webroots,
        reloads=reloading or any(lines.get(hook) for hook in ("renew_hook", "post_hook", "deploy_hook")),
        autorenew=lines.get("autorenew", "True").lower() != "false",
        chain=chain,
    )


def parse_renewals(parts: list[Section], cron: bool) -> Iterator[Renewal]:
    """What in the container runs certbot: crontabs, and loops that run now. `cron` says whether a cron runs there.

    A crontab without one has a fault. A certbot that runs at this moment is no schedule: it may be anybody's.
    """
    faults = () if cron else ("no cron runs in the container",)
    for part in parts:
        lines = [line for line in part.lines if not line.lstrip().startswith("#") and runs_renewal(line)]
        if part.key == "cron" and lines:
            yield Renewal(part.rest, inside=True, reloads=any(map(runs_reload, lines)), faults=faults)
        elif part.key == "loop" and part.rest != "certbot" and REPEATS.search(part.text):
            yield Renewal(f"the process {part.rest}", inside=True, reloads=runs_reload(part.text))


def runs_renewal(text: str) -> bool:
    """Whether `renew` or `certonly` follows `certbot` in a text with no `|`, `;` or `&` between them.

    Comments and ends of lines are not looked at: the caller strips comments.

    >>> commands = ("certbot -q renew", "certbot certificates; renew", "/usr/bin/certbot-auto renew")
    >>> [runs_renewal(command) for command in commands]
    [True, False, True]
    """
    return occur_in_order(text, CERTBOT, RENEWING, APART)


def runs_reload(text: str) -> bool:
    """Whether a command line or a script makes a server read its certificates again.

    >>> [runs_reload(text) for text in ("nginx -s reload", "kill -HUP 1", "systemctl -q restart x", "kill 7")]
    [True, True, True, False]
    """
    return (
        bool(RELOAD.search(text))
        or occur_in_order(text, KILL, FIRST, LINE)
        or occur_in_order(text, MANAGER, AGAIN, LINE)
    )
