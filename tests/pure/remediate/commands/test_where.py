"""`fleetkeeper where`: where a service runs, the command that enters it, and what nobody could see."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.commands import service_locations as locations
from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.schema import Node, Undecided
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import look_at_node
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.services import facts as services
from fleetkeeper.topics.services.facts import Task
from fleetkeeper.transport.commands import Output, Unobservable
from tests.recorded_lab import replayed

DARK = Unobservable("no answer within 2 s", node="vgpu")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return replayed("H", tmp_path_factory.mktemp("look")).fleets["lab"]


def without_node(fleet: Fleet, node: str) -> Fleet:
    """The same look, with one node that did not answer."""
    return replace(fleet, facts={key: DARK if key[0] == node else fact for key, fact in fleet.facts.items()})


def test_a_service_is_told_with_its_node_its_own_user_and_its_last_proven_backup(lab: Fleet) -> None:
    [entry] = locations.whereabouts(lab, "postgres")
    [location] = entry.locations
    assert (location.node, location.user) == ("data", "postgres")
    *ssh, inside = shlex.split(location.enter)
    assert (ssh[:2], ssh[-1]) == (["ssh", "-t"], "ops@127.0.0.1")
    assert shlex.split(inside) == ["sudo", "docker", "exec", "-it", "-u", "postgres", location.container, "sh"]
    assert entry.backup.startswith("backup_2026_11_29T12_00_01.sql.gz, written 2026-11-29 17:00 UTC")


def test_docker_s_name_of_a_service_is_understood_and_all_are_told_without_one(lab: Fleet) -> None:
    assert locations.whereabouts(lab, "rodan_postgres") == locations.whereabouts(lab, "postgres")
    assert [entry.service for entry in locations.whereabouts(lab)] == list(lab.inventory.services)


def test_a_name_that_nobody_has_is_refused_only_when_every_node_was_seen(lab: Fleet) -> None:
    with pytest.raises(UsageError, match="no service is called 'postgrse'") as refused:
        locations.whereabouts(lab, "postgrse")
    assert "postgres" in refused.value.hint
    [entry] = locations.whereabouts(without_node(lab, "vgpu"), "postgrse")
    assert entry.locations == ()


def test_a_dead_node_is_named_and_the_others_are_told(lab: Fleet) -> None:
    fleet = without_node(lab, "vgpu")
    lines = list(locations.where_lines(locations.whereabouts(fleet), locations.dark_nodes(fleet)))
    assert any(line.startswith("postgres: on data, container rodan_postgres.1.") for line in lines)
    assert "celery: runs on no node that was seen; it may run on vgpu" in lines
    assert lines[-1] == "not seen: vgpu: vgpu: no answer within 2 s" or lines[-1].startswith("not seen: vgpu: ")


def test_where_the_services_are_undecided_the_containers_are_told(lab: Fleet) -> None:
    undecided = Undecided(undecided="what was seen")
    fleet = replace(lab, inventory=lab.inventory.model_copy(update={"services": undecided, "sections": {}}))
    [entry] = locations.whereabouts(fleet, "rodan_postgres")
    assert entry.locations[0].node == "data"
    assert "the inventory names no user" in entry.locations[0].note
    assert len(locations.whereabouts(fleet)) > 3


def test_the_last_error_of_a_task_is_told(lab: Fleet) -> None:
    key = ("manager", "services")
    facts = lab.facts[key]
    assert isinstance(facts, services.Facts)
    failed = Task("rodan_celery", "vgpu", "shutdown", "failed", "task: non-zero exit (137)")
    fleet = replace(lab, facts={**lab.facts, key: replace(facts, tasks=(*facts.tasks, failed))})
    [entry] = locations.whereabouts(fleet, "celery")
    assert entry.task_error == "task: non-zero exit (137) (failed on vgpu)"


@pytest.mark.parametrize("name", ["x; reboot", "$(reboot)", "-v", "", "a\nb"])
def test_what_a_node_says_never_becomes_a_command_of_its_own(lab: Fleet, name: str) -> None:
    node = lab.inventory.nodes["data"]
    hostile = Container(id="4f; reboot", name=name, user="root; reboot")
    location = locations.location_of(lab.inventory, node, hostile, None)
    assert (location.enter, location.user) == ("", "")
    named = locations.location_of(lab.inventory, node, replace(hostile, id="0123456789ab"), None)
    assert shlex.split(shlex.split(named.enter)[-1])[-2:] == ["0123456789ab", "sh"]


def test_a_jump_is_named_as_ssh_takes_it_and_this_machine_needs_none(lab: Fleet) -> None:
    nodes = {
        "outer": Node(name="outer", address="gate.example", user="ops", port=2222),
        "inner": Node(name="inner", address="10.0.0.7", jump="outer"),
        "here": Node(name="here", connection="local"),
    }
    inventory = locations.with_jumps_resolved(lab.inventory.model_copy(update={"nodes": nodes}))
    words = locations.ssh_words(inventory, inventory.nodes["inner"])
    assert words[words.index("-J") + 1] == "ops@gate.example:2222"
    assert locations.enter_command(inventory, inventory.nodes["here"], "db", "x") == "docker exec -it -u x db sh"


def test_everything_is_asked_in_one_round_trip(lab: Fleet) -> None:
    rounds: list[int] = []

    class Counting:
        def ask(self, commands, room=0):
            rounds.append(len(commands))
            return [Output(0, b"[]") for _ in commands]

        def close(self) -> None: ...

    quick = lab.inventory.model_copy(update={"quick": True, "state": str(Path("/nonexistent"))})
    look_at_node(quick.nodes["data"], quick, lambda node: Counting(), locations.OBSERVERS)  # type: ignore[arg-type,return-value]
    assert rounds == [4]
