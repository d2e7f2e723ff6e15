"""Problems of a certificate chain: the results of `openssl verify`, or stricter, with reasons.

Stricter than `openssl verify` of OpenSSL 3 at its default, on purpose, where other clients are: no keys of kinds that
browsers refuse (Ed25519, DSA, curves but P-256, P-384, P-521), no SHA-1 or SHA-224 below the root, no RSA below 2048
bits, no common name instead of a subjectAltName, no wildcard for a part of a label, no path of more than 32 steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatch

from cryptography import x509

from fleetkeeper.inventory.units import show_duration
from fleetkeeper.readers.pki.certificate_problem import (
    Case,
    ChainProblem,
    Kind,
    key_weakness,
    subject_name,
)
from fleetkeeper.readers.pki.extensions import UNREADABLE, extension, is_other_netscape_type, odd_serials
from fleetkeeper.readers.pki.issuers import WEAK, issued_by, signed_with
from fleetkeeper.readers.pki.names import alternatives, common_name, is_for
from fleetkeeper.readers.pki.roots import Roots
from fleetkeeper.readers.pki.trust import trust_problems
from fleetkeeper.transport.commands import Unobservable

TEST = re.compile(
    r"\(staging\)|fake le |\bstaging\b|\bpebble\b|happy hacker|mkcert|caddy local authority|traefik default cert"
    r"|snakeoil|snake oil|minica|\btest(ing)?\b.*\b(ca|root|intermediate)\b|example ca|internet widgits|lab-only",
    re.IGNORECASE,
)
QUARTER = 4
SHORT = timedelta(days=10)


def load_chain(chain: Sequence[str]) -> list[x509.Certificate]:
    """The certificates of a chain of PEM texts. Raises Unobservable when one, or an extension in it, cannot be read."""
    return [read_certificates(item) for item in chain]


def read_certificates(item: str) -> x509.Certificate:
    """The certificate in a PEM text. Raises Unobservable when it, or an extension in it, cannot be read."""
    try:
        with odd_serials():
            certificate = x509.load_pem_x509_certificate(item.encode())
            _ = certificate.extensions, certificate.subject, certificate.issuer
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except UNREADABLE as odd:
        raise Unobservable(f"a certificate cannot be read: {odd}") from None
    return certificate


def chain_problems(certificates: Sequence[x509.Certificate], case: Case) -> list[ChainProblem]:
    """The problems of a chain, which is given leaf first and is not empty. Empty when a client would accept it.

    Left out are problems that only follow from another one (`is_consequence`). In this order: dates, name, keys and
    signatures, use, test issuers, trust.
    """
    leaf = certificates[0]
    problems = [
        *date_problems(leaf, case.now),
        *name_problems(leaf, case.name),
        *strength_problems(certificates, case.roots),
        *use_problems(leaf),
    ]
    test = list(issuers_for_tests(certificates, case.allowed))
    trust = list(trust_problems(certificates, case))
    return [*problems, *test, *(problem for problem in trust if not is_consequence(problem, kinds([*problems, *test])))]


def is_consequence(problem: ChainProblem, others: set[Kind]) -> bool:
    """Whether a problem is only a consequence of others: one cause, one finding.

    A test authority is not trusted anyway; a certificate that is weak or out of date breaks the path that it is part
    of.
    """
    if problem.kind == "invalid":
        return bool(others & {"weak key", "weak signature", "expired", "not yet valid"})
    return problem.kind == "untrusted" and "test issuer" in others


def kinds(problems: Sequence[ChainProblem]) -> set[Kind]:
    """The kinds of these problems."""
    return {problem.kind for problem in problems}


def date_problems(leaf: x509.Certificate, now: datetime) -> Iterator[ChainProblem]:
    """The problem that the leaf has expired or is not yet valid; none when it is valid.

    Valid from its first second on; in its last one it has expired, as `is_valid_at` has it.
    """
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= end:
        yield ChainProblem(
            "expired",
            f"it expired {show_duration(now - end)} ago, on {end:%Y-%m-%d %H:%M} UTC",
            "a certificate that is valid now",
            "every client refuses it, and shows a warning instead of the site",
            "`remediate` renews it if certbot knows it; then see why its renewal did not",
        )
    if now < begin:
        yield ChainProblem(
            "not yet valid",
            f"it is not valid before {begin:%Y-%m-%d %H:%M} UTC, {show_duration(begin - now)} from now",
            "a certificate that is valid now",
            "every client refuses it until then",
            "compare the clocks of this machine and of whoever issued it",
        )


def name_problems(leaf: x509.Certificate, name: str) -> Iterator[ChainProblem]:
    """The problem that the leaf is not for this name, if it is not.

    Its names are those of the subjectAltName; the common name does not count.
    """
    if is_for(leaf, name):
        return
    matches = alternatives(leaf)
    shown = ", ".join(matches[:5]) + (", …" if len(matches) > 5 else "")
    yield ChainProblem(
        "wrong name",
        f"it is for {shown}"
        if matches
        else f"it names no host at all (only the old common name: {subject_name(leaf)})",
        f"a certificate for {name}",
        "every client refuses a certificate for another name",
        "get one that names it (`remediate` does, where the inventory says `acme:`), or let the site use the right "
        "file. A wildcard stands for exactly one label",
    )


def strength_problems(certificates: Sequence[x509.Certificate], roots: Roots) -> Iterator[ChainProblem]:
    """Weak keys and signatures, from the leaf up. Above the leaf, a trusted root is not judged at all.

    The signature of a certificate that signed itself proves nothing, so it is not judged either.
    """
    for index, certificate in enumerate(certificates):
        if index and certificate in roots:
            continue
        if why := key_weakness(certificate):
            yield ChainProblem(
                "weak key",
                f"the key of {subject_name(certificate)} is {why}",
                "RSA of 2048 bits or more, or the curves P-256, P-384, P-521",
                "today's clients refuse it, and it could be forged",
                "get a certificate with a new key (`certbot renew --new-key`)",
            )
        if not issued_by(certificate, certificate) and isinstance(digest := signed_with(certificate), WEAK):
            yield ChainProblem(
                "weak signature",
                f"{subject_name(certificate)} is signed with {digest.name.upper()}",
                "SHA-256 or better",
                "today's clients refuse it, and it could be forged",
                "get a new certificate; the authority's own chain may be out of date",
            )


def use_problems(leaf: x509.Certificate) -> Iterator[ChainProblem]:
    """The problem that the leaf may not be used by a TLS server, if its key usages forbid it.

    RFC 5280, 4.2.1.3 and 4.2.1.12: where key usage and extended key usage exist, they must allow it.
    """
    extended, usage = extension(leaf, x509.ExtendedKeyUsage), extension(leaf, x509.KeyUsage)
    if extended is not None and x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in extended:
        yield not_for_servers("its extended key usage does not name TLS servers")
    elif usage is not None and not (usage.digital_signature or usage.key_encipherment or usage.key_agreement):
        yield not_for_servers("its key may not be used for a TLS handshake (key usage)")
    elif is_other_netscape_type(leaf):
        yield not_for_servers("its Netscape certificate type does not name TLS servers")


def not_for_servers(saw: str) -> ChainProblem:
    """The problem that the leaf may not be used by a TLS server, for the reason `saw`."""
    want = "a certificate for a TLS server"
    return ChainProblem("not for servers", saw, want, "clients refuse it", "ask the authority for a server certificate")


def issuers_for_tests(certificates: Sequence[x509.Certificate], allowed: Sequence[str]) -> Iterator[ChainProblem]:
    """The first staging or test authority among the issuers, by its name: everybody can get a certificate from them.

    `allowed` are patterns (fnmatch) of names to accept.
    """
    issuers = dict.fromkeys(common_name(certificate.issuer) for certificate in certificates)
    for issuer in issuers:
        if TEST.search(issuer) and not any(fnmatch(issuer, pattern) for pattern in allowed):
            yield ChainProblem(
                "test issuer",
                f"it comes from a staging or test authority: {issuer}",
                "a certificate of a real authority",
                "no client trusts it",
                "renew from the real server (`server =` in certbot's renewal configuration); "
                "`allow_issuer:` accepts a test authority",
            )
            return


def time_left(leaf: x509.Certificate, now: datetime) -> timedelta:
    """The time from `now` to the end of the certificate; negative after it."""
    return leaf.not_valid_after_utc - now


def lifetime(leaf: x509.Certificate) -> timedelta:
    """The time from the begin to the end of the certificate."""
    return leaf.not_valid_after_utc - leaf.not_valid_before_utc


def least_time_left(leaf: x509.Certificate, policy: timedelta | None) -> timedelta:
    """The time that must be left: `policy`, or a quarter of the lifetime without one.

    A policy is limited to the time left when certbot renews: a third of the lifetime, or half if that is below 10 days.
    """
    due = lifetime(leaf) / (3 if lifetime(leaf) >= SHORT else 2)
    return min(policy, due) if policy else lifetime(leaf) / QUARTER


def end_in_words(leaf: x509.Certificate, left: timedelta) -> str:
    """When the certificate ends or has ended, for messages. `left` is the time until then."""
    ends = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return f"ends in {show_duration(left)}, on {ends}" if left > timedelta() else f"ended on {ends}"
