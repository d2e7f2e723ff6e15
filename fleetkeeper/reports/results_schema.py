"""The shape of results.json, version 1: published as docs/results.schema.json, and held against every audit in tests.

Keys are only ever added within a version; one that changes its meaning, or goes, makes a new version.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

STRICT = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


@with_config(STRICT)
class Accepted(TypedDict):
    """The waiver that accepts a finding."""

    owner: str
    """Who answers for it."""
    until: str
    """Last day on which it is accepted, as 2027-01-31."""
    because: str
    """Why it is accepted."""


@with_config(STRICT)
class Found(TypedDict):
    """One finding: something that was looked at, and is wrong."""

    saw: str
    """What was seen."""
    want: str
    """What was wanted."""
    why: str
    """Why it matters; may be empty."""
    node: str
    """Where it was seen; empty when it is about no single node."""
    about: str
    """The thing it is about, where that is narrower than the subject; may be empty."""
    severity: Literal["error", "warning"]
    """Warnings do not fail the audit, unless with --strict."""
    hint: str
    """What a person can do about it; may be empty."""
    rule: str
    """Id of the rule, as `topic.rule`."""
    subject: str
    """What the promise is about."""
    cis: list[str]
    """Ids of the CIS Docker Benchmark that it breaks, as `1.8:5.26`; of both editions. May be empty."""
    owner: str
    """Who owns it, by the inventory's `owners`; empty where it has none."""
    waived: Accepted | None
    """The waiver in force that accepts it."""


@with_config(STRICT)
class Dark(TypedDict):
    """Something that could not be looked at."""

    why: str
    """Why not."""
    hint: str
    """What a person can do about it; may be empty."""
    node: str
    """Where; may be empty."""
    cause: str
    """What stands behind it on that node, in the same words for all that it hides; empty where `why` says it all."""
    owner: str
    """Who owns it, by the inventory's `owners`; empty where it has none."""


@with_config(STRICT)
class Judged(TypedDict):
    """One promise about one subject, judged. One item of the audit."""

    check: str
    """pytest's id of the item."""
    inventory: str
    """Name of the inventory."""
    rule: str
    """Id of the rule, as `topic.rule`."""
    subject: str
    """What the promise is about."""
    kind: str
    """What sort of thing that is: node, service, certificate, volume, fleet, or nothing."""
    promise: str
    """The rule in one sentence."""
    outcome: Literal["holds", "finding", "unknown", "not_applicable", "waived"]
    """pytest's words for them: passed, failed, error, skipped, xfailed."""
    owner: str
    """Who owns the promise, wherever it is seen; empty where the inventory has no `owners`."""
    findings: list[Found]
    """What is wrong, waived findings last."""
    unknown: list[Dark]
    """What could not be seen. An item with findings can have some, too."""
    reason: str
    """Why it does not apply; else empty."""
    left_out: bool
    """Whether it was not judged this time (`--quick`, nothing to judge yet): what was open before is not gone then."""


@with_config(STRICT)
class NodeState(TypedDict):
    """Whether anything could be seen on a node."""

    looked_at: bool
    """Whether at least one topic could look."""
    why: str
    """Why not, when nothing could be seen."""
    hint: str
    """What a person can do about it; may be empty."""


@with_config(STRICT)
class Looked(TypedDict):
    """One inventory of the run."""

    name: str
    """Its name."""
    path: str
    """The file it was read from."""
    looked_at: str
    """When the look began (ISO 8601, UTC)."""
    nodes: dict[str, NodeState]
    """Its nodes, by name."""


@with_config(STRICT)
class Open(TypedDict):
    """One open finding, as it is remembered from one audit to the next."""

    key: str
    """What makes it the same finding at the next audit."""
    rule: str
    """Id of the rule."""
    subject: str
    """What the promise is about."""
    node: str
    """Where it was seen; may be empty."""
    about: str
    """The thing it is about; may be empty."""
    saw: str
    """What was seen, the last time that it was."""
    severity: Literal["error", "warning"]
    """error or warning."""
    since: str
    """When an audit first saw it (ISO 8601, UTC)."""


@with_config(STRICT)
class Change(TypedDict):
    """One inventory, compared with the last whole audit before."""

    inventory: str
    """Its name."""
    previous: str | None
    """When the audit before ended (ISO 8601, UTC); null when there was none."""
    new: list[Open]
    """Open now, and not then."""
    newly_judged: list[Open]
    """Open now; no audit before asked its rule, such as one that an upgrade brings."""
    gone: list[Open]
    """Open then; judged again now, and no longer there."""
    old: list[Open]
    """Open then and now."""
    unseen: list[Open]
    """Open then; could not be judged now, or was not asked for."""
    waived: list[Open]
    """Open then, and there now, but accepted by a waiver."""
    dropped: list[Open]
    """Open then; the inventory does not ask for their promises any more."""


@with_config(STRICT)
class Run(TypedDict):
    """The audit itself."""

    fleetkeeper: str
    """Version of this program."""
    started: str
    """When it began (ISO 8601, UTC)."""
    finished: str
    """When it ended (ISO 8601, UTC)."""
    exit_status: int
    """pytest's exit status: 0 all well, 1 findings or unknown, 2 interrupted, 3 a bug, 4 the call was wrong."""
    hosts: str
    """The inventories, as --hosts named them."""
    part: str
    """Which part of the promises was judged, in words (--limit, --quick, -k); empty for all of them."""


@with_config(STRICT)
class Summary(TypedDict):
    """How many items had each outcome."""

    holds: int
    """Looked, and it is right."""
    finding: int
    """Looked, and it is wrong."""
    unknown: int
    """Could not look."""
    not_applicable: int
    """The policy does not ask for it here."""
    waived: int
    """Wrong, but accepted for a while."""


@with_config(STRICT)
class Results(TypedDict):
    """What one audit saw."""

    schema: Literal[1]
    """Version of this shape."""
    run: Run
    """The audit itself."""
    inventories: list[Looked]
    """What was looked at."""
    summary: Summary
    """How many items had each outcome."""
    changes: list[Change]
    """What changed since the audit before; empty for a saved look (--replay)."""
    items: list[Judged]
    """Every promise that was judged."""


ADAPTER: TypeAdapter[Results] = TypeAdapter(Results)


def results_schema() -> dict[str, Any]:
    """The JSON schema of results.json (draft 2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ADAPTER.json_schema()}


def schema_text() -> str:
    """The content of docs/results.schema.json."""
    return json.dumps(results_schema(), indent=2) + "\n"
