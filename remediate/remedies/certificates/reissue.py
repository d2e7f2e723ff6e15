"""A new certificate in place of one that no client accepts, where certbot keeps it and the inventory allows it.

Renewing would not mend it: certbot renews what ends soon, with the names and the authority that it had. So it gets one
with the inventory's names, once, and is forced although the old one is not due: that one is of no use to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import rsa

from fleetkeeper.inventory.schema import Undecided, Without
from fleetkeeper.judging.finding import Finding
from fleetkeeper.readers.pki.certificate_problem import Kind
from fleetkeeper.readers.pki.names import alternatives, covers
from fleetkeeper.topics.certificates.facts import Lineage, ServedCertificate
from fleetkeeper.topics.certificates.policy import Acme, Policy
from fleetkeeper.topics.certificates.served_certificate import (
    View,
    configured,
    directive,
    leaf_of,
    lineages_of,
    newest_lineage,
    served_path,
)
from fleetkeeper.untrusted import shown_word
from remediate.plan import ForAPerson, Plan
from remediate.remedies.certificates.certbot import NOT_UNDONE, RELOADED, ServingContainer
from remediate.remedies.certificates.renewal import Answer, account_options, on_node

MENDED: frozenset[Kind] = frozenset(
    {
        "wrong name",
        "self-signed",
        "incomplete",
        "test issuer",
        "invalid",
        "weak key",
        "weak signature",
        "not for servers",
    }
)
"""Kinds of problems that another certificate of the right authority mends."""
OTHERWISE: frozenset[Kind] = frozenset({"wrong name", "test issuer"})
"""Kinds of problems that a renewal, even one that is due, would bring again."""
MISMATCH = "key values mismatch"
"""OpenSSL's message for a certificate and a key that do not match, as nginx repeats it."""
STAGING = re.compile(r"staging|[./-]test", re.IGNORECASE)
"""Addresses of authorities that nobody trusts: those of Let's Encrypt, Google and Buypass say so."""


def reissue_plan(view: View, served: ServedCertificate, kinds: Iterable[Kind], finding: Finding) -> Answer:
    """The plan that replaces what is served, if it is certbot's own file and another would be better; or why not.

    `kinds` are the problems of what is served. Raises Unobservable for a file or configuration that was not seen.
    """
    lineage = newest_lineage(lineages_of(view)) or served_from(view, served)
    if not MENDED & set(kinds):
        return ForAPerson("another certificate would not mend this", finding.hint)
    if lineage is None:
        return ForAPerson(
            f"certbot has no certificate for {view.certificate.name} that could be served instead",
            f"first get it: see certificates.will_renew. Then\n{points_to(view, served, None)}",
        )
    path = served_path(view, served, lineage)
    if path != lineage.path:
        return ForAPerson(
            f"nginx serves {path}, which is not certbot's {lineage.path}", points_to(view, served, lineage)
        )
    if "test issuer" in kinds and not STAGING.search(lineage.server):
        return ForAPerson(
            f"certbot gets it from {lineage.server or 'an unknown server'}: another would be alike", finding.hint
        )
    return new_pair(view, served, lineage, finding)


def served_from(view: View, served: ServedCertificate) -> Lineage | None:
    """The lineage whose file nginx serves for a name that no lineage is for: it can be widened. None without one.

    Where the inventory names the lineage, no other one is touched. Raises Unobservable for a file that was not seen.
    The first of several.
    """
    if view.certificate.lineage:
        return None
    paths = [file.path for file in configured(view, served) or ()]
    return next((lineage for lineage in view.inside.lineages if lineage.path in paths), None)


def new_key(view: View, finding: Finding) -> Answer:
    """The plan that replaces certificate and key, when the key on disk does not match: nginx would refuse the pair.

    The finding is about a lineage's path. ForAPerson when certbot does not keep that, nothing is served, or nginx
    refuses its configuration for another reason. Raises Unobservable for what was not seen.
    """
    lineage = next((lineage for lineage in lineages_of(view) if lineage.path == finding.about), None)
    served = next((handshake for handshake in view.handshakes if handshake.chain), None)
    if lineage is None or served is None:
        return ForAPerson(f"certbot does not keep {finding.about}, so it cannot replace it", finding.hint)
    server = view.inside.nginx
    if server is None or (server.broken and MISMATCH not in server.broken):
        return ForAPerson(
            f"nginx refuses its configuration: {server.broken}" if server else "there is no nginx", finding.hint
        )
    return new_pair(view, served, lineage, finding)


def new_pair(view: View, served: ServedCertificate, lineage: Lineage, finding: Finding) -> Answer:
    """The plan: certbot once, then what every renewal ends with; or why a person must act.

    That is: certbot or its configuration is missing, or the inventory's `acme` has no webroot. Raises Unobservable for
    a port or file that was not seen.
    """
    acme = view.certificate.acme
    names, dropped = new_and_dropped_names(view, lineage)
    if not view.inside.certbot or not lineage.configured:
        return ForAPerson("certbot is not there, or has lost the renewal configuration", finding.hint)
    if not isinstance(acme, Acme) or not acme.webroot:
        return ForAPerson(not_allowed(acme), reissue_by_hand(view, lineage, names))
    server = ServingContainer(view)
    words = (
        *certonly_command(view, lineage, names),
        "--webroot",
        "-w",
        acme.webroot,
        *account_options(acme_account(acme, lineage)),
    )
    says = f"get another certificate for {', '.join(names)}"
    return Plan(
        steps=(server.certbot(*words, says=says), *server.reload(served, lineage.path)),
        disturbs=("reload",),
        disturbance=RELOADED,
        undo=NOT_UNDONE,
        success="what is served is valid, on a fresh look",
        requires=(server.still_served(served), server.no_other_certbot()),
        notes=(f"the new one is no longer for {', '.join(dropped)}: neither the inventory nor nginx asks for it",)
        if dropped
        else (),
    )


def new_and_dropped_names(view: View, lineage: Lineage) -> tuple[list[str], list[str]]:
    """(names of the new certificate, names of the old one that nobody asks for any more).

    The new names are the inventory's, and those of the old ones that the inventory or a site of nginx has. Raises
    Unobservable when the old chain cannot be read.
    """
    acme = view.certificate.acme
    names = [view.certificate.name, *(acme.names if isinstance(acme, Acme) else ())]
    names_to_keep = [certificate.name for certificate in view.fleet.inventory.section(Policy).certificates]
    sites = view.inside.nginx.sites if view.inside.nginx else ()
    names_to_keep += [name for site in sites for name in site.names]
    old = alternatives(leaf_of(lineage.chain)) if lineage.chain else ()
    kept = [item for item in old if any(item == name or covers(item, name) for name in names_to_keep)]
    names = list(dict.fromkeys([*names, *kept]))
    return names, [item for item in old if item not in names]


def certonly_command(view: View, lineage: Lineage, names: Iterable[str]) -> tuple[str, ...]:
    """The words after `certbot` that replace the lineage's certificate by one for `names`; its kind of key stays.

    Raises Unobservable when the old certificate cannot be read.
    """
    domains = [word for name in names for word in ("--domain", name)]
    kind = ("--key-type", "rsa" if is_rsa(lineage) else "ecdsa")
    forced = ("--force-renewal", "--renew-with-new-domains")
    return ("certonly", "--non-interactive", "--cert-name", lineage.name, *domains, *kind, *forced)


def is_rsa(lineage: Lineage) -> bool:
    """Whether the lineage's key is RSA: certbot asks before it changes that.

    False without a certificate on disk. Raises Unobservable for one that cannot be read.
    """
    return bool(lineage.chain) and isinstance(leaf_of(lineage.chain).public_key(), rsa.RSAPublicKey)


def acme_account(acme: Acme, lineage: Lineage) -> Acme:
    """`acme` with a server: the inventory's, else the lineage's, but None (certbot's default) for a staging server."""
    server = acme.server or (None if STAGING.search(lineage.server) else lineage.server or None)
    return acme.model_copy(update={"server": server})


def not_allowed(acme: object) -> str:
    """Why certbot must not replace the certificate: the inventory forbids it, leaves it open, or does not say how."""
    if isinstance(acme, Undecided):
        return f"the inventory leaves open how it is renewed: {acme.undecided}"
    if isinstance(acme, Without):
        return f"the inventory says that certbot does not renew it: {acme.none}"
    return "certbot could replace it, and the inventory does not say how"


def reissue_by_hand(view: View, lineage: Lineage, names: Iterable[str]) -> str:
    """Instructions for a person: what to add to the inventory, or the commands.

    Raises Unobservable when the old certificate cannot be read, Untrusted for a name that no shell can take.
    """
    command = on_node(view, "certbot", *certonly_command(view, lineage, names), "--webroot", "-w", "DIRECTORY")
    return (
        "write `acme: {agree_tos: true, webroot: DIRECTORY, email: …}` for it in the inventory and call `remediate` "
        f"again; or {command}, then `nginx -t && nginx -s reload` there"
    )


def points_to(view: View, served: ServedCertificate, lineage: Lineage | None) -> str:
    """Instructions for a person: what to change in nginx' configuration, and where, so that the lineage is served.

    Without a lineage (None), the path that certbot's usual one would have. Raises Untrusted for a path that no shell
    can take.
    """
    live = (
        lineage.path
        if lineage
        else f"/etc/letsencrypt/live/{view.certificate.lineage or view.certificate.name}/fullchain.pem"
    )
    live, key = shown_word(live), shown_word(live.replace("fullchain.pem", "privkey.pem"))
    where = directive(view, served)
    return (
        f"1. let {where or '`ssl_certificate`'} be `ssl_certificate {live};`, and the key beside it "
        f"`ssl_certificate_key {key};`\n"
        f"2. {on_node(view, 'nginx', '-t')}\n"
        f"3. only when that succeeds, {on_node(view, 'nginx', '-s', 'reload')}\n"
        "4. where that file comes from an image or a stack file, change it there too, for the next container"
    )
