"""A section that nobody has decided is one unknown that quotes it; everything else is judged as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_rules, subjects_of
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.registry import RULES, load_inventory
from tests.pure.judging.test_unobservable import FLEET

TEXT = Path(FLEET.inventory.path).read_text()
SEEN = "postgres runs in shop/postgres on data; no dumps were seen"
BARE = "nodes: {data: {connection: local}}\nbackups: {none: a test}\ncertificates: {none: a test}\n"
SECTIONS = {
    "services": "services.are_running",
    "backups": "backups.are_fresh",
    "certificates": "certificates.are_valid",
    "mail": "mail.is_delivered",
}


def with_undecided(key: str, section: str = f'{{undecided: "{SEEN}"}}') -> Inventory:
    """The lab's inventory with one section, however long, replaced."""
    if key == "services":
        return load_inventory(Path("mine.yml"), f"{BARE}services: {section}\n")
    lines, skipping = [], False
    for line in TEXT.splitlines():
        if not line.startswith((" ", "#")) and line:
            skipping = line.startswith(f"{key}:")
            lines += [f"{key}: {section}"] if skipping else []
        lines += [] if skipping else [line]
    return load_inventory(Path(FLEET.inventory.path), "\n".join(lines) + "\n")


def verdicts_about(inventory: Inventory) -> list[Verdict]:
    """What every rule says about the recorded look under another inventory."""
    return judge_rules(RULES.values(), Fleet(inventory, FLEET.looked_at, FLEET.facts))


@pytest.mark.parametrize("key", SECTIONS)
def test_an_undecided_section_is_exactly_one_unknown_that_quotes_it(key: str) -> None:
    about = [verdict for verdict in verdicts_about(with_undecided(key)) if SEEN in str(verdict.unknown)]
    [verdict] = about
    [why] = verdict.unknown
    assert (verdict.outcome, verdict.rule.id, verdict.subject.name) == (Outcome.UNKNOWN, SECTIONS[key], key)
    assert why.why == f"`{key}` is undecided: {SEEN}"
    assert "none: why" in why.hint


@pytest.mark.parametrize("key", SECTIONS)
def test_the_first_rule_of_a_topic_reports_its_undecided_section(key: str) -> None:
    inventory = with_undecided(key)
    reporters = [
        rule.id
        for rule in RULES.values()
        for subject in subjects_of(rule, inventory)
        if subject.kind == "section" and subject.name == key
    ]
    assert reporters == [SECTIONS[key]]


@pytest.mark.parametrize("key", ["backups", "certificates"])
def test_everything_else_is_judged_as_with_none(key: str) -> None:
    """But for what no backups cover: with `none` each is a finding, and here one unknown says it already."""
    left_out = f"{key}.cover_every_"
    without = {
        (verdict.rule.id, verdict.subject.name): verdict.outcome
        for verdict in verdicts_about(with_undecided(key, "{none: a test}"))
        if verdict.outcome is not Outcome.NOT_APPLICABLE and not verdict.rule.id.startswith(left_out)
    }
    undecided = {
        (verdict.rule.id, verdict.subject.name): verdict.outcome
        for verdict in verdicts_about(with_undecided(key))
        if verdict.outcome is not Outcome.NOT_APPLICABLE and verdict.subject.kind != "section"
    }
    assert undecided == without


@pytest.mark.parametrize(
    ("inner", "reporters"), [("acme", {"will_renew"}), ("outside", {"are_valid", "are_served_as_on_disk"})]
)
def test_a_part_of_a_certificate_may_be_undecided_and_the_rest_of_it_is_judged(inner: str, reporters: set[str]) -> None:
    open_part = f'{inner}: {{undecided: "{SEEN}"}}'
    section = f"[{{name: rodan.lab.example, service: nginx, allow_issuer: [Pebble *], {open_part}}}]"
    quoting = {
        verdict.rule.name
        for verdict in verdicts_about(with_undecided("certificates", section))
        if any(SEEN in why.why for why in verdict.unknown)
    }
    assert quoting & reporters
    assert "have_hsts" not in quoting


@pytest.mark.parametrize(
    "written", ['{undecided: ""}', "{undecided: x, none: y}", "{undecided: {a: b}}", "{undecided: 7}"]
)
def test_an_undecided_section_needs_words_and_stands_alone(written: str) -> None:
    with pytest.raises(UsageError, match="backups"):
        with_undecided("backups", written)


@pytest.mark.parametrize("key", ["services", "backups", "certificates"])
def test_a_rule_of_an_undecided_topic_that_is_picked_by_hand_is_never_green_nor_left_out(key: str) -> None:
    """Nobody else tells that the section is undecided where its reporter is not asked."""
    inventory = with_undecided(key)
    fleet = Fleet(inventory, FLEET.looked_at, FLEET.facts)
    picked = [rule for rule in RULES.values() if rule.id not in SECTIONS.values()]
    verdicts = {rule.id: judge_rules([rule], fleet) for rule in picked if rule.topic == key}
    assert len(verdicts) > 3
    assert {verdict.outcome for judged in verdicts.values() for verdict in judged} <= {Outcome.UNKNOWN}
    assert all(SEEN in str(verdict.unknown) for judged in verdicts.values() for verdict in judged)


def test_a_rule_of_another_topic_that_needs_the_undecided_section_is_unknown_alone_and_left_out_beside_its_reporter():
    fleet = Fleet(with_undecided("backups"), FLEET.looked_at, FLEET.facts)
    rule, reporter = RULES["schedules.backup_runs_where_postgres_runs"], RULES[SECTIONS["backups"]]
    assert [verdict.outcome for verdict in judge_rules([rule], fleet)] == [Outcome.UNKNOWN]
    assert [verdict.outcome for verdict in judge_rules([rule, reporter], fleet)] == [
        Outcome.NOT_APPLICABLE,
        Outcome.UNKNOWN,
    ]
