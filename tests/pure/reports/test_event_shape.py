"""Each rule's finding, about each kind of subject, as an event that Sentry's schema of events takes.

Sources: https://develop.sentry.dev/sdk/data-model/event-payloads/ (required attributes, level, fingerprint) and its
page about tags (keys of 32 characters of a small alphabet, values of 200 without a line feed).
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.reports.history import Memory, compare_findings
from fleetkeeper.reports.issue_causes import Cause, open_causes
from fleetkeeper.reports.sentry_events import Sender, envelope_of, event_of
from fleetkeeper.topics.registry import RULES
from tests.pure.reports.test_history import FIRST, make_finding, make_item

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KINDS = ("service", "volume", "node", "certificate", "fleet")
HOSTILE = 'x\n\r\u2028\x1b[31m\ud800"' + "y" * 3000
TEXTS = ("logger", "platform", "release", "environment")


def raise_if_malformed(event: dict[str, Any]) -> None:
    """Fail for an event that Sentry would refuse, cut or change."""
    assert re.fullmatch(r"[0-9a-f]{32}", event["event_id"])
    assert isinstance(event["timestamp"], float)
    assert event["level"] in ("fatal", "error", "warning", "info", "debug")
    assert all(isinstance(event[name], str) and 0 < len(event[name]) <= 200 for name in TEXTS)
    assert re.fullmatch(r"[^/\r\n]{1,64}", event["environment"])
    assert event["fingerprint"]
    assert all(isinstance(text, str) and text for text in event["fingerprint"])
    assert 0 < len(event["logentry"]["formatted"]) <= 8192
    for key, text in event["tags"].items():
        assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,32}", key)
        assert re.fullmatch(r"[^\n]{1,200}", text)
    assert all(isinstance(text, str) for text in event.get("extra", {}).values())
    fields = {"event_id", "timestamp", "level", "fingerprint", "logentry", "tags", "extra", *TEXTS}
    assert set(event) <= fields
    assert len(envelope_of(event)) < 200_000


def causes_of(*findings: dict, waivers: tuple[Waiver, ...] = (), **more: object) -> list[Cause]:
    items = [make_item(*findings, **{"kind": "service", "promise": "P.", **more})]
    return open_causes(compare_findings("lab", items, Memory(), FIRST), items, waivers)


@pytest.mark.parametrize("say", ["rule", "all"])
@pytest.mark.parametrize("text", ["plain", HOSTILE], ids=["plain", "hostile"])
def test_a_finding_of_any_rule_about_anything_is_an_event_that_sentry_takes(say: str, text: str) -> None:
    names = ("subject", "node", "about", "saw", "want", "why", "hint", "owner")
    dark = [{"node": text, "why": text, "hint": text, "cause": text, "owner": text}]
    sender, number = Sender("lab", "night", "0.1.0", say), 0
    for rule in RULES:
        for kind in KINDS:
            finding = make_finding(rule, **dict.fromkeys(names, text))
            for cause in causes_of(finding, rule=rule, kind=kind, subject=text, promise=text, unknown=dark):
                event = event_of(cause, "0" * 32, NOW, sender)
                raise_if_malformed(json.loads(json.dumps(event)))
                number += 1
    assert number == len(RULES) * len(KINDS) * 2


def test_an_event_says_when_its_waiver_ended_and_who_had_accepted_it_only_with_all() -> None:
    waiver = Waiver(rule="backups.*", subject="postgres", owner="ada", until=date(2026, 11, 29), because="a new disk")
    other = Waiver(rule="disks.*", subject="*", owner="bob", until=date(2026, 11, 28), because="another reason")
    [cause] = causes_of(make_finding(), waivers=(other, waiver))
    for say, named in (("rule", False), ("all", True)):
        event = event_of(cause, "0" * 32, NOW, Sender("lab", "", "0.1.0", say))
        raise_if_malformed(event)
        assert event["tags"]["waiver_ended"] == "2026-11-29"
        assert ("ada accepted it until 2026-11-29: a new disk" in json.dumps(event)) is named
    [unwaived] = causes_of(make_finding(), waivers=(other,))
    assert "waiver_ended" not in unwaived.tags
