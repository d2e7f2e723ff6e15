"""Facts about the swarm from the output of the script that looks at the engine."""

from __future__ import annotations

from collections.abc import Mapping

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.docker.inspection import is_podman
from fleetkeeper.readers.json_documents import (
    Json,
    flag_in,
    json_document,
    json_documents,
    mapping,
    part,
    parts,
    text_in,
)
from fleetkeeper.readers.numbers import number_in
from fleetkeeper.readers.output_pieces import Piece, pieces_of
from fleetkeeper.topics.services.parse import certificate_validity
from fleetkeeper.topics.swarm.facts import Addresses, Cluster, Facts, Network
from fleetkeeper.transport.commands import Unobservable

BY_ROOT = "set `sudo: true`, or `audit`"
OFF = ("false", "0", "no")
HIDDEN = Unobservable("the sockets of dockerd cannot be seen by this account", hint=BY_ROOT)


def parse(printed: str) -> Facts:
    """The facts of a node that has an engine. Raises Unobservable when the output is cut short, or is not of an engine.

    It is raised too while the node is neither in a swarm nor out of it. What one part cannot show is Unobservable in
    its own field.
    """
    by_name = {piece.name: piece for piece in pieces_of(printed, "the look at the engine")}
    document = mapping(json_document(by_name["info"].text, "`docker info`"), "`docker info`")
    if is_podman(document):
        return Facts("inactive")
    if "ServerVersion" not in document:
        raise Unobservable("`docker info` said nothing about an engine")
    swarm = part(document, "Swarm")
    state = text_in(swarm, "LocalNodeState") or "inactive"
    if state == "inactive":
        return Facts("inactive")
    if state != "active":
        raise Unobservable(f"its part in the swarm is {state[:40]}")
    manages = flag_in(swarm, "ControlAvailable")
    return Facts(
        "manager" if manages else "worker",
        cluster=parse_cluster(part(swarm, "Cluster"), by_name) if manages else None,
        nodes=number_in(swarm, "Nodes"),
        managers=number_in(swarm, "Managers"),
        addresses=or_why(lambda: parse_addresses(by_name.get("state"))),
        ports=or_why(lambda: ports_of(by_name.get("sockets"))),
        node_id=text_in(swarm, "NodeID"),
        remote_managers=tuple(text_in(manager, "NodeID") for manager in parts(swarm, "RemoteManagers")),
    )


def parse_cluster(cluster: Json, by_name: Mapping[str, Piece]) -> Cluster:
    """The swarm, from `docker info` of a manager. Raises Unobservable for a field of the wrong kind."""
    spec, trust = part(cluster, "Spec"), part(cluster, "TLSInfo")
    return Cluster(
        id=text_in(cluster, "ID"),
        autolock=flag_in(part(spec, "EncryptionConfig"), "AutoLockManagers"),
        certificates=number_in(part(spec, "CAConfig"), "NodeCertExpiry") / 1e9,
        authority_since=or_why(lambda: beginning_of(text_in(trust, "TrustRoot"))),
        rotating=flag_in(cluster, "RootRotationInProgress"),
        networks=or_why(lambda: parse_networks(by_name.get("overlays"))),
    )


def beginning_of(authority: str) -> float:
    """When a certificate in PEM begins to be valid, in epoch seconds. Raises Unobservable where that cannot be read."""
    validity = certificate_validity(authority)
    if validity is None or isinstance(validity, Unobservable):
        raise Unobservable("the certificate of the swarm's authority cannot be read")
    return validity.begins


def parse_networks(overlays: Piece | None) -> tuple[Network, ...]:
    """The networks between nodes. Raises Unobservable where the manager did not list them."""
    if overlays is None or overlays.word != "listed":
        raise Unobservable("the manager did not list its networks")
    documents = json_documents(overlays.text, "`docker network inspect`")
    return tuple(parse_network(mapping(document, "network")) for document in documents)


def parse_network(inspected: Json) -> Network:
    """One network. Raises Unobservable for a field of the wrong kind.

    >>> parse_network({"Name": "web", "Options": {"encrypted": ""}})
    Network(name='web', encrypted=True, ingress=False)
    """
    options = part(inspected, "Options")
    word = text_in(options, "encrypted").strip().lower() if "encrypted" in options else OFF[0]
    return Network(text_in(inspected, "Name"), word not in OFF, flag_in(inspected, "Ingress"))


def parse_addresses(state: Piece | None) -> Addresses:
    """The node's addresses in its swarm. Raises Unobservable where this account may not read them.

    >>> parse_addresses(Piece("state", ("read",), ('{"ListenAddr": "192.0.2.1:2377", "DataPathAddr": ""}',)))
    Addresses(listen='192.0.2.1:2377', advertise='', data='')
    """
    if state is None or state.word != "read":
        raise Unobservable("the node's addresses in its swarm cannot be read (docker-state.json)", hint=BY_ROOT)
    document = mapping(json_document(state.text, "docker-state.json"), "docker-state.json")
    return Addresses(*(text_in(document, key) for key in ("ListenAddr", "AdvertiseAddr", "DataPathAddr")))


def ports_of(sockets: Piece | None) -> tuple[str, ...]:
    """The sockets over TCP on which the engine listens. Raises Unobservable where they are hidden."""
    if sockets is None or sockets.word != "seen":
        raise HIDDEN
    return tuple(rest for kind, _, rest in (line.partition(" ") for line in sockets.lines) if kind == "tcp")
