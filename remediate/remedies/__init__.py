"""Every remedy there is, by the id of the rule it answers. The order is the order of application."""

from __future__ import annotations

from remediate.plan import Remedy

REMEDIES: dict[str, Remedy] = {}
