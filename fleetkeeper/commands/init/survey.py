"""Looking at hosts that no inventory has yet: rights, containers, swarm, backups, certificates. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.commands.host_key_trust import Ask, TrustSession, compare_keys
from fleetkeeper.commands.init.backup_jobs import backup_jobs, scripts_to_read
from fleetkeeper.commands.init.dump_listings import SurveyContext, backups_of
from fleetkeeper.commands.init.gpu_survey import found_gpus
from fleetkeeper.commands.init.hosts import (
    ENGINES,
    HERE,
    PROBE,
    member_of,
    parse_probe,
    provisional_inventory,
    unique_node_name,
    with_engines,
)
from fleetkeeper.commands.init.project_survey import compose_projects
from fleetkeeper.commands.init.service_survey import services_of
from fleetkeeper.commands.init.sites import serving, sites_of
from fleetkeeper.commands.init.stack_sources import services_of_stacks, stack_files_near, stack_names
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.inventory.survey_results import (
    Backups,
    Findings,
    FoundDatabase,
    FoundService,
    Machine,
    Scheduled,
    Stranger,
)
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.readers.cron import snapshot as schedules
from fleetkeeper.readers.cron.snapshot import ask as questions
from fleetkeeper.readers.cron.snapshot import list_schedules
from fleetkeeper.topics import registry
from fleetkeeper.topics.backups.coverage.facts import Facts as Coverage
from fleetkeeper.topics.backups.coverage.holdings import uncovered_databases
from fleetkeeper.topics.certificates.listening.facts import Facts as Listening
from fleetkeeper.topics.certificates.rules.listening import judged_port
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.idle_reasons import managers, swarm_facts
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.pool import Links
from fleetkeeper.untrusted import one_line

FIRST = ("nodes", "containers", "services", "coverage", "listening")


class NotTrusted(Exception):
    """The host key of a host is not trusted, so no command was run there. The message is the host's address."""


@dataclass
class Survey:
    """One look at hosts.

    `path` is where the inventory will be; host keys are written beside it once a person has confirmed them. `say`
    prints a line, `ask` asks a person (None: nobody is there), `fingerprints` are host keys to trust. `machines` are
    the hosts that were looked at, by node name.
    """

    path: Path
    say: Callable[[str], None]
    ask: Ask | None = None
    fingerprints: Collection[str] = ()
    ssh_config: str | None = None
    machines: dict[str, Machine] = field(default_factory=dict)

    def all(self, nodes: Sequence[Node], *, follow: bool) -> Findings:
        """Everything that is found on the nodes, and with `follow` on all members of their swarm.

        Raises NotTrusted for a host key that nobody trusts, or UsageError for an invalid host.
        """
        for node in nodes:
            self.arrive(node)
        with self.links() as links:
            fleet = self.first_look(links)
        while follow and (more := list(self.members(fleet))):
            for node in more:
                self.arrive(node)
            with self.links() as links:
                fleet = self.first_look(links)
        with self.links() as links:
            return self.found(fleet, links)

    @property
    def inventory(self) -> Inventory:
        """A provisional inventory of the machines so far."""
        return provisional_inventory((machine.node for machine in self.machines.values()), self.path)

    def links(self) -> Links:
        """New links to the machines that were found so far."""
        return Links(self.inventory, self.ssh_config)

    def arrive(self, node: Node) -> None:
        """Trust a host, and add it to `machines` with the rights that the account has.

        One that cannot be reached gets `trouble`. Raises NotTrusted. Says what it looks at. The host is asked (PROBE,
        ENGINES) once its key is trusted.
        """
        nodes = [machine.node for machine in self.machines.values()]
        node = node.model_copy(update={"name": unique_node_name(node.name, list(self.machines))})
        inventory = provisional_inventory([*nodes, node], self.path)
        self.say(f"looking at {node.address or 'this machine'}" + (f", port {node.port}" if node.port else ""))
        try:
            self.trust(inventory, node)
            with Links(inventory, self.ssh_config) as links:
                answer, engines = links.to(node).ask([PROBE, ENGINES])
            machine = with_engines(parse_probe(node, answer, list(self.machines)), engines)
        except Unobservable as why:
            self.say(f"  {one_line(why.why)}" + (f"\n  hint: {why.hint}" if why.hint else ""))
            machine = Machine(node, trouble=one_line(why.why))
        self.machines[machine.node.name] = machine

    def trust(self, inventory: Inventory, node: Node) -> None:
        """Offer to trust a host key that is not known.

        Raises NotTrusted, or Unobservable for a host that does not answer. A person is asked; nothing is done for a key
        that is trusted, or for this machine.
        """
        from fleetkeeper.transport.ssh.known_hosts import KeyStatus

        if node.connection == HERE or compare_keys(inventory, node, self.ssh_config).ruling is KeyStatus.TRUSTED:
            return
        if not TrustSession(inventory, self.say, self.ask, self.fingerprints, self.ssh_config).one(node):
            raise NotTrusted(node.address)

    def first_look(self, links: Links) -> Fleet:
        """The facts about clocks, containers and the swarm. Adds time zone and part in the swarm to `machines`.

        Nothing is raised for a node that cannot be seen.
        """
        observers = {
            name: observer for name, observer in registry.observers_in(registry.TOPICS).items() if name in FIRST
        }
        fleet = look_at_fleet(self.inventory, links.to, observers, datetime.now(UTC))
        self.machines = {name: describe_machine(machine, fleet) for name, machine in self.machines.items()}
        return fleet

    def strangers(self, fleet: Fleet) -> list[Stranger]:
        """The members of the swarm that were not looked at and are not down."""
        seen = {facts.node_id for facts in swarm_facts(fleet)}
        tried = {machine.node.address for machine in self.machines.values()}
        members = {member.id: member for facts in managers(fleet) for member in facts.members}
        return [
            Stranger(member.hostname, member.address)
            for member in members.values()
            if member.id not in seen and member.address not in tried and member.state != "down"
        ]

    def members(self, fleet: Fleet) -> Iterator[Node]:
        """The `strangers` as nodes, reached as the first manager is; none without a manager.

        Raises UsageError for an invalid address.
        """
        manager = next((machine.node for machine in self.machines.values() if machine.swarm == "manager"), None)
        taken = list(self.machines)
        for stranger in self.strangers(fleet) if manager else ():
            node = member_of(stranger, manager, taken)  # type: ignore[arg-type]
            taken.append(node.name)
            yield node

    def found(self, fleet: Fleet, links: Links) -> Findings:
        """Everything that goes into the inventory: machines, services, backups and certificates.

        Asks the nodes about schedules, dumps and sites; what could not be seen is `unseen` in it.
        """

        def ask(node: str, commands: Sequence[Command]) -> list[Output]:
            """The outputs of commands on a node, by the node's name. Raises Unobservable."""
            return links.to(self.inventory.nodes[node]).ask(commands)

        unseen = [line for node, line in unseen_parts(fleet) if not self.machines[node].trouble]
        services = services_of(fleet)
        scheduled = list(self.scheduled(ask, unseen))
        places = [
            seen_container for seen_container in placement.seen_containers(fleet) if seen_container.container.running
        ]
        backups, more = self.backups(SurveyContext(fleet, self.machines, scheduled, ask), services, places)
        unseen += more
        sites = sites_of(list(serving(places, services)), ask, unseen)
        return Findings(
            self.path.stem,
            tuple(self.machines.values()),
            services,
            backups,
            tuple(sites),
            tuple(self.strangers(fleet)),
            tuple(dict.fromkeys(unseen)),
            tuple(
                node for (node, topic), fact in fleet.facts.items() if topic == "containers" and is_unobservable(fact)
            ),
            tuple(scheduled),
            tuple(running_databases(fleet)),
            tuple(tls_in_words(fleet)),
            stack_names(fleet),
            stack_files_near(self.path, services_of_stacks(fleet)),
            tuple(compose_projects(fleet)),
            found_gpus(fleet, self.machines.values(), services),
        )

    def backups(
        self, context: SurveyContext, services: Sequence[FoundService], places: Sequence[Placement]
    ) -> tuple[Backups | None, list[str]]:
        """The dumps of the database that has most of them, None without any; and what could not be seen.

        Of equal ones, what the database's own container makes.
        """
        unseen: list[str] = []
        candidates: list[Backups] = []
        databases = [service for service in services if service.database]
        beside = [
            location
            for location in places
            if not any(location.container.belongs_to(database.name) for database in databases)
        ]
        for database in databases:
            mine = [location for location in places if location.container.belongs_to(database.name)]
            backups, more = backups_of(context, database, mine, beside)
            unseen += more
            candidates += [backups] if backups else []
        return max(candidates, key=lambda each: (each.number, not each.maker), default=None), unseen

    def scheduled(
        self, ask: Callable[[str, Sequence[Command]], list[Output]], unseen: list[str]
    ) -> Iterator[Scheduled]:
        """What looks like a backup in the schedules of every node. Adds to `unseen` what could not be read.

        Nodes in trouble are left out.
        """
        for name, machine in self.machines.items():
            if machine.trouble:
                continue
            try:
                printed, behind = schedules_of(name, ask)
            except Unobservable as why:
                unseen.append(f"{name}: schedules could not be read: {why.why}")
                continue
            yield from backup_jobs(name, printed, behind)
            unseen += [f"{name}: {path} could not be read" for path in printed.lines.get("unseen", [])]


def schedules_of(
    node: str, ask: Callable[[str, Sequence[Command]], list[Output]]
) -> tuple[schedules.Snapshot, dict[str, str]]:
    """All that is scheduled on a node, and the texts of the scripts behind it, by path. Raises Unobservable."""
    [answer] = ask(node, [list_schedules()])
    printed = schedules.read(answer.text())
    expected = scripts_to_read(printed)
    if not expected:
        return printed, {}
    [answer] = ask(node, [questions([f"={path}" for path in expected])])
    read = schedules.read(answer.text()).files
    return printed, {file.path: file.content.decode("utf-8", "surrogateescape") for file in read}


def describe_machine(machine: Machine, fleet: Fleet) -> Machine:
    """The machine with its time zone and its part in the swarm, as far as they were seen.

    "" as zone where it was not.
    """
    name = machine.node.name
    try:
        zone = fleet.of(name, Nodes).timezone
    except Unobservable:
        zone = ""
    try:
        swarm = fleet.of(name, Services)
    except Unobservable:
        return replace(machine, timezone=zone)
    return replace(machine, timezone=zone, swarm=swarm.swarm, member=swarm.node_id)


def running_databases(fleet: Fleet) -> Iterator[FoundDatabase]:
    """Every Postgres server that was seen, in a container or not.

    Of a node whose containers could not be seen, by their processes.
    """
    for node in fleet.inventory.nodes:
        try:
            holdings = list(uncovered_databases(fleet, node))
        except Unobservable:
            yield from databases_by_process(fleet, node)
            continue
        for holding in holdings:
            if not isinstance(holding, Unobservable):
                yield FoundDatabase(node, one_line(holding.name), one_line(holding.directory))


def databases_by_process(fleet: Fleet, node: str) -> Iterator[FoundDatabase]:
    """The Postgres servers of a node whose containers could not be seen, each by its data directory or its process.

    Nothing where they were not seen either.
    """
    try:
        servers = raise_if_unobservable(fleet.of(node, Coverage).postgres)
    except Unobservable:
        return
    for server in servers:
        yield FoundDatabase(node, one_line(server.directory) or f"process {server.pid}", one_line(server.directory))


def tls_in_words(fleet: Fleet) -> Iterator[str]:
    """What serves TLS, or publishes a port for it, as sentences without a dot; nothing of nodes that were not seen."""
    for node in fleet.inventory.nodes:
        try:
            ports = raise_if_unobservable(fleet.of(node, Listening).ports)
            containers = fleet.of(node, Containers).containers
        except Unobservable:
            continue
        for finding in (each for port in ports for each in judged_port(fleet, port, containers, (), node)):
            if not isinstance(finding, Unobservable):
                yield f"{one_line(finding.saw.partition(', and `certificates`')[0])} on {node}"


def is_unobservable(fact: object) -> bool:
    """Whether a fact could not be seen."""
    return isinstance(fact, Unobservable)


def unseen_parts(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """(node, finished line `node: topic: why (hint)`) for each fact that the first look could not see."""
    for (node, topic), fact in fleet.facts.items():
        if isinstance(fact, Unobservable):
            yield node, f"{node}: {topic}: {one_line(fact.why)}" + (f" ({fact.hint})" if fact.hint else "")
