"""The rule that a client gets a certificate that it accepts, and that the keys on disk belong to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.pki import chain_problems
from fleetkeeper.readers.pki.certificate_problem import Case, ChainProblem
from fleetkeeper.readers.pki.roots import trusted_roots
from fleetkeeper.topics.certificates.facts import ServedCertificate
from fleetkeeper.topics.certificates.policy import Certificate
from fleetkeeper.topics.certificates.rules import external
from fleetkeeper.topics.certificates.served_certificate import (
    Said,
    View,
    answering,
    certificate_of,
    directive,
    each_view,
    leaf_of,
    lineages_of,
)
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.transport.commands import Unobservable

NOTABLE = 60.0
WANT_KEY = "the key that the certificate was issued for"
ABSENT = "is not there"
"""The look's word for a file that is gone."""
PLACED = frozenset({"wrong name", "self-signed", "incomplete", "untrusted", "test issuer", "invalid"})
"""What may be mended by another file in nginx' configuration."""


def are_valid(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """A client that asks for this name gets a certificate that it accepts.

    Each published port of the service is asked on its own node, with the name; and where the name resolves on this
    machine, this machine asks as the world does, wherever that leads (`outside` in the inventory). Judged are dates,
    name, chain, strength, purpose and issuer, by this machine's clock and the system's authorities (or the inventory's
    `ca`); and on disk, whether the private key belongs to the certificate. Unknown where a port could not be asked or a
    key not be compared; a name that does not resolve here only where the inventory says `outside`. Source: RFC 5280,
    RFC 9525; the verdicts of `openssl verify`.
    """
    yield from each_view(fleet, subject, validity_findings)
    mine = certificate_of(fleet, subject)
    yield from external.external_problems(fleet, mine, lambda: case_of(fleet, mine))


def validity_findings(view: View) -> Said:
    """The findings about ports where TLS is missing, about each chain that is served, and about the keys on disk.

    An Unobservable for each port or key that could not be seen. Raises Unobservable when there are no trusted roots.
    """
    yield from silent_ports(view)
    case = case_of(view.fleet, view.certificate)
    for served in view.handshakes:
        if isinstance(served.chain, Unobservable):
            yield Unobservable(f"port {served.port}: {served.chain.why}", served.chain.hint, view.node)
        elif served.chain:
            problems = chain_problems.chain_problems(chain_problems.load_chain(served.chain), case)
            yield from (validity_finding(problem, view, served) for problem in problems)
    yield from key_findings(view)


def case_of(fleet: Fleet, certificate: Certificate) -> Case:
    """The criteria for a name: trusted roots, the time of the look, and allowed issuers.

    Raises Unobservable when there are no trusted roots.
    """
    return Case(
        certificate.name, trusted_roots(fleet.inventory.ca, certificate.ca), fleet.looked_at, certificate.allow_issuer
    )


def validity_finding(problem: ChainProblem, view: View, served: ServedCertificate) -> Finding:
    """The finding about one problem of the chain on one port.

    Its hint names the place in nginx' configuration, or the node's clock, where that may help.
    """
    dated = problem.kind in ("expired", "not yet valid")
    return Finding(
        saw=f"on port {served.port}: {problem.saw}",
        want=problem.want,
        why=problem.why,
        node=view.node,
        about=view.about(served),
        hint=problem.hint
        + (clock_note(view) if dated else "")
        + (nginx_place(view, served) if problem.kind in PLACED else ""),
    )


def nginx_place(view: View, served: ServedCertificate) -> str:
    """The directive of nginx that names the served certificate, as the end of a hint; empty where it is not known."""
    match = directive(view, served)
    return f". nginx takes it from {match}" if match else ""


def clock_note(view: View) -> str:
    """How far the node's clock is off, as the end of a hint; empty for less than a minute, or where it was not seen.

    A server with a wrong clock renews at the wrong time.
    """
    try:
        ahead = view.fleet.of(view.node, Nodes).ahead
    except Unobservable:
        return ""
    if abs(ahead) < NOTABLE:
        return ""
    route = "ahead" if ahead > 0 else "behind"
    return f". Dates are judged by this machine's clock; that of {view.node} is {show_duration(abs_of(ahead))} {route}"


def abs_of(seconds: float) -> timedelta:
    """Seconds, without their sign, as a span."""
    return timedelta(seconds=abs(seconds))


def silent_ports(view: View) -> Iterator[Finding]:
    """A finding for each port of the policy without TLS, and one for a name that is served on no port (case 59).

    The second only where the policy names no ports. A port that could not be seen counts as one that answers.
    """
    answered = [handshake for handshake in view.handshakes if handshake.chain]
    for served in view.handshakes:
        if not served.chain and served.port in view.certificate.ports:
            yield silent(view, served)
    if not answered and not view.certificate.ports:
        question = ", ".join(f"{served.port} ({why_no_handshake(served)})" for served in view.handshakes)
        yield Finding(
            saw=f"served on no port: asked {question}",
            want="a TLS port of the service that answers",
            why="nobody reaches the site over HTTPS",
            node=view.node,
            about=view.certificate.name,
            hint=f"see which ports {view.service} publishes (`docker ps`), or name them as `ports:` in the inventory",
        )


def silent(view: View, served: ServedCertificate) -> Finding:
    """The finding that a port gives no certificate. With the reason of the handshake."""
    return Finding(
        saw=f"port {served.port} gives no certificate: {why_no_handshake(served)}",
        want=f"TLS on port {served.port}",
        why="nobody reaches the site there",
        node=view.node,
        about=view.about(served),
        hint=f"`docker logs` of {view.service} and `nginx -t` in it say more",
    )


def why_no_handshake(served: ServedCertificate) -> str:
    """Why there was no handshake, in words: the server's alert, or what the network answered."""
    if served.refused == "alert":
        return f"it refused the handshake: {served.said}"
    return external.WORDS.get(served.refused, served.said or "no answer")


def key_findings(view: View) -> Said:
    """A finding for each private key on disk that is missing or does not belong to its certificate.

    The next reload would fail. An Unobservable where a key, or the container, could not be looked at; nothing for a key
    that nginx has loaded and we may not read, and for a pair of which a file was not read at all.
    """
    try:
        inside = view.inside
    except Unobservable as why:
        yield Unobservable(f"whether its key belongs to it could not be seen: {why.why}", why.hint, view.node)
        return
    public = {key.path: key for key in inside.keys}
    files = {file.path: file for file in inside.files}
    loaded = by_nginx(view) if inside.nginx and not inside.nginx.broken else []
    for pair in dict.fromkeys([*by_nginx(view), *by_certbot(view)]):
        certificate, key = files.get(pair[0]), public.get(pair[1])
        if certificate is None or key is None or not certificate.chain:
            continue
        if key.trouble == ABSENT:
            yield unpaired(view, pair, f"the private key {key.path} of {certificate.path} is not there")
        elif key.public and key.public != public_key_digest(leaf_of(certificate.chain)):
            saw = f"the private key in {key.path} does not belong to the certificate in {certificate.path}"
            yield unpaired(view, pair, saw)
        elif key.trouble and pair not in loaded:
            yield Unobservable(f"whether {key.path} belongs to {certificate.path}: {key.trouble}", node=view.node)


Pair = tuple[str, str]


def by_nginx(view: View) -> list[Pair]:
    """The certificate and key files of nginx' sites for the name; `nginx -t` has loaded them.

    Raises Unobservable when the container's files were not seen, as `by_certbot` does.
    """
    sites = [site for handshake in view.handshakes if (site := answering(view, handshake))]
    return [pair for site in sites for pair in zip(site.certificates, site.keys, strict=False)]


def by_certbot(view: View) -> list[Pair]:
    """The certificate and key files of certbot's lineages for the name.

    Empty without a lineage. Raises Unobservable when the files were not seen.
    """
    return [(lineage.path, lineage.path.replace("fullchain", "privkey")) for lineage in lineages_of(view)]


def public_key_digest(leaf: x509.Certificate) -> str:
    """SHA-256 (hex) of the certificate's public key, as `openssl pkey -pubout` gives it in DER.

    Raises Unobservable for a key of a kind that is not known.
    """
    kind = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    made = hashes.Hash(hashes.SHA256())
    try:
        made.update(leaf.public_key().public_bytes(*kind))
    except (ValueError, UnsupportedAlgorithm) as odd:
        raise Unobservable(f"the key of a certificate cannot be read: {odd}") from None
    return made.finalize().hex()


def unpaired(view: View, pair: Pair, saw: str) -> Finding:
    """The finding about a certificate file and a key file (`pair`) that do not belong together."""
    return Finding(
        saw=saw,
        want=WANT_KEY,
        why="the server cannot load them together: the next reload or restart fails",
        node=view.node,
        about=pair[0],
        hint="somebody replaced or removed one of the two alone: restore it. `remediate` gets a new pair where it is "
        "certbot's own and the inventory says `acme:`",
    )
