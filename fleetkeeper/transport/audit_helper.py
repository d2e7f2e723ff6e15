"""The helper that an account with `sudo: audit` runs as root: its path, its edition, and the parsing of its refusals.

What it allows is declared in the topics; fleetkeeper/commands/sudoers_lines.py generates the helper from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

HELPER = "/usr/local/sbin/fleetkeeper-look"
"""The only program that sudo allows an account with `sudo: audit`."""
EDITION = 15
"""The edition of the helper that this code expects. A test compares it with the one in the helper itself."""
REFUSED = "this is no question that the helper knows"
OF_ANOTHER_VERSION = re.compile(rf"{REFUSED}(?: \(edition ([0-9]{{1,6}})\))?: it is (older|newer) ")


def compared_editions(refusal: str) -> str:
    """What to add to a refusal by a helper of another edition: that it is older or newer. "" in any other case.

    A refusal without an edition is by an older one.

    >>> compared_editions(REFUSED), compared_editions(f"{REFUSED} (edition {EDITION + 1})")
    (': it is older than this fleetkeeper', ': it is newer than this fleetkeeper')
    """
    if not refusal.startswith(REFUSED):
        return ""
    match = re.search(r"\(edition ([0-9]{1,6})\)", refusal)
    edition = int(match[1]) if match else 0
    if edition == EDITION:
        return ""
    return f": it is {'older' if edition < EDITION else 'newer'} than this fleetkeeper"


def other_versions(refusals: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A line for each edition of the helper that is not ours.

    `refusals` are pairs (node, why it could not be looked at). What is no such refusal is passed over.

    >>> [line] = other_versions([("a", f"sudo: {REFUSED} (edition 1): it is older than this fleetkeeper")])
    >>> line.replace(str(EDITION), "N")
    '1 node has helper 1, and helper N is asked: run `fleetkeeper sudoers`; what is new is unknown there'
    """
    nodes: dict[tuple[int, str], set[str]] = {}
    for node, why in refusals:
        if refused := OF_ANOTHER_VERSION.search(why):
            nodes.setdefault((int(refused[1] or 0), refused[2]), set()).add(node)
    for (version, age), names in sorted(nodes.items()):
        have = f"{len(names)} {'node has' if len(names) == 1 else 'nodes have'} helper {version}"
        advice = "run `fleetkeeper sudoers`" if age == "older" else "upgrade fleetkeeper"
        yield f"{have}, and helper {EDITION} is asked: {advice}; what is new is unknown there"
