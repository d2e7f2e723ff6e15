"""Certificates as a client out there gets them, judged from the handshakes of the machine that audits.

A name that does not resolve there is only unknown where the inventory has `outside` for it. What the service's own node
showed already is not reported again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cryptography import x509

from fleetkeeper.inventory.schema import Undecided, Without
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import HERE, Fleet
from fleetkeeper.readers.pki import chain_problems
from fleetkeeper.readers.pki.certificate_problem import Case
from fleetkeeper.readers.pki.names import common_name
from fleetkeeper.readers.tls_handshakes import Refused
from fleetkeeper.topics.certificates.facts import Facts, ServedCertificate
from fleetkeeper.topics.certificates.policy import Certificate, Outside
from fleetkeeper.topics.certificates.served_certificate import Said, View, fingerprint, leaf_of, serving_containers
from fleetkeeper.transport.commands import Unobservable

WORDS: dict[Refused, str] = {
    "closed": "nothing listens there",
    "not TLS": "it does not speak TLS",
    "refused": "it ended the connection during the handshake",
}
NOWHERE = frozenset({"unresolved", "unreachable"})
OFF = "where it should not be reachable from here, say so: `outside: {none: why}` for the name in the inventory"
LEADS = "compare DNS (`getent hosts`), firewall and proxies with what the server's own node says"


def external_handshakes(fleet: Fleet, certificate: Certificate) -> Iterator[ServedCertificate | Unobservable]:
    """Every handshake for a certificate from the machine that audits, or an Unobservable where one could not be judged.

    Nothing for a port that only we guessed and a name that leads nowhere from here. Raises Unobservable when nobody
    looked from here. Nothing, too, where the inventory says that there is none out there, with `none: why`.
    """
    if isinstance(certificate.outside, Undecided):
        yield Unobservable(f"`outside` is undecided: {certificate.outside.undecided}", OFF)
    if isinstance(certificate.outside, Without):
        return
    mine = [served for served in fleet.of(HERE, Facts).outside if served.name == certificate.name]
    for served in mine:
        if not external_certificates(served) and only_guessed(fleet, certificate, served):
            continue
        if isinstance(served.chain, Unobservable):
            yield Unobservable(f"asked from here, {at(served)}: {served.chain.why}", served.chain.hint or OFF)
        elif served.refused == "unresolved" and certificate.outside is not None:
            yield Unobservable(f"{served.host} does not resolve on the machine that audits ({served.said})", OFF)
        elif served.refused == "unreachable" and not any(item.chain for item in mine if item.port == served.port):
            yield Unobservable(f"asked from here, {at(served)} cannot be reached: {served.said}", OFF)
        elif served.refused not in NOWHERE:
            yield served


def only_guessed(fleet: Fleet, certificate: Certificate, served: ServedCertificate) -> bool:
    """Whether the inventory names no ports for the certificate, and its own nodes serve it on others than this one.

    False where they were seen to serve it on none.
    """
    lines = certificate.ports or (isinstance(certificate.outside, Outside) and certificate.outside.ports)
    ports = {
        handshake.port
        for view in views_on_seen_nodes(fleet, certificate)
        for handshake in view.handshakes
        if external_certificates(handshake)
    }
    return not lines and bool(ports) and served.port not in ports


def at(served: ServedCertificate) -> str:
    """Address and port as `192.0.2.7:443` or `[2001:db8::7]:443`."""
    return f"[{served.host}]:{served.port}" if ":" in served.host else f"{served.host}:{served.port}"


def external_finding(served: ServedCertificate, saw: str, want: str, why: str, hint: str) -> Finding:
    """A finding about one handshake from the machine that audits."""
    return Finding(saw=saw, want=want, why=why, about=f"{served.name} at {at(served)}", hint=hint)


def external_problems(fleet: Fleet, certificate: Certificate, case: Callable[[], Case]) -> Said:
    """A finding for each problem of a chain that clients out there get and that the service's own nodes do not serve.

    One, too, for an address that gives no certificate; an Unobservable for one that could not be judged. `case` gives
    the criteria; it is called only where there is something to judge, and may raise Unobservable. Nothing for a chain
    that the own nodes serve.
    """
    here = own_chains(fleet, certificate)
    for served in external_handshakes(fleet, certificate):
        if isinstance(served, Unobservable):
            yield served
        elif not served.chain:
            yield no_certificate_finding(served)
        elif served.chain not in here:
            for problem in chain_problems.chain_problems(
                chain_problems.load_chain(external_certificates(served)), case()
            ):
                yield external_finding(
                    served, f"served to the world at {at(served)}: {problem.saw}", problem.want, problem.why, LEADS
                )


def no_certificate_finding(served: ServedCertificate) -> Finding:
    """The finding about an address that gives no certificate."""
    why = WORDS.get(served.refused, f"it refused the handshake: {served.said}")
    return external_finding(
        served,
        f"the world gets no certificate at {at(served)}: {why}",
        "the name leads to a port that speaks TLS",
        "that is how clients ask",
        f"{LEADS}; {OFF}" if served.refused == "closed" else LEADS,
    )


def external_certificates(served: ServedCertificate) -> tuple[str, ...]:
    """The chain of a handshake; empty where it could not be seen."""
    return () if isinstance(served.chain, Unobservable) else served.chain


def own_chains(fleet: Fleet, certificate: Certificate) -> set[tuple[str, ...]]:
    """The chains that the service serves for the name on its own nodes; empty where none was seen."""
    return {
        external_certificates(handshake)
        for view in views_on_seen_nodes(fleet, certificate)
        for handshake in view.handshakes
    } - {()}


def views_on_seen_nodes(fleet: Fleet, certificate: Certificate) -> list[View]:
    """The containers that serve the name, on the nodes that were seen."""
    return [
        View(fleet, certificate, *places, facts_of_node(fleet, places[0]))
        for places in serving_containers(fleet, certificate)
    ]


def facts_of_node(fleet: Fleet, node: str) -> Facts:
    """The facts of a node; empty ones where it could not be seen, which other lines of the verdict report."""
    try:
        return fleet.of(node, Facts)
    except Unobservable:
        return Facts()


def external_leaves(
    fleet: Fleet, certificate: Certificate
) -> Iterator[tuple[ServedCertificate, x509.Certificate] | Unobservable]:
    """Each handshake whose leaf no node of the service serves, with that leaf.

    An Unobservable where it could not be judged. That leaf is parsed; raises Unobservable for one that cannot be read.
    """
    leafs = {fingerprint(item) for item in own_chains(fleet, certificate)}
    for served in external_handshakes(fleet, certificate):
        if isinstance(served, Unobservable):
            yield served
        elif served.chain and fingerprint(external_certificates(served)) not in leafs:
            yield served, leaf_of(external_certificates(served))


def differences(fleet: Fleet, certificate: Certificate) -> Said:
    """A finding for each address that serves another certificate than the service itself.

    Nothing where a proxy is declared, or where no node of the service was seen to serve one. An Unobservable for what
    could not be judged, in any case.
    """
    by_proxy = isinstance(certificate.outside, Outside) and certificate.outside.proxy
    compared = own_chains(fleet, certificate) and not by_proxy
    for other in external_leaves(fleet, certificate):
        if isinstance(other, Unobservable):
            yield other
        elif compared:
            served, leaf = other
            yield external_finding(
                served,
                f"{at(served)} serves the world another certificate than the service: one of "
                f"{common_name(leaf.issuer)} that ends {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} (UTC)",
                "the name leads to the service's own certificate",
                "a proxy, an old address or somebody else stands in between, and is renewed by nobody here",
                f"{LEADS}; where a proxy should end TLS, name it: `outside: {{proxy: who}}` in the inventory",
            )


def endings(fleet: Fleet, certificate: Certificate) -> Said:
    """A finding for each certificate that ends soon, among those that only clients out there get.

    An Unobservable for an address that could not be judged. Soon is when less is left than the policy asks for.
    """
    for other in external_leaves(fleet, certificate):
        if isinstance(other, Unobservable):
            yield other
            continue
        served, leaf = other
        left, span = (
            chain_problems.time_left(leaf, fleet.looked_at),
            chain_problems.least_time_left(leaf, certificate.min_left),
        )
        if left < span:
            yield external_finding(
                served,
                f"served to the world at {at(served)}: it {chain_problems.end_in_words(leaf, left)}",
                f"at least {show_duration(span)} left of its {show_duration(chain_problems.lifetime(leaf))}",
                "when it ends, every client refuses it, and it is not certbot's here to renew",
                LEADS,
            )
