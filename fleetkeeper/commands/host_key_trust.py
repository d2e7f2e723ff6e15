"""Host keys: shown with what is known about them, and written beside the inventory once a person has compared them.

Trust on first use would trust any host that answers first: no key is written that nobody confirmed, by answering at the
terminal or by naming the fingerprint. A key that has changed is never replaced without typing the node's name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.local_files import read_file, write_file
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.host_keys import HostKey, shown_keys
from fleetkeeper.transport.ssh.host_lookup import Target
from fleetkeeper.transport.ssh.known_hosts import (
    KeyStatus,
    KnownHost,
    entries_about,
    fingerprint,
    key_status,
    known_hosts_beside,
    parse_presented,
    read_files,
)
from fleetkeeper.transport.ssh.ssh_config import resolve_target
from fleetkeeper.transport.ssh.ssh_target import SshRequest
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node

Ask = Callable[[str], str]
COMPARE = "for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"


@dataclass(frozen=True)
class KeyComparison:
    """The host keys that one node presents, the entries about it in known_hosts files, and the status that follows."""

    node: str
    keys: tuple[HostKey, ...]
    known: tuple[KnownHost, ...]
    ruling: KeyStatus

    @property
    def unknown(self) -> tuple[HostKey, ...]:
        """The presented keys that are in no known_hosts file."""
        keys = {entry.key for entry in self.known if not entry.marker}
        return tuple(key for key in self.keys if key.key not in keys)

    @property
    def replaced(self) -> tuple[KnownHost, ...]:
        """The known_hosts entries of keys that the node does not present any more.

        Lines with a marker (@revoked, @cert-authority) are none.
        """
        shown = {key.key for key in self.keys}
        return tuple(entry for entry in self.known if not entry.marker and entry.key not in shown)


def compare_keys(inventory: Inventory, node: Node, ssh_config: str | None = None) -> KeyComparison:
    """The host keys that a node presents, compared with the known_hosts files.

    Raises Unobservable when it presents none. Where its keys differ in status, the first of revoked, trusted, changed,
    unknown applies. `ssh_config` is the path of a configuration file, None for ssh's own. It connects to the node, for
    each type of key.
    """
    keys = shown_keys(inventory, node, ssh_config)
    route = resolve_target(SshRequest(node.address or node.name, node.user, node.port, node.identity), ssh_config)
    target = Target(route.host, route.port, time.time(), route.alias)
    entries = read_files((*route.known_hosts, *known_hosts_beside(inventory)))
    rulings = {key_status(entries, target, parse_presented(key.key)) for key in keys}
    worst = next(
        item for item in (KeyStatus.REVOKED, KeyStatus.TRUSTED, KeyStatus.CHANGED, KeyStatus.UNKNOWN) if item in rulings
    )
    return KeyComparison(node.name, keys, tuple(entries_about(entries, target)), worst)


def known_hosts_name(inventory: Inventory) -> Path:
    """The path of an inventory's known_hosts file: the one that it names, else `known_hosts` beside it."""
    return Path(inventory.known_hosts) if inventory.known_hosts else Path(inventory.path).parent / "known_hosts"


def nodes_in_order(inventory: Inventory, names: Iterable[str]) -> list[Node]:
    """The nodes with these names (none: all that are reached over SSH), jump hosts before the nodes behind them.

    Raises UsageError for an unknown name, and for a node that is not reached over SSH.
    """
    expected = list(names) or [name for name, node in inventory.nodes.items() if node.connection in ("", "ssh")]
    for name in expected:
        if name not in inventory.nodes:
            raise UsageError(f"no node {name}", hint=nearest_name(name, inventory.nodes, "nodes"))
        if inventory.nodes[name].connection not in ("", "ssh"):
            raise UsageError(f"{name} is not reached over SSH: it has no host key")
    return sorted(
        (inventory.nodes[name] for name in dict.fromkeys(expected)), key=lambda node: count_hops(inventory, node)
    )


def count_hops(inventory: Inventory, node: Node) -> int:
    """The number of nodes of the inventory that lie between us and a node.

    A jump that is no node of it is not counted.
    """
    number = 0
    while node.jump in inventory.nodes:
        node, number = inventory.nodes[str(node.jump)], number + 1
    return number


@dataclass
class TrustSession:
    """Trusting the nodes of one inventory.

    `say` prints a line. `ask` asks a person a question and returns the answer; None where nobody can be asked.
    `fingerprints` (SHA256:…) are those that a person named.
    """

    inventory: Inventory
    say: Callable[[str], None]
    ask: Ask | None = None
    fingerprints: Collection[str] = ()
    ssh_config: str | None = None

    def all(self, names: Sequence[str]) -> bool:
        """Trust these nodes (none: all that are reached over SSH). Returns whether each of them is trusted now.

        Raises UsageError for an unknown node, before anybody is asked. A person is asked about each, as in `one`.
        """
        trusted = [self.one(node) for node in nodes_in_order(self.inventory, names)]
        return all(trusted)

    def one(self, node: Node) -> bool:
        """Trust one node, if a person agrees. Returns whether it is trusted now; prints why not.

        Asks, prints what it finds, and writes the keys. Raises OSError when they cannot be written.
        """
        try:
            seen = compare_keys(self.inventory, node, self.ssh_config)
        except Unobservable as why:
            self.say(f"{node.name}: {one_line(why.why)}")
            self.say(f"  hint: {why.hint}" if why.hint else "  nothing was changed")
            return False
        for line in describe_keys(seen):
            self.say(line)
        if seen.ruling is KeyStatus.TRUSTED:
            return True
        if seen.ruling is KeyStatus.REVOKED:
            self.say("  do not connect; find out why it was revoked. Nothing was changed")
            return False
        agreed = self.agreed(seen)
        if agreed:
            self.keep(seen, agreed)
        else:
            self.say("  nothing was changed")
        return bool(agreed)

    def agreed(self, seen: KeyComparison) -> list[HostKey]:
        """The presented keys that a person has confirmed: at the terminal, or by --fingerprint; else empty.

        It asks and prints. A changed key is only confirmed by typing the node's name, whatever the fingerprints.
        """
        if seen.ruling is KeyStatus.CHANGED:
            if self.ask is None:
                self.say("  a changed key is only replaced by a person at a terminal")
                return []
            text = self.ask(f"  Type the name of the node, {seen.node}, to replace what is known")
            return list(seen.keys) if text.strip() == seen.node else []
        if self.fingerprints:
            return [key for key in seen.keys if key.fingerprint in self.fingerprints]
        if self.ask is None:
            self.say("  nobody is here to compare: name the fingerprint: --fingerprint SHA256:…")
            return []
        text = self.ask(f"  Are these the keys of {seen.node}? (yes, or a fingerprint to trust that one alone)").strip()
        if text.lower() == "yes":
            return list(seen.keys)
        return [key for key in seen.keys if key.fingerprint == text]

    def keep(self, seen: KeyComparison, keys: Sequence[HostKey]) -> None:
        """Write the keys to the inventory's known_hosts file, in place of a changed node's old ones there.

        Old keys in other files stay, and are named. The caller has made sure that a person agrees. Raises OSError.
        """
        path = known_hosts_name(self.inventory)
        old = {entry.key for entry in seen.replaced} if seen.ruling is KeyStatus.CHANGED else set()
        gone = {number_in(path, entry) for entry in seen.known if entry.key in old}
        write_file(path, edit_known_hosts(read_file(path), gone, [key.line for key in keys]))
        self.say(f"  kept in {path}")
        for entry in seen.replaced if seen.ruling is KeyStatus.CHANGED else ():
            if number_in(path, entry) is None:
                file = entry.place.rpartition(":")[0]
                self.say(f"  the old key is still in {entry.place}: ssh-keygen -R '{keys[0].place}' -f {file}")


def number_in(path: Path, entry: KnownHost) -> int | None:
    """The line number of an entry (from 1) when it is in the file `path`, else None."""
    file, _, number = entry.place.rpartition(":")
    return int(number) if Path(file).absolute() == path.absolute() else None


def edit_known_hosts(before: bytes, gone: Collection[int | None], lines: Sequence[str]) -> bytes:
    """A known_hosts file without the lines in `gone` (numbers from 1), and with `lines` at its end.

    The rest stays as it is. Of `lines` those that it has already are not added.

    >>> edit_known_hosts(b"a x\\nb y", {1}, ["c z"])
    b'b y\\nc z\\n'
    """
    kept = [line for number, line in enumerate(before.split(b"\n"), 1) if number not in gone]
    text = b"\n".join(kept)
    start = text + b"\n" if text and not text.endswith(b"\n") else text
    return start + "".join(f"{line}\n" for line in lines if line.encode() not in kept).encode()


def describe_keys(seen: KeyComparison) -> Iterator[str]:
    """The lines that a person compares: each presented key with its fingerprint, and replaced ones after a change."""
    words = {
        KeyStatus.TRUSTED: "is trusted already",
        KeyStatus.UNKNOWN: "is not known yet; it shows:",
        KeyStatus.CHANGED: "shows ANOTHER key than the known one (it was reinstalled, or somebody stands between):",
        KeyStatus.REVOKED: "shows a key that was REVOKED",
    }
    yield f"{seen.node} ({seen.keys[0].place}) {words[seen.ruling]}"
    yield from (f"  {key.fingerprint} ({key.kind})" for key in seen.keys)
    if seen.ruling is KeyStatus.CHANGED:
        yield "  known until now:"
        yield from (f"  {fingerprint(entry.key)} ({entry.kind}, {entry.place})" for entry in seen.replaced)
    if seen.ruling in (KeyStatus.CHANGED, KeyStatus.UNKNOWN):
        yield f"  compare on the node's own console: {COMPARE}"
