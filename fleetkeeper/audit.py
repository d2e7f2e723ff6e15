"""One audit: which inventories, one look at each, and a verdict for every promise. Knows nothing of pytest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.search import find_inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import NOTHING, Verdict, judge_rules, judge_subject, nothing_judged, subjects_of
from fleetkeeper.looking import recording
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import Progress, look_at_fleet
from fleetkeeper.topics.registry import load_inventory, observers_in, rules_of, topics_of
from fleetkeeper.transport.pool import Links


def no_progress(node: str, reached: bool) -> None:
    """No progress shown."""


@dataclass
class Audit:
    """The inventories of one run, by name, and what was seen of each.

    `limit` names the nodes that are judged; `ssh_config` stands for the user's own, as with `ssh -F`.
    """

    inventories: Mapping[str, Inventory]
    limit: Collection[str] = ()
    strict: bool = False
    ssh_config: str | None = None
    fleets: dict[str, Fleet] = field(default_factory=dict)
    pools: dict[str, Links] = field(default_factory=dict)

    def look(self, progress: Progress = no_progress, *, keep: bool = True) -> None:
        """Look at every inventory that was not looked at yet. `keep` the connections open if somebody will ask more."""
        for name, inventory in self.inventories.items():
            if name not in self.fleets:
                links, now = self.links(name), datetime.now(UTC)
                seen = progress if keep else letting_go(links, progress)
                self.fleets[name] = look_at_fleet(inventory, links.to, observers_in(topics_of(inventory)), now, seen)

    def links(self, inventory: str) -> Links:
        """The connections to the nodes of one inventory; none is opened before it is needed."""
        if inventory not in self.pools:
            self.pools[inventory] = Links(self.inventories[inventory], self.ssh_config)
        return self.pools[inventory]

    def close(self) -> None:
        """Close every connection."""
        for pool in self.pools.values():
            pool.close()

    def verdict(self, inventory: str, rule: str, subject: Subject) -> Verdict:
        """Judge one promise about one subject, looking first where nobody has looked yet."""
        judged_rule = rules_of(self.inventories[inventory])[rule]
        if subject.kind == NOTHING:
            return nothing_judged(judged_rule, subject)
        self.look()
        return judge_subject(judged_rule, self.fleets[inventory], subject, strict=self.strict, nodes=self.limit)

    def verdicts(self, inventory: str) -> list[Verdict]:
        """Every promise of one inventory, judged."""
        self.look()
        rules = rules_of(self.inventories[inventory]).values()
        return judge_rules(rules, self.fleets[inventory], self.limit, strict=self.strict)

    def subjects(self, rule: str) -> Iterator[tuple[str, Subject]]:
        """Inventory and subject of every item of a rule. They come from the inventory alone: no look is needed."""
        for name, inventory in self.inventories.items():
            judged_rule = rules_of(inventory).get(rule)
            for subject in subjects_of(judged_rule, inventory, self.limit) if judged_rule else ():
                yield name, subject

    def record(self, path: Path) -> None:
        """Save the look as JSON. Raises UsageError when there is more than one inventory."""
        path.write_text(recording.dump_recording(self.fleets[self.one().name]), encoding="utf-8")

    def replay(self, path: Path) -> None:
        """Judge a saved look instead of looking."""
        inventory = self.one()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as why:
            hint = "`pytest --hosts=NAME --record FILE` saves one"
            raise UsageError(f"cannot read the recording {path}: {why}", hint) from None
        self.fleets[inventory.name] = recording.load_recording(text, inventory, observers_in(topics_of(inventory)))

    def ship(self) -> dict[str, str]:
        """Every look as JSON, for xdist's workers."""
        return {name: recording.dump_recording(fleet) for name, fleet in self.fleets.items()}

    def receive(self, shipped: Mapping[str, str]) -> None:
        """Judge the controller's looks instead of looking."""
        for name, text in shipped.items():
            inventory = self.inventories[name]
            self.fleets[name] = recording.load_recording(text, inventory, observers_in(topics_of(inventory)))

    def one(self) -> Inventory:
        """The only inventory of this run. Raises UsageError when there are several."""
        if len(self.inventories) != 1:
            names = ", ".join(self.inventories)
            raise UsageError(f"this is for one inventory at a time, not for {names}", hint="name just one with --hosts")
        return next(iter(self.inventories.values()))


def letting_go(links: Links, progress: Progress) -> Progress:
    """Tell the progress, and close the connection to each node that has been looked at."""

    def seen(node: str, reached: bool) -> None:
        links.let_go(node)
        progress(node, reached)

    return seen


def open_audit(
    hosts: str, limit: Collection[str] = (), *, strict: bool = False, quick: bool = False, state: Path | None = None
) -> Audit:
    """The audit that `--hosts` asks for: names or paths of inventories, separated by commas. `state`: as --state says.

    Raises UsageError for an empty or unknown name, for a node that no inventory has, and for an invalid inventory.
    """
    names = [name.strip() for name in hosts.split(",")]
    if not all(names):
        raise UsageError("--hosts= names no inventory", hint="say which one, for example --hosts=local")
    lines = {"quick": quick, "state": str(state or "")}
    loaded = [load_inventory(find_inventory(name)).model_copy(update=lines) for name in names]
    inventories = {inventory.name: inventory for inventory in loaded}
    if len(inventories) < len(loaded):
        raise UsageError(f"--hosts={hosts} names an inventory twice")
    known_nodes(limit, loaded)
    return Audit(inventories, frozenset(limit), strict)


def known_nodes(limit: Iterable[str], inventories: Iterable[Inventory]) -> None:
    nodes = {node for inventory in inventories for node in inventory.nodes}
    for node in limit:
        if node not in nodes:
            raise UsageError(f"--limit {node}: no such node", hint=nearest_name(node, nodes, "nodes"))
