"""What was seen of certificates on one node: what is served, what is on disk, and how it is renewed.

Certificates are public and are kept whole, as PEM. Of private keys only the digest of their public half is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from fleetkeeper.readers.cron.due_times import longest_gap
from fleetkeeper.readers.cron.own_crontab import ROOT_HAS_NONE, Crontab
from fleetkeeper.readers.nginx import Nginx
from fleetkeeper.readers.tls_handshakes import Refused
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class ServedCertificate:
    """One handshake for one name, made on the node of the container, or from the machine that audits.

    `port` is the node's, `inside` the container's (0 where that is not known), `host` the address that was asked. From
    the machine that audits `container` is empty, and `host` is the name where that did not resolve. `protocol` is the
    version that was agreed on, such as TLSv1.3. `chain` is what the server sent, as PEM, leaf first. `refused` is why
    there is none, and `said` openssl's message about it. `old` are the protocol versions below TLS 1.2 that the server
    agreed to, if any. `hsts` is the max-age of its Strict-Transport-Security in seconds, None without one.
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
    """A file with certificates, as PEM, leaf first. `trouble` is why it could not be read, in the container's words."""

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
class Reloading:
    """What hooks do about web servers after a renewal.

    `here`: one reloads the server where it runs. `containers` are the ids of those whose server it reloads by Docker.
    `vain` are sentences about hooks that reload nothing, `unclear` about those of which that is not known.
    """

    here: bool = False
    containers: tuple[str, ...] = ()
    vain: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """One certificate that certbot renews, from /etc/letsencrypt/renewal/NAME.conf and live/NAME.

    `configured` says whether the first of these exists. `webroots` are directories, each with whether it exists.
    `account_found` says whether the account that the renewal names (or any, where it names none) is on disk.
    `trouble` are the reasons why certbot skips its configuration. `hooked`: it names the command that its way of
    being asked needs: `manual_auth_hook` for `manual`, `pre_hook` for any other. `port` is the one on which
    `standalone` listens. `reloading` is what the hooks in its configuration do where they run in this container,
    `elsewhere` what they do in any other place. `chain` is the certificate on disk, as PEM, leaf first.
    `renew_before` is its `renew_before_expiry` as it is written, `version` the certbot that wrote it, each "" without.
    """

    name: str
    configured: bool = True
    authenticator: str = ""
    server: str = ""
    account: str = ""
    account_found: bool = True
    installer: str = ""
    webroots: tuple[tuple[str, bool], ...] = ()
    trouble: tuple[str, ...] = ()
    hooked: bool = False
    port: int = 80
    reloading: Reloading = Reloading()
    elsewhere: Reloading = Reloading()
    autorenew: bool = True
    chain: tuple[str, ...] = ()
    renew_before: str = ""
    version: str = ""

    @property
    def path(self) -> str:
        """The path of its full chain in the container."""
        return f"/etc/letsencrypt/live/{self.name}/fullchain.pem"


@dataclass(frozen=True)
class Renewal:
    """Something that runs `certbot renew`, what it renews, and what it does about the server afterwards.

    `where` is a file and line, a timer, or a process. `faults` keep it from running; `unclear` is why it is not
    known what it does. `inside`: it is in the container itself. `entered`: it enters containers from the node, and
    `containers` are the ids of those that it would enter now. `lineage` is the only one that it renews, `names` the
    names that it asks for, `server` the authority, `authenticator` the plugin, each empty where its options name
    none. `forced`: it renews what is not due; `weekly` is how often it runs in a week, 0 where that is not known.
    `prepares`: it runs a hook of its own first. `reloading` is what its own hooks and the commands behind it do.
    `deploys`: its own hook takes the place of the lineage's. `directory`: it runs the hooks in renewal-hooks, too.
    `gap` is the longest time between two of its starts, 0 where that is not known; `times` are those of its starts in
    canonical fields of cron, "" where cron has no such times.
    """

    where: str
    inside: bool = False
    entered: bool = False
    containers: tuple[str, ...] = ()
    reloading: Reloading = Reloading()
    faults: tuple[str, ...] = ()
    unclear: str = ""
    lineage: str = ""
    names: tuple[str, ...] = ()
    server: str = ""
    authenticator: str = ""
    forced: bool = False
    weekly: int = 0
    prepares: bool = False
    deploys: bool = False
    directory: bool = True
    gap: timedelta = timedelta(0)
    times: str = ""

    def due_at(self, times: str) -> Renewal:
        """The same renewal, started at these canonical times."""
        return replace(self, times=times, gap=longest_gap(times))


@dataclass(frozen=True)
class ContainerFiles:
    """The files about certificates in one container that serves TLS.

    `container` is its id, `service` the inventory's key of its service. `certbot` is the path of that program,
    empty without one. `busy`: a certbot was running during the look. `nginx` is None where the container has no
    nginx. `letsencrypt` says whether /etc/letsencrypt exists. `renewals` are those that run inside the container.
    `unseen` is why none of this is known. `plugins` are the names of certbot's plugins, None where they could not
    be seen. `reloading` is what the hooks in renewal-hooks do where they run in this container, `elsewhere` what
    they do in any other place.
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
    unseen: Unobservable | None = None
    plugins: tuple[str, ...] | None = None
    reloading: Reloading = Reloading()
    elsewhere: Reloading = Reloading()


@dataclass(frozen=True)
class Facts:
    """One node: each handshake, the files in each container that serves TLS, and what is scheduled on the node itself.

    `http` is, by name, the status of a request for its ACME challenges on port 80 (0: no answer). `outside` are
    handshakes from the machine that audits, with whatever the name leads to: only under the node `HERE`. `cron` says
    whether cron runs on the node; `unseen` are schedules that could not be read; `docker` are paths of the docker
    client. `reloaders` are the ids of containers whose main process reloads the server from time to time.
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
    reloaders: tuple[str, ...] = ()
