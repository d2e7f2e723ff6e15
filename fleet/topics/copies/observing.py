"""Listing both places of the backups, and reading the newest files to their end where nobody remembers them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from fleet.commands import Command, Output, Unobservable
from fleet.schema import Without
from fleet.topics.backups.files import File
from fleet.topics.backups.listing import look_into, look_into_copies, parse_listing
from fleet.topics.backups.memory import recall_digests, remember_digests
from fleet.topics.backups.observe import newest_first, place_of
from fleet.topics.backups.policy import Policy
from fleet.topics.copies.facts import DIGESTED, Facts, Place

if TYPE_CHECKING:
    from fleet.inventory import Inventory
    from fleet.look import Look
    from fleet.schema import Node

PACE = 20 * 10**6

SHELL_DIGEST = r"""
renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
cd -P -- "$1" || exit 5
shift
for file; do
  found=$(sha256sum <"$file") || exit 6
  printf '%s %s\n' "${found%% *}" "$file"
done
"""
"""Arguments: directory, then files as ./NAME."""


Seeing = Generator[Sequence[Command], list[Output], Place | Unobservable]


def observe(node: Node, inventory: Inventory) -> Look:
    """Look only where there is a second place, from the two nodes that have them."""
    policy = inventory.backups
    if isinstance(policy, Without) or policy.elsewhere is None or isinstance(policy.elsewhere, Without):
        return None
    here = there = None
    if policy.volume.node == node.name:
        here = yield from seeing(look_into(policy), policy, inventory, "here")
    if policy.elsewhere.node == node.name:
        there = yield from seeing(look_into_copies(policy.elsewhere.path), policy, inventory, "there")
    return Facts(here, there)


def seeing(listing: Command, policy: Policy, inventory: Inventory, which: str) -> Seeing:
    """List one place, and digest its newest files as far as nobody remembers them."""
    try:
        [listed] = yield [listing]
        directory, files = parse_listing(listed)
        backups = newest_first(files, policy)
        newest = backups[:DIGESTED]
        place = f"{place_of(inventory, directory)} {which}"
        digests = recall_digests(place, newest)
        unknown = [file for file in newest if file.name not in digests]
        if unknown:
            [answer] = yield [digest(directory, unknown)]
            digests |= parse(answer)
            remember_digests(place, newest, digests)
    except Unobservable as why:
        return why
    return Place(tuple(file.name for file in backups), digests)


def digest(directory: str, files: Sequence[File]) -> Command:
    """The command that reads these files to their end."""
    words = ("sh", "-c", SHELL_DIGEST, "sh", directory, *(f"./{file.name}" for file in files))
    return Command(words, sudo=True, limit=60 + sum(file.size for file in files) / PACE)


def parse(output: Output) -> dict[str, str]:
    """Digests by name.

    >>> parse(Output(0, b"e3b0 ./backup_1.sql.gz\\n"))
    {'backup_1.sql.gz': 'e3b0'}
    """
    lines = (line.split(" ./", 1) for line in output.text().splitlines())
    return {name: digest for digest, name in lines}
