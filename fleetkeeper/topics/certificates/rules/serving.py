"""Rules about the time that a certificate has left, and about served certificates compared with those on disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import Undecided, Without
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.pki import chain_problems
from fleetkeeper.topics.certificates.facts import CertificateFile, Lineage, ServedCertificate
from fleetkeeper.topics.certificates.rules import external
from fleetkeeper.topics.certificates.served_certificate import (
    Said,
    View,
    certificate_of,
    configured,
    directive,
    each_view,
    fingerprint,
    leaf_of,
    lineages_of,
    newest_lineage,
)
from fleetkeeper.transport.commands import Unobservable

SELF_LOADING = frozenset({"traefik", "caddy"})
"""Servers that load by themselves what they have got."""


def are_far_from_expiry(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The certificate that is served has at least a quarter of its lifetime left, or what the policy asks for.

    certbot renews when a third is left (half, for lifetimes below ten days): less than a quarter means that renewals
    have been failing for a while. A fixed "30 days" would be wrong for six-day certificates. Unknown where a port could
    not be asked, and where none serves the name. Source: certbot 4.1, RFC 9773.
    """
    yield from each_view(fleet, subject, far_from_expiry)
    yield from external.endings(fleet, certificate_of(fleet, subject))


def far_from_expiry(view: View) -> Said:
    """A finding for each port of one container whose certificate ends too soon.

    An Unobservable for each port that could not be seen, and one where the name is served on no port. Too soon is when
    less is left than the policy asks for.
    """
    now = view.fleet.looked_at
    for served in view.handshakes:
        if isinstance(served.chain, Unobservable):
            yield Unobservable(f"port {served.port}: {served.chain.why}", served.chain.hint, view.node)
        elif served.chain:
            leaf = leaf_of(served.chain)
            left, span = (
                chain_problems.time_left(leaf, now),
                chain_problems.least_time_left(leaf, view.certificate.min_left),
            )
            if left < span:
                yield ending(view, served, leaf, (left, span))
    if not any(handshake.chain for handshake in view.handshakes):
        yield Unobservable("it is served on no port: see certificates.are_valid", node=view.node)


def ending(
    view: View, served: ServedCertificate, leaf: x509.Certificate, spans: tuple[timedelta, timedelta]
) -> Finding:
    """The finding about one port. `spans` are the time that the certificate has left and the least that is wanted."""
    left, span = spans
    return Finding(
        saw=f"on port {served.port}: it {chain_problems.end_in_words(leaf, left)}",
        want=f"at least {show_duration(span)} left of its {show_duration(chain_problems.lifetime(leaf))}",
        why="its renewal should have happened by now and did not; when it ends, every client refuses it",
        node=view.node,
        about=view.about(served),
        hint="`remediate` renews it if certbot knows it; certificates.will_renew says why it did not happen",
    )


def are_served_as_on_disk(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The certificate that is served is the one that lies on disk.

    Renewed on disk and never reloaded is the commonest way to an expired site. On every port, what the handshake gives
    is compared by fingerprint with the files that nginx' configuration names for it, and those with certbot's own; and
    what the name leads to from this machine, with what the service serves. Unknown where it is not known which file is
    served. Does not apply where there is none on purpose: `acme: {none: why}` without `file`, Traefik, Caddy. Source:
    docs/runbook.md, "Renewing certificates".
    """
    without_files: list[str] = []
    yield from each_view(fleet, subject, lambda view: served_as_on_disk(view, without_files))
    yield from external.differences(fleet, certificate_of(fleet, subject))
    if without_files:
        raise NotApplicable(without_files[0])


def served_as_on_disk(view: View, without_files: list[str]) -> Said:
    """The findings about served certificates that are not those on disk.

    Where there is no file to compare on purpose, the reason is added to `without_files`. An Unobservable where a file
    has no certificate; raises Unobservable where a port was not seen or it is not known which file is served.
    """
    answered = [handshake for handshake in view.handshakes if raise_if_unobservable(handshake.chain)]
    if not answered:
        raise Unobservable("it is served on no port: see certificates.are_valid")
    lineage = newest_lineage(lineages_of(view))
    for served in answered:
        files = configured(view, served)
        if files is None and lineage is None:
            if why := why_without_files(view):
                without_files.append(why)
                return
            raise Unobservable(
                "it is not known which file is served: no nginx configuration and no lineage of certbot for the name",
                hint="name the file as `file:`, or certbot's lineage as `lineage:`, in the inventory",
            )
        on_disk = files if files is not None else [CertificateFile(lineage.path, lineage.chain)] if lineage else []
        yield from compared(view, served, on_disk)
        if files is not None and lineage is not None:
            yield from copied(view, served, files, lineage)


def why_without_files(view: View) -> str:
    """Why there is no file to compare: the inventory says who renews it, or the server keeps none; "" for neither.

    Traefik and Caddy get certificates themselves, and serve what they have got without any reload.
    """
    if isinstance(view.certificate.acme, Without) and not isinstance(view.certificate.acme, Undecided):
        return f"no file is named as `file:`, and certbot does not renew it: {view.certificate.acme.none}"
    processes = view.container.processes
    names = set() if isinstance(processes, Unobservable) else {process.name for process in processes}
    name = next(iter(sorted(names & SELF_LOADING)), "")
    return f"{name} serves what it keeps itself, without a reload: there is no file to compare" if name else ""


def compared(view: View, served: ServedCertificate, files: list[CertificateFile]) -> Said:
    """A finding where one port serves none of the certificates in `files`; an Unobservable where no file has one.

    Nothing where it serves one of them. Raises Unobservable when the port was not seen.
    """
    present = [file for file in files if file.chain]
    if not present:
        trouble = files[0].trouble if files else "is not there"
        path = files[0].path if files else "its file"
        yield Unobservable(f"{path} {trouble or 'holds no certificate'}", node=view.node)
        return
    mine = fingerprint(raise_if_unobservable(served.chain))
    if mine not in [fingerprint(file.chain) for file in present]:
        yield stale(view, served, present[0])


def stale(view: View, served: ServedCertificate, file: CertificateFile) -> Finding:
    """The finding that a port serves another certificate than the one in a file.

    Raises Unobservable for a certificate that cannot be read.
    """
    now, then = leaf_of(file.chain), leaf_of(raise_if_unobservable(served.chain))
    return Finding(
        saw=f"port {served.port} serves the certificate that ends {then.not_valid_after_utc:%Y-%m-%d %H:%M}; "
        f"{file.path} holds one that ends {now.not_valid_after_utc:%Y-%m-%d %H:%M} (UTC)",
        want="the certificate on disk is served",
        why="it was replaced on disk and the server was not reloaded: the old one will expire in use",
        node=view.node,
        about=view.about(served),
        hint="`remediate` tests the configuration, reloads, and compares what is served",
    )


def copied(view: View, served: ServedCertificate, files: list[CertificateFile], lineage: Lineage) -> Iterator[Finding]:
    """A finding where nginx uses a copy that is older than certbot's own file: renewals never reach such a copy.

    Older is one that ends earlier. Nothing where one of `files` is certbot's own, or there is no certificate in them or
    in that. Raises Unobservable for a certificate that cannot be read.
    """
    if not lineage.chain or lineage.path in [file.path for file in files]:
        return
    renewed = leaf_of(lineage.chain)
    used = [file for file in files if file.chain]
    if used and all(leaf_of(file.chain).not_valid_after_utc < renewed.not_valid_after_utc for file in used):
        yield Finding(
            saw=f"nginx uses {used[0].path}, an older certificate than the one that certbot keeps in {lineage.path}",
            want=f"nginx uses {lineage.path} itself",
            why="renewals never reach the copy",
            node=view.node,
            about=view.about(served),
            hint=f"let {directive(view, served) or '`ssl_certificate`'} and its key name the files under "
            f"/etc/letsencrypt/live/{lineage.name}",
        )
