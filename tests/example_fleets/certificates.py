"""A small fleet of certificates for unit tests: a good one, of which each test breaks one thing."""

from __future__ import annotations

import ipaddress
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Verdict, judge_subject, subjects_of
from fleetkeeper.looking.fleet import HERE, Fleet
from fleetkeeper.readers.cron.own_crontab import Crontab
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.readers.nginx import Nginx, Site
from fleetkeeper.readers.pki.certificate_problem import Case
from fleetkeeper.topics import certificates as topic
from fleetkeeper.topics.certificates.facts import (
    CertificateFile,
    ContainerFiles,
    Facts,
    Key,
    Lineage,
    Reloading,
    Renewal,
    ServedCertificate,
)
from fleetkeeper.topics.certificates.listening.facts import Facts as Listening
from fleetkeeper.topics.certificates.rules.validity import public_key_digest
from fleetkeeper.topics.containers.facts import Container, Mount, Port
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Unobservable

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
NAME = "rodan2.example.org"
DAY = timedelta(days=1)
ID = "4f" * 32
LIVE = f"/etc/letsencrypt/live/{NAME}"
RULES = {rule.name: rule for rule in topic.TOPIC.rules}


@dataclass(frozen=True)
class Made:
    """A certificate with its key, so that it can issue others."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def cached_key(kind: str = "p256") -> Any:
    """One key of each kind for the whole run: making RSA keys takes long."""
    if kind.startswith("p256"):
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p192":
        return ec.generate_private_key(ec.SECP192R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def x509_name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Wish:
    """How a certificate should be made. `days` are the begin and the end, in days from NOW."""

    subject: str = NAME
    names: Sequence[str] = (NAME,)
    days: tuple[float, float] = (-20, 70)
    key: str = "p256"
    hash: Any = None
    authority: bool = False
    usage: Any = ExtendedKeyUsageOID.SERVER_AUTH
    constraints: bool = True


def make_certificate(wish: Wish, issuer: Made | None = None) -> Made:
    """A certificate, issued by itself where there is no issuer."""
    own = cached_key(wish.key)
    begin, end = (NOW + day * DAY for day in wish.days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(wish.subject))
        .issuer_name(issuer.certificate.subject if issuer else x509_name(wish.subject))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if wish.constraints:
        builder = builder.add_extension(x509.BasicConstraints(ca=wish.authority, path_length=None), critical=True)
    if wish.names and not wish.authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([general_name(n) for n in wish.names]), critical=False
        )
    if wish.usage and not wish.authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([wish.usage]), critical=False)
    signer = issuer.key if issuer else own
    return Made(builder.sign(signer, wish.hash or hashes.SHA256()), own)


def make_authority(subject: str, issuer: Made | None = None, **changes: Any) -> Made:
    """A certificate authority. Each has a key of its own kind, so that none can be taken for another."""
    wish = Wish(subject=subject, days=(-2000, 2000), key=f"p256 {subject}", authority=True)
    return make_certificate(replace(wish, **changes), issuer)


ROOT = make_authority("Good Root")
MIDDLE = make_authority("Good Intermediate", ROOT)
LEAF = make_certificate(Wish(), MIDDLE)
GOOD = (LEAF.pem, MIDDLE.pem)


def chain_case(
    name: str = NAME, roots: Sequence[Made] = (ROOT,), now: datetime = NOW, allowed: Sequence[str] = ()
) -> Case:
    return Case(name, tuple(root.certificate for root in roots), now, tuple(allowed))


@cache
def authorities_pem() -> str:
    """A PEM file with the good root."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(ROOT.pem)
    return file.name


TEXT = """
nodes:
  web: {address: 192.0.2.11, sudo: true}
services:
  nginx: {name: rodan_nginx}
backups: {none: not here}
certificates:
  - {name: rodan2.example.org, service: nginx, ca: CA%s}
"""


def make_inventory(policy: str = "") -> Inventory:
    """The inventory of the good fleet; `policy` are further keys of its certificate, such as `, hsts: true`."""
    return load_inventory(Path("world.yml"), (TEXT % policy).replace("CA", authorities_pem()))


SERVED = ServedCertificate(NAME, ID, 443, inside=443, protocol="TLSv1.3", chain=GOOD)
SITE = Site((NAME,), (443,), (443,), (f"{LIVE}/fullchain.pem",), (f"{LIVE}/privkey.pem",))
LINEAGE = Lineage(
    NAME,
    authenticator="webroot",
    server="https://acme.example.org/directory",
    account="0f",
    webroots=(("/var/www/letsencrypt", True),),
    chain=GOOD,
)
INSIDE = ContainerFiles(
    ID,
    "nginx",
    nginx=Nginx((SITE,)),
    files=(CertificateFile(f"{LIVE}/fullchain.pem", GOOD),),
    keys=(Key(f"{LIVE}/privkey.pem", public_key_digest(LEAF.certificate)),),
    lineages=(LINEAGE,),
    certbot="/usr/bin/certbot",
    letsencrypt=True,
)
RELOADS = Reloading(here=True)
RENEWAL = Renewal("/var/spool/cron/crontabs/root:3", entered=True, containers=(ID,), reloading=RELOADS)
FACTS = Facts(
    served=(SERVED,),
    inside=(INSIDE,),
    http={NAME: 404},
    renewals=(RENEWAL,),
    crontab=Crontab("root", "ab" * 32),
    docker=("/usr/bin/docker",),
)
VOLUME = Mount("volume", "/var/lib/docker/volumes/le/_data", "/etc/letsencrypt", "rodan_letsencrypt")
CONTAINER = Container(
    ID,
    "rodan_nginx.1.x",
    labels={SWARM_SERVICE: "rodan_nginx"},
    mounts=(VOLUME,),
    ports=(Port(80, host=80), Port(443, host=443)),
)


def on_disk(leaf: Made, inside: ContainerFiles = INSIDE) -> ContainerFiles:
    """The container with another certificate (and its key) in the place of the good one."""
    chain = (leaf.pem, MIDDLE.pem)
    return replace(
        inside,
        files=(CertificateFile(f"{LIVE}/fullchain.pem", chain),),
        keys=(Key(f"{LIVE}/privkey.pem", public_key_digest(leaf.certificate)),),
        lineages=(replace(LINEAGE, chain=chain),),
    )


def certificate_fleet(
    facts: Facts | Unobservable = FACTS,
    container: Container | None = CONTAINER,
    *,
    policy: str = "",
    ahead: float = 0.0,
    now: datetime = NOW,
    outside: Sequence[ServedCertificate] = (),
) -> Fleet:
    """One look at the fleet; `container` None: the service runs nowhere. `outside` is what it looks like from here."""
    clock = Nodes(ahead=ahead, uncertainty=0.01, hostname="web", timezone="UTC", utc_offset=0, uid=0, root_uid=0)
    present = Containers("present", (container,) if container else ())
    seen = {("web", "certificates"): facts, ("web", "containers"): present, ("web", "nodes"): clock}
    seen |= {("web", "listening"): Listening(ports=facts if isinstance(facts, Unobservable) else ())}
    seen |= {(HERE, "certificates"): Facts(outside=tuple(outside))}
    return Fleet(make_inventory(policy), now, seen)


def verdict_of(rule: str, fleet: Fleet) -> Verdict:
    """What a rule says about the name (or the one service) in this fleet."""
    [subject] = subjects_of(RULES[rule], fleet.inventory)
    return judge_subject(RULES[rule], fleet, subject)


SUBJECT = Subject("certificate", NAME)
