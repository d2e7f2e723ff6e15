"""Case 83: whatever a rule reads, while it could not be seen the rule is unknown: never green, never a finding.

Over the whole registry, on a look at the unbroken lab that was recorded with
`pytest --hosts=lab --record tests/fixtures/lab.json; cp .lab/ca.pem tests/fixtures/lab-ca.pem`
(record both again when the shape of facts changes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.audit import Audit, open_audit
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import Outcome, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.registry import RULES, TOPICS
from fleetkeeper.transport.commands import Unobservable
from tests.helpers.younger_topics import own_looks, younger_kind

FIXTURES = Path(__file__).parents[2] / "fixtures"
DOES_NOT_APPLY = {
    "schedules.backups_appeared": "nothing was due yet when the lab was recorded",
    "services.postgres_kept_its_data": "nothing was accepted yet",
    "containers.restart_as_meant": "the lab names no number of restarts",
    "backups.come_back": "the lab asks for no drills",
    "services.with_local_data_are_pinned wiki": "Compose does not move what it runs",
}
"""Their own tests darken what they read."""


def recorded_look() -> Audit:
    audit = open_audit("lab")
    lab = audit.inventories["lab"].model_copy(update={"ca": str(FIXTURES / "lab-ca.pem")})
    audit.inventories = {"lab": lab}
    audit.replay(FIXTURES / "lab.json")
    return audit


AUDIT = recorded_look()
FLEET: Fleet = AUDIT.fleets["lab"]


def darkened(fleet: Fleet, topic: str) -> Fleet:
    dark = {key: Unobservable("dark") if key[1] == topic else fact for key, fact in fleet.facts.items()}
    return replace(fleet, facts=dark)


def look_for(rule: Rule) -> Fleet:
    """The recorded look, or that of the tests of a topic which is younger."""
    kind = younger_kind(rule)
    return own_looks(kind)["clean"] if kind else FLEET


def subjects_of(rule: Rule) -> list[Subject]:
    younger = bool(younger_kind(rule))
    return list(rule.each(look_for(rule).inventory)) if younger else [one for _, one in AUDIT.subjects(rule.id)]


def reads() -> Iterator[tuple[Rule, str, Subject]]:
    for rule in RULES.values():
        for kind in rule.looks_at:
            yield from ((rule, kind.topic, subject) for subject in subjects_of(rule))


@pytest.mark.parametrize(
    ("rule", "topic", "subject"), list(reads()), ids=lambda value: getattr(value, "id", str(value))
)
def test_case_83_what_could_not_be_seen_is_unknown(rule: Rule, topic: str, subject: Subject) -> None:
    look = look_for(rule)
    if judge_subject(rule, look, subject).outcome is Outcome.NOT_APPLICABLE:
        assert {rule.id, f"{rule.id} {subject}"} & DOES_NOT_APPLY.keys()
        return
    dark = judge_subject(rule, darkened(look, topic), subject)
    assert (dark.outcome, dark.findings) == (Outcome.UNKNOWN, ())


def test_the_recorded_lab_and_the_clean_look_of_a_younger_topic_are_clean() -> None:
    bad = [
        (rule.id, subject.name, judged.outcome)
        for rule in RULES.values()
        for subject in subjects_of(rule)
        if (judged := judge_subject(rule, look_for(rule), subject)).outcome
        not in (Outcome.HOLDS, Outcome.NOT_APPLICABLE)
    ]
    assert bad == []


def test_every_rule_says_what_it_looks_at() -> None:
    assert [rule.id for rule in RULES.values() if not rule.looks_at and TOPICS[rule.topic].observers] == []
