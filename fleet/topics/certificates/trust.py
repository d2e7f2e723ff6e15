"""Whether a chain leads to a trusted root, by RFC 5280, and if not, where it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification

from fleet.topics.certificates.names import common_name
from fleet.topics.certificates.problem import Case, Problem, issued_by, subject
from fleet.topics.certificates.roots import Roots

LONGEST = 10


def trusted(certificates: Sequence[x509.Certificate], case: Case) -> Iterator[Problem]:
    """Whether a path leads to a root, and if not, where it ends. Judged within the leaf's own dates."""
    leaf, others = certificates[0], list(certificates[1:])
    if issued_by(leaf, leaf):
        if leaf not in case.roots:
            yield self_signed(leaf)
        return
    when = min(max(case.now, leaf.not_valid_before_utc), leaf.not_valid_after_utc)
    try:
        verifier(case.roots, when).verify(leaf, others)
    except verification.VerificationError as odd:
        yield untrusted(path(leaf, others, case.roots), case, str(odd))


def verifier(roots: Roots, when: datetime) -> verification.ClientVerifier:
    """Path building by RFC 5280 with an explicit policy: private authorities leave out what the web's must have.

    The web's own policy refuses chains that `openssl verify` takes. Names and usage of the leaf are judged
    elsewhere, with words of their own, so the verifier without a name is the right one.
    """
    agnostic = verification.Criticality.AGNOSTIC
    authority = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, agnostic, must_be_authority)
        .may_be_present(x509.KeyUsage, agnostic, must_sign)
    )
    return (
        verification.PolicyBuilder()
        .store(verification.Store(list(roots)))
        .time(when)
        .max_chain_depth(LONGEST)
        .extension_policies(ca_policy=authority, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )


def must_be_authority(policy: verification.Policy, one: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError(f"{subject(one)} is not marked as an authority")


def must_sign(policy: verification.Policy, one: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError(f"{subject(one)} may not sign certificates")


def path(leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Roots) -> list[x509.Certificate]:
    """From the leaf as far up as an issuer can be found."""
    found = [leaf]
    while len(found) <= LONGEST and found[-1] not in roots and not issued_by(found[-1], found[-1]):
        above = [one for one in (*roots, *others) if one not in found and issued_by(found[-1], one)]
        if not above:
            break
        found.append(above[0])
    return found


def untrusted(found: Sequence[x509.Certificate], case: Case, said: str) -> Problem:
    """Why no path leads to a root: something in it is broken, it is cut short, or it ends where nobody trusts it."""
    top = found[-1]
    ended = [one for one in found[1:] if not one.not_valid_before_utc <= case.now <= one.not_valid_after_utc]
    if top in case.roots or ended:
        about = f"{subject(ended[0])} in its chain ended on {ended[0].not_valid_after_utc:%Y-%m-%d}" if ended else said
        return Problem(
            "invalid",
            f"its chain does not hold: {about}",
            "a chain that holds up to a trusted root",
            "clients refuse it",
            "renew the certificate: the new one comes with the authority's present chain",
        )
    if len(found) == 1:
        return incomplete(top)
    return Problem(
        "untrusted",
        f"its chain ends at {subject(top)}, issued by {common_name(top.issuer)}, which is not trusted",
        "a chain that ends at a trusted root",
        "clients refuse it unless they were told to trust that authority",
        "name that authority's PEM file as `ca:` in the inventory, if it is your own",
    )


def incomplete(leaf: x509.Certificate) -> Problem:
    return Problem(
        "incomplete",
        f"the server does not send the intermediate certificate of {common_name(leaf.issuer)}, who issued it",
        "the whole chain below the root",
        "browsers that saw the intermediate elsewhere take it, curl, mail clients and programs refuse it",
        "name certbot's fullchain.pem in `ssl_certificate`, not cert.pem, then `nginx -t` and `nginx -s reload`; a "
        "private authority is named as `ca:` in the inventory",
    )


def self_signed(leaf: x509.Certificate) -> Problem:
    return Problem(
        "self-signed",
        f"it is self-signed ({subject(leaf)}): nobody vouches for it",
        "a certificate of an authority",
        "every client refuses it, or its users learn to click warnings away",
        "get one with certbot; a placeholder is often left when the first issue failed",
    )
