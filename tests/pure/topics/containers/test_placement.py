"""Discovery: none, one and many are different answers, and all are guesses while a node was not seen."""

from datetime import UTC, datetime

import pytest

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service, Without
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Container, Facts
from fleetkeeper.transport.commands import Unobservable

SWARM = "com.docker.swarm.service.name"
COMPOSE = "com.docker.compose.service"
PROJECT = "com.docker.compose.project"


def example_fleet(service: str = "rodan_postgres", **nodes: Facts | Unobservable) -> Fleet:
    inventory = Inventory.model_construct(
        name="lab",
        nodes={name: Node(name=name, address="192.0.2.1") for name in nodes},
        services={"postgres": Service(key="postgres", name=service)},
    )
    return Fleet(inventory, datetime.now(UTC), {(name, "containers"): facts for name, facts in nodes.items()})


def holding(*containers: Container) -> Facts:
    return Facts("present", containers)


def make_task(name: str = "rodan_postgres", state: str = "running") -> Container:
    return Container(id="a" * 64, name=f"{name}.1.x7k", labels={SWARM: name}, state=state)


def test_a_swarm_service_is_found_where_it_runs():
    [location] = placement.running_placements(example_fleet(manager=holding(), vgpu=holding(make_task())), "postgres")
    assert location.node == "vgpu"


def test_none_and_many_are_answers_too():
    assert placement.running_placements(example_fleet(manager=holding()), "postgres") == ()
    assert (
        len(
            placement.running_placements(
                example_fleet(manager=holding(make_task()), vgpu=holding(make_task())), "postgres"
            )
        )
        == 2
    )


def test_a_part_of_a_name_is_never_enough():
    near = (make_task("rodan_postgres_exporter"), Container("b" * 64, "old_rodan_postgres"), make_task("postgres"))
    assert placement.running_placements(example_fleet(vgpu=holding(*near)), "postgres") == ()


@pytest.mark.parametrize("name", ["postgres", "rodan/postgres", "rodan-postgres-1"])
def test_a_compose_service_is_found_by_service_by_project_and_service_or_by_exact_name(name):
    container = Container("c" * 64, "rodan-postgres-1", labels={COMPOSE: "postgres", PROJECT: "rodan"})
    assert placement.running_placements(example_fleet(name, vgpu=holding(container)), "postgres")


def test_a_visit_by_compose_run_is_not_the_service():
    labels = {COMPOSE: "postgres", PROJECT: "rodan", "com.docker.compose.oneoff": "True"}
    visit = Container("c" * 64, "rodan-postgres-run-5f", labels=labels)
    assert placement.running_placements(example_fleet("postgres", vgpu=holding(visit)), "postgres") == ()


@pytest.mark.parametrize("state", ["created", "paused", "restarting", "removing", "exited", "dead"])
def test_a_container_that_does_not_run_is_no_placement(state):
    stopped = example_fleet(vgpu=holding(make_task(state=state)))
    assert placement.running_placements(stopped, "postgres") == ()
    assert len(placement.all_placements(stopped, "postgres")) == 1


def test_nothing_is_said_while_a_node_that_could_hold_one_was_not_seen():
    with pytest.raises(Unobservable, match="data"):
        placement.running_placements(
            example_fleet(vgpu=holding(make_task()), data=Unobservable("no route to host")), "postgres"
        )


def test_a_node_without_docker_can_hold_nothing():
    assert placement.running_placements(example_fleet(data=Facts("absent"), vgpu=holding(make_task())), "postgres")


def test_an_inventory_without_services_says_why():
    without = Inventory.model_construct(name="x", nodes={}, services=Without(none="no containers here"))
    with pytest.raises(NotApplicable, match="no containers here"):
        placement.running_placements(Fleet(without, datetime.now(UTC), {}), "postgres")


def test_a_container_knows_whether_the_inventory_declares_it():
    seen = example_fleet(vgpu=holding(make_task()))
    assert placement.declared_service(seen, make_task()) == "postgres"
    assert placement.declared_service(seen, make_task("redis")) == ""
