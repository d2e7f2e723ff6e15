"""Known host keys by name: what a thousand nodes and a thousand lines would cost a million comparisons without."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence

from fleetkeeper.transport.ssh.known_hosts import Entry, matches


class Index:
    """The lines of known_hosts files, found as `matches` finds them: names in a table, hashes and patterns in turn."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.by_name: dict[str, list[int]] = {}
        self.hashed: list[tuple[int, bytes, bytes]] = []
        self.patterns: list[int] = []
        for place, entry in enumerate(entries):
            self.add(place, entry.hosts)

    def add(self, place: int, hosts: str) -> None:
        if hosts.startswith("|"):
            self.hashed += [(place, *halves) for halves in halves_of(hosts)]
        elif any(special in hosts for special in "*?!"):
            self.patterns.append(place)
        else:
            for name in hosts.lower().split(","):
                self.by_name.setdefault(name, []).append(place)

    def about(self, names: Iterable[str]) -> tuple[Entry, ...]:
        """The lines about any of these names (in lower case, `[host]:port` for a port other than 22), in order."""
        found: set[int] = set()
        for name in set(names):
            said = name.encode("utf-8", "surrogateescape")
            found.update(self.by_name.get(name, ()))
            found.update(place for place, salt, digest in self.hashed if hmac.digest(salt, said, "sha1") == digest)
            found.update(pattern for pattern in self.patterns if matches(self.entries[pattern].hosts, name))
        return tuple(self.entries[place] for place in sorted(found))


def halves_of(hosts: str) -> list[tuple[bytes, bytes]]:
    """Salt and digest of `|1|salt|HMAC-SHA1(salt, name)`; nothing for what no name can match."""
    fields = hosts.split("|")
    if len(fields) != 4 or fields[1] != "1":
        return []
    try:
        salt, digest = (base64.b64decode(field, validate=True) for field in fields[2:])
    except (binascii.Error, ValueError):
        return []
    return [(salt, digest)] if salt and digest else []
