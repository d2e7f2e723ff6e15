"""When connections of an audit begin and end: begun before they are needed, and not kept when nobody needs them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from fleet.audit import Audit, letting_go, silent
from fleet.commands import Command, Unobservable
from fleet.facts import Fleet
from fleet.inventory import Inventory
from fleet.links.pool import Links
from fleet.schema import Node
from tests.linking import inventory, links_to
from tests.sshd import Sshd, sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


def audit_of(*nodes: Node) -> Audit:
    """An audit that has looked already: what it sees is none of our business here."""
    all_nodes = inventory(*nodes)
    return Audit({all_nodes.name: all_nodes}, fleets={all_nodes.name: fleet_of(all_nodes)})


def fleet_of(all_nodes: Inventory) -> Fleet:
    return Fleet(all_nodes, datetime.now(UTC), {})


def says(links: Links, node: Node) -> str:
    [answer] = links.to(node).ask([Command(("echo", "here"))])
    return answer.text()


def test_a_connection_that_was_let_go_is_closed_and_made_anew_when_it_is_needed(server: Sshd) -> None:
    node = server.node()
    with links_to(server, node) as links:
        first = links.to(node)
        links.let_go(node.name)
        with pytest.raises(Unobservable):
            first.ask([Command(("true",))])
        assert links.to(node) is not first
        assert says(links, node) == "here\n"


def test_a_node_that_others_are_reached_through_is_kept(server: Sshd) -> None:
    manager, data = server.node("manager"), server.node("data", jump="manager")
    with links_to(server, manager, data) as links:
        assert says(links, data) == says(links, manager) == "here\n"
        links.let_go("manager")
        assert says(links, data) == "here\n"
        links.let_go("data")
        assert says(links, manager) == "here\n"


def test_letting_go_of_nothing_is_nothing(server: Sshd) -> None:
    node = server.node()
    with links_to(server, node) as links:
        links.let_go(node.name)
        assert says(links, node) == "here\n"


def test_a_node_that_could_not_be_reached_is_not_tried_again_because_it_was_let_go(server: Sshd) -> None:
    node = server.node(port=1)
    with links_to(server, node) as links:
        with pytest.raises(Unobservable):
            links.to(node)
        links.let_go(node.name)
        assert links.places[node.name].dead


def test_a_node_is_let_go_when_it_has_been_looked_at_and_the_progress_is_told(server: Sshd) -> None:
    node, told = server.node(), []
    with links_to(server, node) as links:
        links.to(node)
        letting_go(links, lambda *done: told.append(done))(node.name, True)
        assert told == [(node.name, True)]
        assert links.places == {}


def test_connections_are_begun_in_the_background_and_ended_with_the_audit(server: Sshd) -> None:
    node = server.node()
    audit = audit_of(node)
    [name] = audit.inventories
    with links_to(server, node) as links:
        audit.pools[name] = links
        audit.connect()
        deadline = time.monotonic() + 10
        while not (links.places.get(node.name) and links.places[node.name].held) and time.monotonic() < deadline:
            time.sleep(0.01)
        held = links.places[node.name].held
        assert held is links.to(node)
        audit.look(silent)
        assert audit.connecting == []
        audit.close()
        with pytest.raises(Unobservable):
            links.to(node)


def test_a_node_that_cannot_be_reached_disturbs_nobody_in_the_background(server: Sshd) -> None:
    node = server.node(port=1)
    audit = audit_of(node)
    [name] = audit.inventories
    with links_to(server, node) as links:
        audit.pools[name] = links
        audit.connect()
        [pool] = audit.connecting
        pool.shutdown(wait=True)
        assert links.places[node.name].dead
