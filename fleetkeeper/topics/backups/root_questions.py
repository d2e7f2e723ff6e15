"""The commands about one inventory's dumps that run as root: volume, directory, service, tables are constant words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.topics.backups.completeness import verify_command
from fleetkeeper.topics.backups.database.observe import clusters_of, records_of
from fleetkeeper.topics.backups.parse import list_directory
from fleetkeeper.topics.backups.policy import Elsewhere, Policy
from fleetkeeper.topics.backups.second_copy.observe import digest_command, look_into_copies
from fleetkeeper.topics.protocol import Argument, RootQuestion

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


def root_questions_about(inventory: Inventory) -> Iterator[RootQuestion]:
    """The commands about an inventory's dumps that an audit runs as root.

    Raises NotApplicable for one without backups. With Argument in place of what differs from look to look.
    """
    policy = inventory.section(Policy)
    service = require_policy(inventory.services)[policy.service].name
    volume = policy.volume
    directory = shlex.join((volume.name, volume.path or "", policy.path))
    dumps, dump = Argument("dumps", test=lies_in(directory)), Argument("dump", many=True, test=is_dump(policy.pattern))
    yield list_directory(policy).words
    verifying = verify_command("", (), policy.format, service).words
    yield (*verifying[:4], dumps, *verifying[5:], dump)
    digest = digest_command("", ()).words[:4]
    yield (*digest, dumps, dump)
    if isinstance(policy.elsewhere, Elsewhere):
        yield look_into_copies(policy.elsewhere.path).words
        yield (*digest, Argument("copies", test=lies_in(f"- {shlex.quote(policy.elsewhere.path)} ''")), dump)
    yield records_of(policy).words
    yield clusters_of(policy, service).words


def lies_in(location: str) -> str:
    """Shell code that is true when `$1` is the directory of the place.

    `location` is a volume, a path, and a directory below it, quoted for the shell.
    """
    return f'stands_in "$(place_of {location})" "$1"'


def is_dump(pattern: str) -> str:
    """Shell code that is true when `$1` is `./NAME`, NAME matches the strftime pattern, and it is no symbolic link."""
    return f'case $1 in ./*/*) return 1 ;; ./{named_like(pattern)}) [ ! -h "$1" ] ;; *) return 1 ;; esac'


WIDTHS = {"Y": 4, "j": 3, "f": 6, **dict.fromkeys("mdHIMSyUW", 2), "w": 1, "u": 1}


def named_like(pattern: str) -> str:
    """A shell pattern that matches every name that strftime makes of `pattern`: digits where it puts digits.

    A directive of no fixed width becomes `*`, which matches more than that.

    >>> named_like("backup_%Y-%m.sql")
    "'backup_'[0-9][0-9][0-9][0-9]'-'[0-9][0-9]'.sql'"
    """
    parts = []
    for directive, plain in re.findall(r"%(.)|([^%]+)", pattern):
        if plain or directive == "%":
            parts.append(f"'{plain or '%'}'")
        else:
            parts.append("[0-9]" * WIDTHS.get(directive, 0) or "*")
    return "".join(parts)
