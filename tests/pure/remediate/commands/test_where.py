"""`fleetkeeper where`: where a service runs, the command that enters it, and what nobody could see."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.commands import service_locations as locations
from fleetkeeper.commands.enter_commands import Configured, EnterCommands, ssh_defaults
from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Undecided, Without
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import look_at_node
from fleetkeeper.topics.containers import facts as containers
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.services import facts as services
from fleetkeeper.topics.services.facts import Task
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.ssh.ssh_target import SshRequest
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
    with pytest.raises(UsageError, match="no service is called") as refused:
        locations.whereabouts(lab, "postgrse")
    assert "postgres" in refused.value.hint
    [entry] = locations.whereabouts(without_node(lab, "vgpu"), "postgrse")
    assert entry.locations == ()


def test_a_dead_node_is_named_and_the_others_are_told(lab: Fleet) -> None:
    fleet = without_node(lab, "vgpu")
    lines = list(locations.where_lines(locations.whereabouts(fleet), locations.dark_nodes(fleet)))
    assert any(line.startswith("postgres: on data, container rodan_postgres.1.") for line in lines)
    assert "celery: runs on no node that was seen; it may run on vgpu" in lines
    assert lines[-1] == "not seen: vgpu: no answer within 2 s"


def test_a_task_on_a_node_that_could_not_be_asked_is_not_said_to_be_outside_the_inventory(lab: Fleet) -> None:
    [entry] = locations.whereabouts(without_node(lab, "vgpu"), "celery")
    assert entry.task_error == "a task runs on vgpu, which was not seen"


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
    older = Task("rodan_celery", "data", "shutdown", "rejected", "No such image", age=90000.0)
    failed = Task("rodan_celery", "vgpu", "shutdown", "failed", "task: non-zero exit (137)", age=7200.0)
    fleet = replace(lab, facts={**lab.facts, key: replace(facts, tasks=(*facts.tasks, older, failed))})
    [entry] = locations.whereabouts(fleet, "celery")
    assert entry.task_error == "task: non-zero exit (137) (failed on vgpu, 2 h ago)"


@pytest.mark.parametrize("name", ["x; reboot", "$(reboot)", "-v", "", "a\nb"])
def test_what_a_node_says_never_becomes_a_command_of_its_own(lab: Fleet, name: str) -> None:
    node, entering = lab.inventory.nodes["data"], EnterCommands(lab.inventory)
    hostile = Container(id="4f; reboot", name=name, user="root; reboot")
    location = locations.location_of(node, hostile, None, entering)
    assert (location.enter, location.user) == ("", "")
    named = locations.location_of(node, replace(hostile, id="0123456789ab"), None, entering)
    assert shlex.split(shlex.split(named.enter)[-1])[-2:] == ["0123456789ab", "sh"]


def with_containers(fleet: Fleet, **nodes: Container) -> Fleet:
    """The same look with these containers alone, one on each node."""
    facts = {(node, "containers"): containers.Facts("present", ()) for node in fleet.inventory.nodes}
    facts |= {(node, "containers"): containers.Facts("present", (box,)) for node, box in nodes.items()}
    return replace(fleet, facts={**fleet.facts, **facts})


SWARM = {"com.docker.swarm.service.name": "rodan_celery"}
ID = "0123456789abcdef" * 4


def test_a_service_on_several_nodes_is_told_on_each(lab: Fleet) -> None:
    box = Container(id=ID, name="rodan_celery.a", labels=SWARM)
    [entry] = locations.whereabouts(with_containers(lab, data=box, vgpu=box, manager=box), "celery")
    assert {location.node for location in entry.locations} == {"data", "vgpu", "manager"}
    assert all(location.user == "www-data" for location in entry.locations)


@pytest.mark.parametrize(
    "name", ["celery", "rodan_celery", "cel", "CELERY", "rodan_cel", "rodan_celery.a", ID, ID[:12], "rodan_celery.a.x"]
)
def test_each_name_that_a_person_may_know_is_understood_and_brings_the_inventory_s_user(lab: Fleet, name: str) -> None:
    fleet = with_containers(lab, data=Container(id=ID, name="rodan_celery.a.x", labels=SWARM))
    [entry] = locations.whereabouts(fleet, name)
    assert (entry.service, entry.locations[0].user) == ("celery", "www-data")


def test_a_beginning_that_several_have_is_told_for_each(lab: Fleet) -> None:
    keys = [entry.service for entry in locations.whereabouts(with_containers(lab), "rodan_")]
    assert {"postgres", "nginx", "celery"} <= set(keys)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("exited", "exited, exit status 137"),
        ("dead", "dead, exit status 137"),
        ("created", "created, it never ran"),
        ("paused", "paused"),
        ("restarting", "restarting, exit status 137"),
    ],
)
def test_what_does_not_run_is_told_and_nobody_is_sent_into_it(lab: Fleet, state: str, shown: str) -> None:
    pid = 7 if state == "paused" else 0
    box = Container(id=ID, name="rodan_celery.a", labels=SWARM, state=state, exit_code=137, pid=pid)
    [entry] = locations.whereabouts(with_containers(lab, data=box), "celery")
    [location] = entry.locations
    assert (location.state, location.enter, location.note) == (shown, "", "it does not run, and nobody can enter it")
    lines = list(locations.where_lines([entry], {}))
    assert lines[:2] == ["celery: runs on no node", f"  seen   on data, container rodan_celery.a ({shown})"]
    assert not entry.runs


def test_why_the_swarm_starts_none_is_told(lab: Fleet) -> None:
    key = ("manager", "services")
    facts = lab.facts[key]
    assert isinstance(facts, services.Facts)
    task = Task("rodan_gpu", "", "running", "pending", "no suitable node (scheduling constraints not satisfied)")
    gpu = services.SwarmService("s9", "rodan_gpu", constraints=("node.labels.queue == TPU",))
    swarm = replace(facts, tasks=(task,), services=(*facts.services, gpu))
    [entry] = locations.whereabouts(replace(lab, facts={**lab.facts, key: swarm}), "rodan_gpu")
    assert entry.locations == ()
    assert "no member meets `node.labels.queue == TPU`" in entry.task_error
    assert next(locations.where_lines([entry], {})) == "rodan_gpu: runs on no node"


def test_a_swarm_that_was_not_seen_is_named_beside_containers_that_were(lab: Fleet) -> None:
    dark = Unobservable(
        "`docker service inspect` exited 71: x", node="manager", cause="the Docker engine does not answer"
    )
    fleet = replace(lab, facts={**lab.facts, ("manager", "services"): dark})
    assert locations.dark_nodes(fleet) == {"manager": "the Docker engine does not answer"}


def test_a_jump_is_named_as_ssh_takes_it_and_this_machine_needs_none() -> None:
    assert words_to("inner") == ["-J", "ops@gate.example:2222", "10.0.0.7"]
    assert words_to("deep") == ["-p", "23", "-J", "ops@gate.example:2222,10.0.0.7", "root@10.0.0.8"]
    assert words_to("foreign") == ["-J", "me@a.example", "10.0.0.9"]
    assert enter_in("here") == "docker exec -it -u x db sh"
    assert enter_in("rooted") == "sudo docker exec -it -u x db sh"
    assert enter_in("far") == "docker exec -it -u x db sh   # on far (docker://box)"


def test_an_account_that_may_only_look_is_none_to_enter_with() -> None:
    assert words_to("watched") == ["10.0.0.6"]
    assert shlex.split(enter_in("watched"))[-1].startswith("sudo docker exec")


def test_each_host_on_the_way_gets_the_inventory_s_keys_and_its_own_identity(tmp_path: Path) -> None:
    """`-J` would give it neither: ssh(1) says that options on the command line are for the last host alone."""
    (tmp_path / "known_hosts").write_text("")
    words = words_to("deep", path=str(tmp_path / "mine.yml"))
    keys = f"UserKnownHostsFile=~/.ssh/known_hosts ~/.ssh/known_hosts2 {tmp_path}/known_hosts"
    assert words[:4] == ["-p", "23", "-o", keys]
    proxy = shlex.split(words[-2].removeprefix("ProxyCommand="))
    assert proxy[:3] == ["ssh", "-o", keys]
    assert proxy[-3:] == ["-W", "[%h]:%p", "10.0.0.7"]
    inner = shlex.split(proxy[4].removeprefix("ProxyCommand=").replace("%%", "%"))
    assert inner == ["ssh", "-p", "2222", "-o", keys, "-W", "[%h]:%p", "ops@gate.example"]


def test_jumps_of_the_user_s_own_configuration_are_written_out_only_where_their_keys_are_ours(tmp_path: Path) -> None:
    def configured(request: SshRequest) -> Configured:
        return Configured(("bastion",) if request.address == "10.0.0.6" else (), ("/k h",))

    assert words_to("plain", configured) == ["10.0.0.6"]
    (tmp_path / "known_hosts").write_text("")
    words = words_to("plain", configured, path=str(tmp_path / "mine.yml"))
    assert words[1] == f'UserKnownHostsFile="/k h" {tmp_path}/known_hosts'
    assert words[3].endswith(" -W '[%h]:%p' bastion")


def test_jumps_without_an_end_are_a_note_and_no_command(lab: Fleet) -> None:
    circle = EnterCommands(lab.inventory, lambda request: Configured(("round",)))
    location = locations.location_of(lab.inventory.nodes["data"], Container(id=ID, name="db"), None, circle)
    assert location.enter == ""
    assert "its jump hosts are too many, or lead in a circle" in location.note


NODES = {
    "outer": {"address": "gate.example", "user": "ops", "port": 2222},
    "inner": {"address": "10.0.0.7", "jump": "outer"},
    "deep": {"address": "10.0.0.8", "jump": "inner", "user": "root", "port": 23},
    "foreign": {"address": "10.0.0.9", "jump": "me@a.example"},
    "plain": {"address": "10.0.0.6"},
    "watched": {"address": "10.0.0.6", "user": "audit", "sudo": "audit"},
    "here": {"connection": "local"},
    "rooted": {"connection": "local", "sudo": True},
    "far": {"connection": "docker://box"},
}


def inventory_of(path: str) -> Inventory:
    nodes = {name: Node.model_validate({"name": name, **fields}) for name, fields in NODES.items()}
    return Inventory(name="mine", path=path, nodes=nodes, services=Without(none="a test"))


def words_to(name: str, configured: Callable[[SshRequest], Configured] = ssh_defaults, path: str = "") -> list[str]:
    inventory = inventory_of(path)
    return EnterCommands(inventory, configured).ssh_words(inventory.nodes[name])


def enter_in(name: str) -> str:
    inventory = inventory_of("")
    return EnterCommands(inventory).enter(inventory.nodes[name], "db", "x")


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


def test_no_command_may_take_longer_than_a_person_waits(lab: Fleet) -> None:
    limits: set[float] = set()

    class Hanging:
        def ask(self, commands, room=0):
            limits.update(command.limit for command in commands)
            return [Output(None, lost="time limit of 2 s", command=str(command)) for command in commands]

        def close(self) -> None: ...

    node = lab.inventory.nodes["data"]
    facts = look_at_node(node, lab.inventory, lambda node: Hanging(), locations.observers_within(2.0))  # type: ignore[arg-type,return-value]
    assert max(limits) == 2.0
    assert {why.cause for why in facts.values()} == {"commands there take too long"}
