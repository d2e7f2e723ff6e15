"""The name as the world sees it: asked from the machine that audits, where the inventory has it as a node.

A proxy, a wrong DNS record or a firewall in between does not show on the server's own node. A node with
`connection: local` is the machine that audits; without one, nothing is asked from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fleet.commands import Command, Output, Unobservable
from fleet.facts import Fleet
from fleet.rules import Finding
from fleet.schema import Node
from fleet.topics.certificates import chain, scripts
from fleet.topics.certificates.facts import Facts, Served
from fleet.topics.certificates.policy import Certificate
from fleet.topics.certificates.probes import HTTPS, judged, options
from fleet.topics.certificates.problem import Case
from fleet.topics.certificates.views import View, fingerprint, placed

Asked = Mapping[Command, Output]


def questions(node: Node, certificates: Iterable[Certificate]) -> dict[tuple[str, int], Command]:
    """What is asked from this node, by name and port."""
    if node.connection != "local":
        return {}
    pairs = [(one.name, port) for one in certificates for port in one.ports or (HTTPS,)]
    return {(name, port): scripts.from_outside(name, port, options(name)) for name, port in pairs}


def answers(asked: Mapping[tuple[str, int], Command], answered: Asked) -> tuple[Served, ...]:
    """What came back; a name that does not resolve from here is left out."""
    told = {pair: answered[command] for pair, command in asked.items()}
    return tuple(
        judged(Served(name, "", port, host=name), {"now": answer})
        for (name, port), answer in told.items()
        if answer.rc != scripts.UNRESOLVED
    )


def seen_from_outside(fleet: Fleet, certificate: Certificate) -> Iterator[tuple[str, Served]]:
    """Each handshake by the name itself, and the node that made it."""
    for name, node in fleet.inventory.nodes.items():
        if node.connection == "local":
            yield from ((name, one) for one in fleet.of(name, Facts).outside if one.name == certificate.name)


def problems(fleet: Fleet, certificate: Certificate, case: Case) -> Iterator[Finding | Unobservable]:
    """What a client on the machine that audits would complain about."""
    for node, served in seen_from_outside(fleet, certificate):
        about = f"{served.name}:{served.port} from {node}"
        if isinstance(served.chain, Unobservable):
            yield Unobservable(f"asked by its name from {node}: {served.chain.why}", served.chain.hint, node)
            continue
        if not served.chain:
            yield Finding(
                saw=f"asked by its name from {node}, port {served.port} gives no certificate ({served.said})",
                want="the name leads to a port that speaks TLS",
                why="that is how clients ask",
                node=node,
                about=about,
                hint="compare DNS, firewall and proxies with what the server's own node says",
            )
            continue
        for one in chain.problems(chain.load(served.chain), case):
            saw = f"asked by its name from {node}, port {served.port}: {one.saw}"
            yield Finding(saw=saw, want=one.want, why=one.why, node=node, about=about, hint=one.hint)


def differences(fleet: Fleet, certificate: Certificate) -> Iterator[Finding]:
    """Whether the name leads to the certificate that the service itself serves."""
    here = {
        fingerprint(served.chain)
        for node, container in placed(fleet, certificate)
        for served in View(fleet, certificate, node, container, fleet.of(node, Facts)).handshakes
        if served.chain and not isinstance(served.chain, Unobservable)
    }
    for node, served in seen_from_outside(fleet, certificate):
        if isinstance(served.chain, Unobservable) or not served.chain or not here:
            continue
        if fingerprint(served.chain) not in here:
            yield Finding(
                saw=f"asked by its name from {node}, port {served.port} serves another certificate than the service",
                want="the name leads to the service's own certificate",
                why="a proxy, an old address or somebody else stands in between, and is renewed by nobody here",
                node=node,
                about=f"{served.name}:{served.port} from {node}",
                hint="see where the name leads (`getent hosts`), and which machine answers there",
            )
