"""A team's own testinfra tests over our connections."""

from __future__ import annotations

import getpass
from collections.abc import Iterator

import pytest
import testinfra
import testinfra.backend
from testinfra.host import Host

from fleetkeeper import testinfra_backend
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.pool import Links


def example_inventory(*nodes: Node) -> Inventory:
    return Inventory.model_construct(name="test", path="", nodes={node.name: node for node in nodes}, waivers=())


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The machine that runs the tests, as a node called here."""
    monkeypatch.setitem(testinfra.backend.BACKENDS, "fleet", "fleetkeeper.testinfra_backend.FleetBackend")
    ours = example_inventory(Node(name="here", connection="local"), Node(name="there", connection="local"))
    monkeypatch.setattr(testinfra.host.Host, "_host_cache", {})
    with Links(ours) as links:
        testinfra_backend.use(ours, links)
        yield testinfra.get_host("fleet://here")
        testinfra_backend.forget()


def test_run_gives_status_output_and_error(host):
    done = host.run("echo out; echo err >&2; exit 3")
    assert (done.rc, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_case_15_exit_status_255_is_the_commands_own(host):
    assert host.run("exit 255").rc == 255


def test_arguments_are_quoted(host):
    assert host.check_output("printf %%s %s", "a b;$(c) 'd'") == "a b;$(c) 'd'"


def test_a_percent_sign_without_arguments_stays(host):
    assert host.check_output("printf %s x") == "x"


def test_output_that_is_not_ascii_needs_nothing_on_the_node(host):
    assert host.check_output("printf %%s %s", "Montréal") == "Montréal"
    assert host.run("printf '\\377'").stdout_bytes == b"\xff"
    assert host.run("printf '\\377'").stdout == "\udcff"


def test_the_modules_of_testinfra_work(host):
    assert host.file("/etc/passwd").exists
    assert host.file("/etc/passwd").contains("root:")
    assert host.user("root").uid == 0
    assert host.exists("sh")
    assert not host.exists("no-such-command")
    assert host.group("root").exists
    assert host.user().name == getpass.getuser()


def test_a_command_that_takes_too_long_is_an_error(host):
    slow = testinfra.get_host("fleet://here?timeout=1")
    with pytest.raises(RuntimeError, match="time limit of 1 s"):
        slow.run("sleep 20")


def test_names_in_test_reports_are_those_of_the_nodes(host):
    assert host.backend.get_pytest_id() == "here"
    assert [get_host.backend.get_pytest_id() for get_host in testinfra.get_hosts(["fleet://"])] == ["here", "there"]


def test_a_name_that_is_no_node_is_an_error_with_the_nearest_one(host):
    with pytest.raises(RuntimeError, match="did you mean here"):
        testinfra.get_host("fleet://heer")


def test_a_node_that_cannot_be_reached_is_an_error_that_names_it(host):
    dead = example_inventory(Node(name="dead", address="127.0.0.1", port=1))
    with Links(dead) as links:
        testinfra_backend.use(dead, links)
        with pytest.raises(RuntimeError, match=r"dead: 127\.0\.0\.1 port 1: connection refused"):
            testinfra.get_host("fleet://dead").run("true")


def test_without_an_inventory_there_are_no_hosts(host):
    testinfra_backend.forget()
    with pytest.raises(RuntimeError, match="--hosts"):
        testinfra.get_host("fleet://other")
