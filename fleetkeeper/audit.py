"""One audit: its inventories, one look at each, and a verdict for each rule and subject. Does not depend on pytest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.owners import Owners
from fleetkeeper.inventory.search import find_inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import (
    NOTHING,
    Verdict,
    judge_rules,
    judge_subject,
    nothing_judged,
    subjects_of,
    with_unreported,
)
from fleetkeeper.looking import recording
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import Progress, look_at_fleet
from fleetkeeper.topics.registry import load_inventory, observers_in, rules_of, topics_of
from fleetkeeper.transport.pool import Links


def no_progress(node: str, reached: bool) -> None:
    """Do nothing: the progress callback of a run that shows no progress."""


@dataclass
class Audit:
    """One run: its inventories, and the fleets (looks) and pools (connections) made so far, all by inventory name.

    `limit` holds the names of the nodes that are judged (empty: all); `strict` makes warnings count as findings;
    `ssh_config` is a path that replaces the user's own SSH configuration, as with `ssh -F`. `asked` are the ids of the
    rules that are judged, by inventory name (an inventory that is not in it: all): what they leave out, no rule tells.
    """

    inventories: Mapping[str, Inventory]
    limit: Collection[str] = ()
    strict: bool = False
    ssh_config: str | None = None
    asked: Mapping[str, Collection[str]] = field(default_factory=dict)
    fleets: dict[str, Fleet] = field(default_factory=dict)
    pools: dict[str, Links] = field(default_factory=dict)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def look(self, progress: Progress = no_progress, *, keep: bool = True, only: Collection[str] = ()) -> None:
        """Look at every inventory that was not looked at yet, and store the result in `fleets`.

        `only` are the keys of the facts that are looked at (empty: all).

        `progress` is called with a node's name and whether it was reached. Without `keep` the connection to a node is
        closed once the node has been looked at; with it, connections stay open for later commands. What could not be
        seen is among the facts: nothing is raised for a node.
        """
        for name, inventory in self.inventories.items():
            if name not in self.fleets:
                links, now = self.links(name), datetime.now(UTC)
                seen = progress if keep else closing_progress(links, progress)
                observers = observers_in(topics_of(inventory))
                wanted = {key: each for key, each in observers.items() if not only or key in only}
                self.fleets[name] = look_at_fleet(inventory, links.to, wanted, now, seen)

    def links(self, inventory: str) -> Links:
        """The connections to the nodes of the inventory of this name; each is opened when it is first used.

        The same object for a name.
        """
        if inventory not in self.pools:
            self.pools[inventory] = Links(self.inventories[inventory], self.ssh_config)
        return self.pools[inventory]

    def close(self) -> None:
        """Close the connections to all nodes of all inventories. They are opened again when they are needed."""
        for pool in self.pools.values():
            pool.close()

    def verdict(self, inventory: str, rule: str, subject: Subject) -> Verdict:
        """The verdict of the rule with this id about one subject.

        Looks at the fleet first if it was not looked at yet. The inventory must have the rule. No exception of the
        judge goes through.
        """
        rules = rules_of(self.inventories[inventory])
        asked = self.asked.get(inventory, rules)
        if subject.kind == NOTHING:
            return with_unreported(nothing_judged(rules[rule], subject, self.inventories[inventory]), asked)
        self.look()
        fleet = self.fleets[inventory]
        return with_unreported(judge_subject(rules[rule], fleet, subject, strict=self.strict, nodes=self.limit), asked)

    def owners(self, inventory: str) -> Owners:
        """Who owns what in the inventory of this name, at the time of its look, or before it at the run's beginning."""
        fleet = self.fleets.get(inventory)
        return Owners(self.inventories[inventory].owners, fleet.looked_at if fleet else self.began)

    def verdicts(self, inventory: str) -> list[Verdict]:
        """The verdict of every rule of one inventory about each of its subjects; looks first if needed.

        Only what lies within `limit`.
        """
        self.look()
        rules = rules_of(self.inventories[inventory]).values()
        return judge_rules(rules, self.fleets[inventory], self.limit, strict=self.strict)

    def subjects(self, rule: str) -> Iterator[tuple[str, Subject]]:
        """Pairs (inventory name, subject) of all that the rule with this id judges, within `limit`.

        They come from the inventories alone: no look is needed. An inventory with nothing for the rule gives one
        subject of kind NOTHING with the reason; one that does not have the rule gives none.
        """
        for name, inventory in self.inventories.items():
            judged_rule = rules_of(inventory).get(rule)
            for subject in subjects_of(judged_rule, inventory, self.limit) if judged_rule else ():
                yield name, subject

    def record(self, path: Path) -> None:
        """Write the look to a file as JSON (see `looking.recording`), to be replayed later. Call `look` first.

        Raises UsageError when there is more than one inventory, and OSError when the file cannot be written.
        """
        path.write_text(recording.dump_recording(self.fleets[self.only_inventory().name]), encoding="utf-8")

    def replay(self, path: Path) -> None:
        """Load the look from a file that `record` wrote, so that it is judged and no node is looked at.

        Raises UsageError when there is more than one inventory, or the file cannot be read or is not a recording of it.
        """
        inventory = self.only_inventory()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as why:
            hint = "`pytest --hosts=NAME --record FILE` saves one"
            raise UsageError(f"cannot read the recording {path}: {why}", hint) from None
        self.fleets[inventory.name] = recording.load_recording(text, inventory, observers_in(topics_of(inventory)))

    def ship(self) -> dict[str, str]:
        """Every look as JSON text, by inventory name, for the workers of pytest-xdist.

        Of the inventories that were looked at.
        """
        return {name: recording.dump_recording(fleet, in_memory=True) for name, fleet in self.fleets.items()}

    def receive(self, shipped: Mapping[str, str]) -> None:
        """Load the looks that `ship` returned in the controller of pytest-xdist.

        A worker then looks at no node itself. Raises UsageError for text that is no recording.
        """
        for name, text in shipped.items():
            inventory = self.inventories[name]
            self.fleets[name] = recording.load_recording(text, inventory, observers_in(topics_of(inventory)))

    def only_inventory(self) -> Inventory:
        """The only inventory of this run. Raises UsageError when there are several."""
        if len(self.inventories) != 1:
            names = ", ".join(self.inventories)
            raise UsageError(f"this is for one inventory at a time, not for {names}", hint="name just one with --hosts")
        return next(iter(self.inventories.values()))


def closing_progress(links: Links, progress: Progress) -> Progress:
    """A progress callback that closes the connection to each node that has been looked at, then calls `progress`."""

    def seen(node: str, reached: bool) -> None:
        """Close the connection to the node of this name, then call `progress`."""
        links.let_go(node)
        progress(node, reached)

    return seen


def open_audit(
    hosts: str, limit: Collection[str] = (), *, strict: bool = False, quick: bool = False, state: Path | None = None
) -> Audit:
    """The audit of the inventories in `hosts` (--hosts): their names or paths, separated by commas.

    `limit` are the nodes of --limit (empty: all), `strict`, with which warnings count as findings, `quick` and `state`
    the options of these names. No connection is opened yet.

    Raises UsageError for an empty, unknown or repeated name, for a node that no inventory has, and for an invalid
    inventory.
    """
    names = [name.strip() for name in hosts.split(",")]
    if not all(names):
        raise UsageError("--hosts= names no inventory", hint="say which one, for example --hosts=local")
    lines = {"quick": quick, "state": str(state or "")}
    loaded = [load_inventory(find_inventory(name)).model_copy(update=lines) for name in names]
    inventories = {inventory.name: inventory for inventory in loaded}
    if len(inventories) < len(loaded):
        raise UsageError(f"--hosts={hosts} names an inventory twice")
    raise_if_unknown_nodes(limit, loaded)
    return Audit(inventories, frozenset(limit), strict)


def raise_if_unknown_nodes(limit: Iterable[str], inventories: Iterable[Inventory]) -> None:
    """Check that every name in `limit` is a node of one of the inventories.

    Raises UsageError for the first that is not.
    """
    nodes = {node for inventory in inventories for node in inventory.nodes}
    for node in limit:
        if node not in nodes:
            raise UsageError(f"--limit {node}: no such node", hint=nearest_name(node, nodes, "nodes"))
