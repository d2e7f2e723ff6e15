"""What was seen of certificates on one node: as they are served, as they lie on disk, and how they are renewed.

Certificates are public and are kept whole, as PEM. Of private keys only the fingerprint of their public half is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.readers.cron.own_crontab import ROOT_HAS_NONE, Crontab
from fleetkeeper.readers.nginx import Nginx
from fleetkeeper.readers.tls_handshakes import Refused
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class ServedCertificate:
    """One handshake for one name: on one port of one container, made on its node; or made from the machine that audits.

    `port` is the node's, `inside` the container's (0 where that is not known), `host` the address that was asked.
    From the machine that audits there is no `container`, and `host` is the name where that did not resolve.
    `chain` is what the server sent, leaf first. `refused` is why there is none, and `said` openssl's words for it.
    `old` is the protocol version below TLS 1.2 that it agreed to, if any. `hsts` is the max-age of its
    Strict-Transport-Security in seconds, None without one.
    """

    name: str
    container: str
    port: int
    host: str = "127.0.0.1"
    inside: int = 0
    protocol: str = ""
    chain: tuple[str, ...] | Unobservable = ()
    refused: Refused = ""
    said: str = ""
    old: tuple[str, ...] | Unobservable = ()
    hsts: int | Unobservable | None = None


@dataclass(frozen=True)
class CertificateFile:
    """A file with certificates, leaf first. `trouble` is why it could not be read, as the container said it."""

    path: str
    chain: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class Key:
    """A file with a private key, which never leaves the node.

    `public` is the SHA-256 (hex) of its public half in DER (SubjectPublicKeyInfo). `trouble` is why there is none.
    """

    path: str
    public: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Lineage:
    """One certificate that certbot looks after, from /etc/letsencrypt/renewal/NAME.conf and live/NAME.

    `webroots` are directories, with whether each is there. `account_found` says whether the account that the renewal
    names (or any, where it names none) is on disk. `reloads` says that certbot itself reloads the server afterwards.
    """

    name: str
    configured: bool = True
    authenticator: str = ""
    server: str = ""
    account: str = ""
    account_found: bool = True
    webroots: tuple[tuple[str, bool], ...] = ()
    reloads: bool = False
    autorenew: bool = True
    chain: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"/etc/letsencrypt/live/{self.name}/fullchain.pem"


@dataclass(frozen=True)
class Renewal:
    """Something that would run `certbot renew`, and whether the server is reloaded with it.

    `where` is a file and line, a timer, or a process. `faults` keep it from running, `unclear` says what could not be
    told about it. `inside` says that it is in the container itself. `entered` that it enters containers from the node:
    `containers` are the ids of those that it would enter now.
    """

    where: str
    inside: bool = False
    entered: bool = False
    containers: tuple[str, ...] = ()
    reloads: bool = False
    faults: tuple[str, ...] = ()
    unclear: str = ""


@dataclass(frozen=True)
class ContainerFiles:
    """What lies in one container that serves TLS.

    `certbot` is its path there, empty without one. `busy` says that a certbot was running during the look. `nginx` is
    None where the container has no nginx. `letsencrypt` says whether there is a directory /etc/letsencrypt.
    """

    container: str
    service: str
    nginx: Nginx | None = None
    files: tuple[CertificateFile, ...] = ()
    keys: tuple[Key, ...] = ()
    lineages: tuple[Lineage, ...] = ()
    certbot: str = ""
    busy: bool = False
    letsencrypt: bool = False
    renewals: tuple[Renewal, ...] = ()


@dataclass(frozen=True)
class Facts:
    """One node: each handshake, what is in each container that serves, and what is scheduled on the node itself.

    `http` is, for each name, the status of a request for its ACME challenges on port 80 (0: nothing answers).
    `outside` are handshakes by the name itself, wherever it leads: only under `HERE`, the machine that audits.
    `cron` says whether cron runs on the node; `unseen` are schedules that could not be read; `docker` are paths of the
    docker client.
    """

    topic: ClassVar[str] = "certificates"
    served: tuple[ServedCertificate, ...] = ()
    inside: tuple[ContainerFiles | Unobservable, ...] = ()
    outside: tuple[ServedCertificate, ...] = ()
    http: dict[str, int | Unobservable] | None = None
    renewals: tuple[Renewal, ...] | Unobservable = ()
    crontab: Crontab | Unobservable = ROOT_HAS_NONE
    cron: bool | Unobservable = True
    unseen: tuple[str, ...] = ()
    docker: tuple[str, ...] = ()
