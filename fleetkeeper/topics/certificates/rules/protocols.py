"""The rule about protocol versions and HSTS."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.certificates.facts import ServedCertificate
from fleetkeeper.topics.certificates.served_certificate import Said, View, each_view
from fleetkeeper.transport.commands import Unobservable


def use_sound_tls(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """No port of this name speaks anything older than TLS 1.2; HSTS is sent where the policy asks for it.

    TLS 1.0 and 1.1 are broken and were withdrawn. Judged by handshakes that offer nothing newer, and with `hsts: true`
    by the Strict-Transport-Security header of an answer. Unknown where a port could not be asked, and where none serves
    the name. Source: RFC 8996, RFC 9325 (3.1.1), RFC 6797.
    """
    return each_view(fleet, subject, sound)


def sound(view: View) -> Said:
    """The findings about protocol versions and HSTS on each port of one container.

    An Unobservable for what could not be seen of a port, and one where the name is served on no port. Nothing where all
    is right.
    """
    for served in view.handshakes:
        if isinstance(served.chain, Unobservable):
            yield Unobservable(f"port {served.port}: {served.chain.why}", served.chain.hint, view.node)
        elif served.chain:
            yield from (finding for finding in (protocols(view, served), hsts(view, served)) if finding is not None)
    if not any(handshake.chain for handshake in view.handshakes):
        yield Unobservable("it is served on no port: see certificates.are_valid", node=view.node)


def protocols(view: View, served: ServedCertificate) -> Finding | Unobservable | None:
    """The finding about TLS versions below 1.2 on one port, or why they could not be seen.

    None where there are none. Nor where the server gave no answer about them.
    """
    if isinstance(served.old, Unobservable):
        return Unobservable(f"port {served.port}: {served.old.why}", served.old.hint, view.node)
    if not served.old:
        return None
    return Finding(
        saw=f"port {served.port} still speaks {' and '.join(served.old)}",
        want="TLS 1.2 and newer only",
        why="both were withdrawn in 2021 (RFC 8996): what is sent over them can be read or changed",
        node=view.node,
        about=view.about(served),
        hint="`ssl_protocols TLSv1.2 TLSv1.3;` in nginx' http block, then reload",
    )


def hsts(view: View, served: ServedCertificate) -> Finding | Unobservable | None:
    """The finding about a missing Strict-Transport-Security header, or why it could not be seen; else None.

    None too where the policy does not ask for the header. A max-age of 0 is as bad as none.
    """
    if not view.certificate.hsts or served.hsts:
        if isinstance(served.hsts, Unobservable):
            return Unobservable(f"port {served.port}: {served.hsts.why}", served.hsts.hint, view.node)
        return None
    return Finding(
        saw=f"port {served.port} answers without Strict-Transport-Security"
        + (" (its max-age is 0)" if served.hsts == 0 else ""),
        want="a Strict-Transport-Security header with a max-age above 0",
        why="without it a first visit over http can be taken over",
        node=view.node,
        about=view.about(served),
        hint='`add_header Strict-Transport-Security "max-age=31536000" always;` in the site',
    )
