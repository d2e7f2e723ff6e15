"""The helper that answers for an account with `sudo: audit`: where it is on a node, and how its refusal is read.

What it lets pass is written in fleetkeeper/commands/sudoers_lines.py.
"""

from __future__ import annotations

import re

HELPER = "/usr/local/sbin/fleetkeeper-look"
"""What sudo allows an account with `sudo: audit`, alone."""
EDITION = 3
"""Which helper this code expects: it is counted up when a question is added or changed."""
REFUSED = "this is no question that the helper knows"


def compared_editions(refusal: str) -> str:
    """What a refusal of the helper says about its age.

    >>> compared_editions(REFUSED), compared_editions(f"{REFUSED} (edition {EDITION + 1})")
    (': it is older than this fleetkeeper', ': it is newer than this fleetkeeper')
    """
    if not refusal.startswith(REFUSED):
        return ""
    told = re.search(r"\(edition ([0-9]{1,6})\)", refusal)
    edition = int(told[1]) if told else 0
    if edition == EDITION:
        return ""
    return f": it is {'older' if edition < EDITION else 'newer'} than this fleetkeeper"
