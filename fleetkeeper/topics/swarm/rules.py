"""The rules about the swarm as a whole: each is judged once, by what its managers say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Rule, Subject, the_fleet
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member
from fleetkeeper.topics.swarm.facts import Facts
from fleetkeeper.topics.swarm.swarm_checks import SwarmCheck, judge_swarm
from fleetkeeper.topics.swarm.swarm_view import SwarmView, services_of_managers
from fleetkeeper.transport.commands import Unobservable

EVERYWHERE = ("0.0.0.0", "::", "*", "")  # noqa: S104 - an address that is read, none that is bound
PORT = 2377
"""The port on which a manager takes orders, unless it was told another one."""


def managers_are_few_and_odd(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """The swarm is needed, and its managers are no more than needed, odd in number, and all reachable.

    Each manager can change everything, and an even number of them bears no more losses than one fewer. By the members
    that managers list, against `benchmark: {managers: 7}`. A swarm in which no service is defined is a warning, and so
    are the others, unless enforced. Unknown where no manager was seen.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 5.1 and 7.1;
    https://docs.docker.com/engine/swarm/admin_guide/.
    """
    return judge_swarm(fleet, MANAGERS)


def is_needed(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where there is a swarm in which no service is defined."""
    if not any(facts.services for facts in services_of_managers(fleet, view)):
        why = "each of its nodes listens for the others, and takes orders from managers"
        hint = "`docker swarm leave` ends it; on the last manager for good"
        yield Wrong("there is a swarm, and no service in it", "no swarm where none is needed", why, hint)


def number_of_managers(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for too many managers, for an even number, and for those that the others do not reach."""
    managers = managers_of(fleet, view)
    count = len(managers)
    if count > policy.managers:
        yield Wrong(f"{count} managers", f"{policy.managers} at most", "each of them can change everything")
    if count % 2 == 0:
        why = f"{count} bear no more losses than {count - 1}"
        yield Wrong(f"{count} managers, an even number", "an odd number", why, "`docker node promote` or `demote`")
    lost = sorted(member.hostname for member in managers if member.reachability == "unreachable")
    if lost:
        saw = f"the other managers do not reach {', '.join(lost)}"
        yield Wrong(saw, "managers that are all there", "with half of them gone the swarm takes no orders")


def managers_of(fleet: Fleet, view: SwarmView) -> tuple[Member, ...]:
    """The managers that managers list. Raises Unobservable where there are none: then something was not seen."""
    members = {member.id: member for facts in services_of_managers(fleet, view) for member in facts.members}
    managers = tuple(member for member in members.values() if member.role == "manager")
    if not managers:
        raise Unobservable("the managers list no manager")
    return managers


MANAGERS: Mapping[str, SwarmCheck] = {"5.1": is_needed, "7.1": number_of_managers}


def listens_narrowly(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Managers take orders on one address, and services talk to each other on another network.

    A manager that listens on all addresses takes orders from networks that nobody thought of; who floods the network of
    the services should not reach the managers. By what the engine keeps of its addresses (docker-state.json) or else
    the sockets on which it listens. Both can only be chosen when a node joins. Warnings, unless enforced. The second
    does not apply to a swarm of one node. Unknown where this account may not read that, or no manager was seen.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 7.2 and 7.9; moby, daemon/cluster/noderunner.go.
    """
    return judge_swarm(fleet, LISTENING)


def listens_on_one_address(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each manager that takes orders on all addresses; an Unobservable for one that does not show it."""
    for node, facts in view.managers.items():
        try:
            everywhere = is_open_everywhere(facts)
        except Unobservable as why:
            yield replace(why, why=f"{node}: {why.why}")
            continue
        if everywhere:
            hint = "it cannot be changed in place: leave and join with `--listen-addr`, or a firewall for the port"
            risk = "it takes orders from networks that nobody thought of"
            yield Wrong(f"{node} takes orders as a manager on all addresses", "one address", risk, hint, about=node)
    yield from view.unseen_managers()


def is_open_everywhere(facts: Facts) -> bool:
    """Whether a manager listens on all addresses. Raises Unobservable where neither the engine nor the kernel shows it.

    >>> is_open_everywhere(Facts("manager", ports=("00000000:0949",), addresses=Unobservable("hidden")))
    True
    """
    addresses = facts.addresses
    if isinstance(addresses, Unobservable) or not addresses.listen:
        ports = raise_if_unobservable(facts.ports)
        own = [address for address, _, port in (each.partition(":") for each in ports) if port == f"{PORT:04X}"]
        if not own:
            raise Unobservable("where it takes orders as a manager could not be seen")
        return any(not address.strip("0") for address in own)
    host = addresses.listen.rpartition(":")[0] or addresses.listen
    return host.strip("[]") in EVERYWHERE


def data_and_orders_are_apart(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each node on which both take the same way; an Unobservable for one that does not show it."""
    if view.size == 1:
        raise NotApplicable("the swarm has one node")
    for node, facts in view.nodes.items():
        if isinstance(facts.addresses, Unobservable):
            yield replace(facts.addresses, why=f"{node}: {facts.addresses.why}")
        elif is_same_way(facts.addresses.data, facts.addresses.advertise):
            why = "who floods the one reaches the other"
            hint = "`--data-path-addr` when a node joins; it needs a second interface"
            saw = f"what services say to each other takes the same way as orders on {node}"
            yield Wrong(saw, "a network of its own for it", why, hint, about=node)
    yield from view.dark


def is_same_way(data: str, advertise: str) -> bool:
    """Whether services talk to each other on the address on which the swarm's nodes do.

    >>> is_same_way("", "192.0.2.1:2377"), is_same_way("192.0.2.1", "192.0.2.1:2377")
    (True, True)
    >>> is_same_way("10.0.0.1", "192.0.2.1:2377")
    False
    """
    return not data or data in (advertise, advertise.rpartition(":")[0].strip("[]"))


LISTENING: Mapping[str, SwarmCheck] = {"7.2": listens_on_one_address, "7.9": data_and_orders_are_apart}


def networks_are_encrypted(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Each network between the swarm's nodes is encrypted.

    Everybody between the nodes reads what services say to each other. By the option `encrypted` of each overlay
    network, as a manager lists them; the swarm's own `ingress` is left out. Warnings, unless enforced. Does not apply
    to a swarm of one node. Unknown where no manager was seen.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 7.3; https://docs.docker.com/engine/network/drivers/overlay/.
    """
    return judge_swarm(fleet, NETWORKS)


def encrypted_networks(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong | Unobservable]:
    """A Wrong for each network between nodes that is not encrypted."""
    if view.size == 1:
        raise NotApplicable("the swarm has one node")
    for cluster in view.clusters:
        if isinstance(cluster.networks, Unobservable):
            yield cluster.networks
            continue
        for network in cluster.networks:
            if not network.encrypted and not network.ingress:
                why = "everybody between the nodes reads what services say to each other"
                hint = "`driver_opts: {encrypted: ''}` on a new network; it needs IP protocol 50, and costs speed"
                saw = f"the network {network.name} is not encrypted"
                yield Wrong(saw, "the option `encrypted`", why, hint, about=network.name)


NETWORKS: Mapping[str, SwarmCheck] = {"7.3": encrypted_networks}


def keeps_secrets(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Services are given what is secret by the swarm, as files, and not in their environment.

    A password in the environment is read by every process and by every `docker inspect`. By the names of variables,
    such as DB_PASSWORD (`*_FILE` is the name of a file); values are never looked at, so `benchmark: {plain_variables:
    [NAME]}` names those that hold no secret. Warnings, unless enforced. Unknown where no manager was seen.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 7.4; https://docs.docker.com/engine/swarm/secrets/.
    """
    return judge_swarm(fleet, SECRETS)


def secrets_in_environments(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for each service with variables that look as if they were secret."""
    services = {each.name: each for facts in services_of_managers(fleet, view) for each in facts.services}
    for service in services.values():
        plain = [name for name in service.exposed if any(fnmatchcase(name, glob) for glob in policy.plain_variables)]
        names = [name for name in service.exposed if name not in plain]
        if names:
            why = "every process in it, and whoever may ask the engine, can read that"
            saw = f"{service.name} has {', '.join(names)} in its environment"
            yield Wrong(saw, "secrets of the swarm", why, "`secrets:`, and `*_FILE` variables", about=service.name)


SECRETS: Mapping[str, SwarmCheck] = {"7.4": secrets_in_environments}


def is_locked_as_meant(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Managers of the swarm wait for a key after a restart, or do not, as the inventory says.

    Whoever takes the disk of a manager has the keys of the swarm, unless they are locked; but then a manager waits for
    a hand with the key after every restart, and a swarm with one manager is down at each boot. By the swarm's own
    setting, against `benchmark: {autolock: true}`. A warning, unless enforced. Unknown where no manager was seen.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 7.5;
    https://docs.docker.com/engine/swarm/swarm_manager_locking/.
    """
    return judge_swarm(fleet, LOCK)


def managers_are_locked(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where managers are locked and should not be, or the other way round."""
    for cluster in view.clusters:
        if policy.autolock and not cluster.autolock:
            why = "whoever takes the disk of a manager has the keys of the swarm"
            hint = "`docker swarm update --autolock=true`, or `benchmark: {autolock: false}` where nobody comes"
            yield Wrong("managers start without a key", "managers that wait for one (autolock)", why, hint)
        elif cluster.autolock and not policy.autolock:
            why = "after a restart a manager waits for somebody with the key"
            yield Wrong("managers wait for a key after a restart", "managers that come back by themselves", why)


LOCK: Mapping[str, SwarmCheck] = {"7.5": managers_are_locked}


def certificates_are_short(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Certificates of the swarm's nodes end soon, and its authority is not too old.

    A stolen one is worth as much as it has time left. By the swarm's own setting and the certificates that nodes have,
    against `benchmark: {node_certificates: 90 d}`; the authority's age against `{swarm_ca_age: …}`, which does not
    apply without that line. Warnings, unless enforced. Unknown where no manager was seen.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 7.7 and 7.8; https://docs.docker.com/engine/swarm/how-swarm-mode-works/pki/.
    """
    return judge_swarm(fleet, CERTIFICATES)


BACKDATED = timedelta(hours=2)
"""A certificate begins an hour before it is made (swarmkit, ca/certificates.go); its time is that much longer."""


def certificates_of_nodes(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong | Unobservable]:
    """A Wrong where certificates of nodes last longer than the inventory lets be; an Unobservable if nobody says."""
    most, want = policy.node_certificates, f"{show_duration(policy.node_certificates)} at most"
    why = "a stolen one is worth as much as it has time left"
    for cluster in view.clusters:
        span = timedelta(seconds=cluster.certificates)
        if not span:
            yield Unobservable("the manager did not say how long certificates of nodes last")
        if span > most:
            hint = "`docker swarm update --cert-expiry …`; a node that is off for longer must join again"
            yield Wrong(f"certificates of nodes last {show_duration(span)}", want, why, hint)
    for node in view.nodes:
        certificate = fleet.of(node, Services).certificate
        if certificate is not None and not isinstance(certificate, Unobservable):
            span = timedelta(seconds=certificate.ends - certificate.begins)
            if span > most + BACKDATED:
                yield Wrong(f"the certificate of {node} lasts {show_duration(span)}", want, why, about=node)


def age_of_authority(fleet: Fleet, view: SwarmView, policy: Benchmark) -> Iterator[Wrong | Unobservable]:
    """A Wrong where the swarm's authority is older than the inventory lets be."""
    if policy.swarm_ca_age is None:
        raise NotApplicable("no age of the swarm's authority is named (`benchmark: {swarm_ca_age: …}`)")
    for cluster in view.clusters:
        if isinstance(cluster.authority_since, Unobservable):
            yield cluster.authority_since
            continue
        age = timedelta(seconds=fleet.looked_at.timestamp() - cluster.authority_since)
        if age > policy.swarm_ca_age:
            want = f"{show_duration(policy.swarm_ca_age)} at most"
            hint = "a new one is being spread" if cluster.rotating else "`docker swarm ca --rotate`, with every node up"
            saw = f"the swarm's authority is {show_duration(age)} old"
            yield Wrong(saw, want, "its key is on every manager", hint)


CERTIFICATES: Mapping[str, SwarmCheck] = {"7.7": certificates_of_nodes, "7.8": age_of_authority}

DECIDED = "how a swarm is set up is decided by people, and most of it when it is made"
RULES: tuple[Rule, ...] = tuple(
    Rule("swarm", judge, the_fleet, looks_at, DECIDED, in_editions(*checks))
    for judge, checks, looks_at in (
        (managers_are_few_and_odd, MANAGERS, (Facts, Services)),
        (listens_narrowly, LISTENING, (Facts,)),
        (networks_are_encrypted, NETWORKS, (Facts,)),
        (keeps_secrets, SECRETS, (Facts, Services)),
        (is_locked_as_meant, LOCK, (Facts,)),
        (certificates_are_short, CERTIFICATES, (Facts, Services)),
    )
)
