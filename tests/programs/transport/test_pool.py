"""Connections that nobody needs any more: closed, and made anew for whoever asks again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleetkeeper.audit import closing_progress
from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.pool import Links
from tests.helpers.ssh_links import links_to
from tests.helpers.sshd import Sshd, run_sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


def says_that(links: Links, node: Node) -> str:
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
        assert says_that(links, node) == "here\n"


def test_a_node_that_others_are_reached_through_is_kept(server: Sshd) -> None:
    manager, data = server.node("manager"), server.node("data", jump="manager")
    with links_to(server, manager, data) as links:
        assert says_that(links, data) == says_that(links, manager) == "here\n"
        links.let_go("manager")
        assert says_that(links, data) == "here\n"
        links.let_go("data")
        assert says_that(links, manager) == "here\n"


def test_letting_go_of_nothing_is_nothing(server: Sshd) -> None:
    node = server.node()
    with links_to(server, node) as links:
        links.let_go(node.name)
        assert says_that(links, node) == "here\n"


def test_a_node_that_could_not_be_reached_is_not_tried_again_because_it_was_let_go(server: Sshd) -> None:
    node = server.node(port=1)
    with links_to(server, node) as links:
        with pytest.raises(Unobservable):
            links.to(node)
        links.let_go(node.name)
        assert links.slots[node.name].dead


def test_a_node_is_let_go_when_it_has_been_looked_at_and_the_progress_is_told(server: Sshd) -> None:
    node, text = server.node(), []
    with links_to(server, node) as links:
        links.to(node)
        closing_progress(links, lambda *done: text.append(done))(node.name, True)
        assert text == [(node.name, True)]
        assert links.slots == {}


def test_a_node_without_ssh_is_let_go_whatever_its_inventory_says_of_a_jump(server: Sshd) -> None:
    gate = Node(name="gate", connection="local")
    nodes = [server.node(), gate, Node(name="here", connection="local", jump="gate")]
    with links_to(server, *nodes) as links:
        for node in (nodes[0], nodes[2]):
            links.to(node)
            links.let_go(node.name)
        assert links.slots == {}
