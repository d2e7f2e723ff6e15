"""Which node's host a check gets for a subject that is no node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.registry import RULES
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.verdict_fixture import find_node, node_of
from tests.recorded_lab import recordings, replayed


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return replayed(recordings()[0], tmp_path).fleets["lab"]


def test_a_volume_is_on_the_node_that_the_inventory_names(fleet: Fleet) -> None:
    [volume] = RULES["volumes.are_within_budget"].each(fleet.inventory)
    assert (volume.kind, node_of("lab", volume, several=False)) == ("volume", "data")
    assert node_of("lab", volume, several=True) == "lab:data"
    assert volume == Subject("volume", volume.name)


def test_a_service_and_its_certificate_are_where_it_was_seen_running(fleet: Fleet) -> None:
    assert find_node(fleet, Subject("service", "postgres")) == "vgpu"
    assert find_node(fleet, Subject("certificate", "rodan.lab.example")) == "manager"


def test_a_service_on_several_nodes_and_the_fleet_have_no_one_host(fleet: Fleet) -> None:
    there = fleet.facts["vgpu", "containers"]
    twice = replace(fleet, facts={**fleet.facts, ("data", "containers"): there, ("manager", "containers"): there})
    with pytest.raises(UsageError, match="the service postgres runs on data, manager, vgpu, so there is no one host"):
        find_node(twice, Subject("service", "postgres"))
    with pytest.raises(UsageError, match="the service rodan runs nowhere"):
        find_node(twice, Subject("service", "rodan"))
    with pytest.raises(UsageError, match="the fleet lab is on no node of its own"):
        find_node(fleet, Subject("fleet", "lab"))


def test_while_a_node_was_not_seen_nobody_knows_where_a_service_runs(fleet: Fleet) -> None:
    facts = {key: Unobservable("dark") if key == ("data", "containers") else fact for key, fact in fleet.facts.items()}
    with pytest.raises(Unobservable, match="dark"):
        find_node(replace(fleet, facts=facts), Subject("service", "postgres"))
