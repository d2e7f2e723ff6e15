"""Which pages of this folder are generated, and from what. A test holds each against its source."""

from __future__ import annotations

from collections.abc import Callable

from docs import rules
from fleet import reference
from fleet.reports import schema
from remediate import reference as remediation

PAGES: dict[str, Callable[[], str]] = {
    "inventory.md": reference.page,
    "inventory.schema.json": reference.schema_text,
    "remediate.md": remediation.page,
    "rules.md": rules.page,
    "results.schema.json": schema.schema_text,
}
