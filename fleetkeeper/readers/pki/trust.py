"""Whether a chain leads to a trusted root, by RFC 5280, and if not, where it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509

from fleetkeeper.readers.pki.certificate_problem import Case, ChainProblem, subject_name
from fleetkeeper.readers.pki.issuers import canonical_name, issued_itself
from fleetkeeper.readers.pki.names import common_name
from fleetkeeper.readers.pki.path import LONGEST, Sent, faults, is_valid_at, purpose_faults, weaknesses
from fleetkeeper.readers.pki.roots import by_name

LAST = timedelta(seconds=1)
"""How long before its end a certificate was valid for the last time; dates of certificates are whole seconds."""
POLICIES = ("2.5.29.33", "2.5.29.36", "2.5.29.54")
"""Extensions about policies (RFC 5280, 4.2.1.4 and on): no client on the web requires one."""
UNJUDGED = ("name constraint", "nameConstraints", "unaccounted-for critical extensions", *POLICIES)
"""Parts of the library's messages about what it does not judge."""


def trust_problems(certificates: Sequence[x509.Certificate], case: Case) -> Iterator[ChainProblem]:
    """The problems for which a chain leads to no trusted root. Judged at a time within the leaf's own dates.

    The chain is leaf first and not empty; nothing is yielded when it holds.
    """
    leaf, roots = certificates[0], by_name(case.roots)
    when = max(leaf.not_valid_before_utc, min(case.now, leaf.not_valid_after_utc - LAST))
    sent = Sent(leaf, certificates[1:], roots.by_subject, when)
    if issued_itself(leaf):
        if not sent.anchored:
            yield self_signed(leaf)
        yield from map(broken_chain, faults([leaf], when))
        return
    if not sent.anchored or sent.forged or doubted(sent, roots.others):
        yield untrusted_root(sent.top) if leads_another_way(sent, roots.others) else untrusted_chain(sent, roots.others)
        return
    for why in purpose_faults(sent.way):
        yield broken_chain(why)


def doubted(sent: Sent, helpers: Sequence[x509.Certificate]) -> bool:
    """Whether a path that ends at a trusted root does not hold, by our own checks or by the library's.

    Where the library gives up on what it does not judge, our own checks decide, with those of keys and signatures.
    `helpers` are trusted certificates that are no roots.
    """
    if list(faults(sent.way, sent.when)):
        return True
    why = why_refused(sent, helpers)
    return bool(why) and (not gave_up(why, sent) or any(weaknesses(sent.way)))


def leads_another_way(sent: Sent, helpers: Sequence[x509.Certificate]) -> bool:
    """Whether the library finds a path to a root where OpenSSL, which tries one alone, takes a wrong turn."""
    return not sent.anchored and not sent.namesakes and not why_refused(sent, helpers)


def why_refused(sent: Sent, helpers: Sequence[x509.Certificate]) -> str:
    """Why the library finds no path at all to a root; "" when it finds one.

    `helpers` are certificates that need not have been sent. The message is the library's.
    """
    others = [*sent.others, *helpers]
    named = dict.fromkeys(canonical_name(certificate.issuer) for certificate in (sent.leaf, *others))
    anchors = [root for name in named for root in sent.trusted.get(name, ()) if issued_itself(root)]
    try:
        verifier(anchors, sent.when).verify(sent.leaf, others)
    except (x509.verification.VerificationError, ValueError) as odd:
        return str(odd) or "it is refused"
    return ""


def gave_up(why: str, sent: Sent) -> bool:
    """Whether the library gave up on what it does not judge, and OpenSSL does.

    That is name constraints of some kinds, extensions about policies, critical ones that it does not know, and names
    that are equal although their bytes differ.
    """
    alike = all(below.issuer.public_bytes() == above.subject.public_bytes() for below, above in pairwise(sent.way))
    return not alike or any(sign in why for sign in UNJUDGED)


def verifier(roots: Sequence[x509.Certificate], when: datetime) -> x509.verification.ClientVerifier:
    """A verifier of paths by RFC 5280 with an explicit policy: private authorities lack what the web's must have.

    The web's own policy refuses chains that `openssl verify` accepts. Names and usage of the leaf are judged
    elsewhere, with messages of their own, so the verifier without a name is the right one.
    """
    agnostic = x509.verification.Criticality.AGNOSTIC
    authority = (
        x509.verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, agnostic, must_be_authority)
        .may_be_present(x509.KeyUsage, agnostic, must_sign)
    )
    return (
        x509.verification.PolicyBuilder()
        .store(x509.verification.Store(list(roots)))
        .time(when)
        .max_chain_depth(LONGEST)
        .extension_policies(ca_policy=authority, ee_policy=x509.verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )


def must_be_authority(
    policy: x509.verification.Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints
) -> None:
    """Raise ValueError when the basic constraints do not mark an authority."""
    if not constraints.ca:
        raise ValueError(f"{subject_name(certificate)} is not marked as an authority")


def must_sign(policy: x509.verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    """Raise ValueError when the key usage does not allow to sign certificates. Without that extension it may."""
    if usage is not None and not usage.key_cert_sign:
        raise ValueError(f"{subject_name(certificate)} may not sign certificates")


def untrusted_chain(sent: Sent, helpers: Sequence[x509.Certificate] = ()) -> ChainProblem:
    """The problem for which no path leads to a root: a broken step, a missing intermediate, or an untrusted end.

    That it does not hold is known already: it is not asked here. The first of them that fits, in that order.
    """
    top = sent.top
    ended = [certificate for certificate in sent.way[1:] if not is_valid_at(certificate, sent.when)]
    if ended:
        return broken_chain(f"{subject_name(ended[0])} in its chain {end_in_words(ended[0], sent.when)}")
    if sent.forged:
        below, above = map(subject_name, sent.forged)
        return broken_chain(f"the signature of {below} is not that of {above}")
    if sent.anchored:
        why = [*faults(sent.way, sent.when), *weaknesses(sent.way)]
        return broken_chain(why[0] if why else shortened_message(why_refused(sent, helpers)))
    if same := sent.namesakes:
        return broken_chain(
            f"the authority's key that {subject_name(top)} names is not that of {subject_name(same[0])}"
        )
    if len(sent.way) == 1:
        return incomplete_chain(top)
    return ChainProblem(
        "untrusted",
        f"its chain ends at {subject_name(top)}, issued by {common_name(top.issuer)}, which is not trusted",
        "a chain that ends at a trusted root",
        "clients refuse it unless they were configured to trust that authority",
        "name that authority's PEM file as `ca:` in the inventory, if it is your own",
    )


def shortened_message(text: str) -> str:
    """The library's message without the list of what it tried, at most 200 characters.

    >>> shortened_message("validation failed: candidates exhausted: Forbidden signature algorithm: Algorithm { … }")
    'Forbidden signature algorithm'
    """
    words = [
        part.strip() for part in text.split(":") if part.strip() not in ("validation failed", "candidates exhausted")
    ]
    return next(iter(words), text)[:200]


def end_in_words(certificate: x509.Certificate, now: datetime) -> str:
    """When a certificate ended, or when it begins if it has not ended."""
    ended = now >= certificate.not_valid_after_utc
    return (
        f"ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
        if ended
        else f"begins on {certificate.not_valid_before_utc:%Y-%m-%d}"
    )


def broken_chain(about: str) -> ChainProblem:
    """The problem that a step of the path is invalid, for the reason `about`."""
    return ChainProblem(
        "invalid",
        f"its chain does not hold: {about}",
        "a chain that holds up to a trusted root",
        "clients refuse it",
        "renew the certificate: the new one comes with the authority's present chain",
    )


def untrusted_root(top: x509.Certificate) -> ChainProblem:
    """The problem that the first of two certificates of one authority leads to an untrusted root."""
    return ChainProblem(
        "invalid",
        f"of two certificates of {subject_name(top)} that it sends, the first leads to {common_name(top.issuer)}, "
        "which is not trusted",
        "a chain that leads to a trusted root the first way",
        "browsers try the second one, programs that use OpenSSL do not",
        "leave the first one out of the file, or let it stand behind the other",
    )


def incomplete_chain(leaf: x509.Certificate) -> ChainProblem:
    """The problem that the server does not send the intermediate certificate above the leaf."""
    return ChainProblem(
        "incomplete",
        f"the server does not send the intermediate certificate of {common_name(leaf.issuer)}, who issued it",
        "the whole chain below the root",
        "browsers that saw the intermediate elsewhere take it, curl, mail clients and programs refuse it",
        "name certbot's fullchain.pem in `ssl_certificate`, not cert.pem, then `nginx -t` and `nginx -s reload`; a "
        "private authority is named as `ca:` in the inventory",
    )


def self_signed(leaf: x509.Certificate) -> ChainProblem:
    """The problem that the leaf signed itself and is no trusted root."""
    return ChainProblem(
        "self-signed",
        f"it is self-signed ({subject_name(leaf)}): nobody vouches for it",
        "a certificate of an authority",
        "every client refuses it, or its users learn to click warnings away",
        "get one with certbot; a placeholder is often left when the first issue failed",
    )
