"""Every remedy there is, by the id of the rule it answers. The order is the order of application."""

from __future__ import annotations

from remediate.plan import Remedy
from remediate.remedies.backups import make_one
from remediate.remedies.thinning import thin
from remediate.remedies.volumes import make_room

REMEDIES: dict[str, Remedy] = {
    "backups.are_fresh": make_one,
    "backups.are_thinned": thin,
    "volumes.are_within_budget": make_room,
}
