"""Who owns a finding: the first rule that matches, and whose turn it is by date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.owners import Matter, Owners, Rotation
from fleetkeeper.inventory.problems import InventoryError
from fleetkeeper.topics.registry import load_inventory

HEAD = """
nodes:
  data: {address: 127.0.0.1}
  vgpu: {address: 127.0.0.2}
services:
  celery: {name: shop_celery}
backups: {none: a test}
certificates: {none: a test}
people:
  database-team: {sentry: "#database", github: shop/database}
  web-team: {}
  ops: {mail: ops@example.org}
"""
OWNERS = """
owners:
  - {rule: "backups.*", owner: database-team}
  - {service: "*celery", owner: web-team}
  - {topic: volumes, node: data, owner: database-team}
  - {node: vgpu, owner: {rotate: [web-team, ops], every: 1 w, from: 2027-01-04, timezone: Europe/Vienna}}
  - {owner: ops}
"""
NOW = datetime(2027, 1, 12, 12, tzinfo=UTC)


def inventory_with_owners(tmp_path: Path, owners: str) -> Inventory:
    path = tmp_path / "mine.yml"
    path.write_text(HEAD + owners)
    return load_inventory(path)


@pytest.mark.parametrize(
    ("matter", "owner"),
    [
        (Matter("backups.are_fresh", "service", "celery", "vgpu"), "database-team"),
        (Matter("services.are_running", "service", "celery"), "web-team"),
        (Matter("volumes.will_last", "volume", "celery", "data"), "database-team"),
        (Matter("volumes.will_last", "volume", "dumps", "vgpu"), "ops"),
        (Matter("nodes.can_be_looked_at", "node", "vgpu"), "ops"),
        (Matter("nodes.can_be_looked_at", "node", "data"), "ops"),
        (Matter("mail.is_delivered", "fleet", "mine"), "ops"),
    ],
)
def test_the_first_rule_that_matches_decides(tmp_path: Path, matter: Matter, owner: str) -> None:
    owners = Owners(inventory_with_owners(tmp_path, OWNERS).owners, NOW)
    assert owners.owner_of(matter) == owner


def test_without_owners_nobody_owns_anything(tmp_path: Path) -> None:
    assert (
        Owners(inventory_with_owners(tmp_path, "").owners, NOW).owner_of(Matter("mail.is_delivered", "fleet", "mine"))
        == ""
    )


def test_a_promise_may_be_somebody_s_on_one_of_the_nodes(tmp_path: Path) -> None:
    inventory = inventory_with_owners(tmp_path, OWNERS)
    owners, matter = Owners(inventory.owners, NOW), Matter("volumes.will_last", "volume", "dumps")
    assert [owners.may_own(name, matter, inventory.nodes) for name in inventory.people] == [True, False, True]


@pytest.mark.parametrize(
    ("owners", "problem"),
    [
        ("owners:\n  - {owner: nobody}", 'no person or team "nobody"'),
        ("owners:\n  - {rule: backup.*, owner: ops}\n  - {owner: ops}", "mine.yml:14: owners[0].rule: no rule"),
        ("owners:\n  - {rule: 'cis:5.26', owner: ops}\n  - {owner: ops}", "mine.yml:14: owners[0].rule: no rule"),
        ("owners:\n  - {topic: backup, owner: ops}\n  - {owner: ops}", "mine.yml:14: owners[0].topic: no topic"),
        ("owners:\n  - {service: clery, owner: ops}\n  - {owner: ops}", "mine.yml:14: owners[0].service: no service"),
        ("owners:\n  - {node: date, owner: ops}\n  - {owner: ops}", "mine.yml:14: owners[0].node: no node"),
        ("owners:\n  - {nodes: data, owner: ops}\n  - {owner: ops}", "mine.yml:14: owners[0].nodes: unknown key"),
        ("owners:\n  - {rule: backups.*, owner: ops}", "mine.yml:13: owners: the last rule does not catch"),
        ("owners:\n  - {owner: ops}\n  - {node: data, owner: ops}", "mine.yml:13: owners: rule 1 catches all"),
        ("owners:\n  - {owner: {rotate: [op], every: 1 w, from: 2027-01-04}}", 'no person or team "op"'),
        (
            "owners:\n  - {owner: {rotate: [ops], every: 36 h, from: 2027-01-04}}",
            "every: is not a number of whole days",
        ),
        ("owners:\n  - {owner: {rotate: [ops], every: 1 w, from: 4 January}}", "from: "),
        ("owners:\n  - {owner: {rotate: [ops], every: 1 w}}", "from"),
        ("owners:\n  - {owner: {rotate: [], every: 1 w, from: 2027-01-04}}", "rotate"),
        ("owners:\n  - {owner: {rotate: [ops], every: 1 w, from: 2027-01-04, timezone: Vienna}}", "no time zone"),
    ],
)
def test_a_mistake_is_said_with_its_line(tmp_path: Path, owners: str, problem: str) -> None:
    with pytest.raises(InventoryError) as why:
        inventory_with_owners(tmp_path, owners)
    assert problem in str(why.value)


WEEKS = Rotation.model_validate(
    {"rotate": ("a", "b", "c"), "every": timedelta(weeks=1), "from": date(2027, 1, 4), "timezone": "Europe/Vienna"}
)


def test_turns_change_at_midnight_of_the_time_zone() -> None:
    last = datetime(2027, 1, 10, 22, 59, tzinfo=UTC)
    assert (WEEKS.on_turn(last), WEEKS.on_turn(last + timedelta(minutes=1))) == ("a", "b")
    assert WEEKS.turn_ends(last) == date(2027, 1, 11)


def test_a_change_of_clocks_moves_no_turn() -> None:
    before = datetime(2027, 3, 28, 21, 59, tzinfo=UTC)
    assert WEEKS.on_turn(before) != WEEKS.on_turn(before + timedelta(minutes=1))
    assert WEEKS.turn_ends(before) == date(2027, 3, 29)


@given(st.datetimes(datetime(1999, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))
def test_each_turn_lasts_as_long_as_it_should_and_the_next_is_somebody_else_s(now: datetime) -> None:
    assert WEEKS.on_turn(now + timedelta(weeks=3)) == WEEKS.on_turn(now) or now.month in (3, 10, 11)
    ends = WEEKS.turn_ends(now)
    assert (ends - date(2027, 1, 4)).days % 7 == 0
    noon = datetime(ends.year, ends.month, ends.day, 12, tzinfo=UTC)
    people = [WEEKS.on_turn(noon + timedelta(weeks=week)) for week in (-1, 0, 1, 2)]
    assert people[0] == WEEKS.on_turn(now)
    assert sorted(people[1:]) == ["a", "b", "c"]
