"""The engine over a real SSH connection that is cut: silently while it holds a lock, or at any byte of a fix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.writing import Stream, WritingLink, writing_link
from remediate.lock import Busy, HeldLock, start_holder
from remediate.plan_end import End
from tests.helpers.local_nodes import LocalNodes
from tests.helpers.sshd import Sshd, run_sshd
from tests.helpers.tcp_proxy import TcpProxy, run_proxy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd"), options=["MaxSessions 30", "MaxStartups 100"]) as running:
        yield running


def links_over(server: Sshd, laid: TcpProxy | None) -> Links:
    """Links to the server, through the connection when there is one."""
    node = server.node("a", sudo=False)
    if laid:
        keys = server.known_hosts.read_text().replace(f":{server.port} ", f":{laid.port} ")
        with server.known_hosts.open("a") as known_value:
            known_value.write(keys)
        node = node.model_copy(update={"port": laid.port})
    inventory = Inventory.model_construct(name="test", path="", nodes={"a": node}, waivers=())
    return Links(inventory, ssh_config=str(server.config))


def open_link(links: Links) -> WritingLink:
    return writing_link(links.to(links.inventory.nodes["a"]))


def test_case_81_a_cut_connection_frees_the_lock_in_time_and_until_then_nobody_else_gets_in(
    server: Sshd, tmp_path: Path
) -> None:
    path, patience = str(tmp_path / "lock"), 3
    with (
        run_proxy((server.address, server.port)) as laid,
        links_over(server, laid) as far,
        links_over(server, None) as near,
    ):
        stream = start_holder(open_link(far), "a", path, "the one with the cut connection", patience)
        held = HeldLock("a", stream, beat=0.2, answer=0.5)
        laid.cut()
        cut_at = time.monotonic()
        refused = 0
        while (second := try_once(open_link(near), path, patience)) is None:
            refused += 1
            assert time.monotonic() - cut_at < patience + 2
            time.sleep(0.2)
        assert refused > 3
        assert time.monotonic() - cut_at > patience - 1
        assert not held.alive()
        held.over.set()
        second.close_write()
        assert second.wait(5.0) == 0


def try_once(near: WritingLink, path: str, patience: int) -> Stream | None:
    """The second holder, or None: the first has it still, or has removed its line in this moment."""
    try:
        return start_holder(near, "a", path, "the second", patience)
    except Busy as busy:
        holders = ("the one with the cut connection", "somebody who is just letting go")
        assert busy.who in holders  # noqa: PT017  # it is one of many tries
        return None


@pytest.fixture
def local(tmp_path: Path) -> LocalNodes:
    return LocalNodes(tmp_path, says={"a": "old a\n"})


def whole_fix(local: LocalNodes, server: Sshd, reset_after: int | None) -> tuple[list[End], int]:
    """One fix over the connection, reset after so many bytes of it were sent. Returns its ends and the bytes sent."""
    proposal = local.propose()
    with run_proxy((server.address, server.port)) as laid, links_over(server, laid) as links:
        far = open_link(links)
        laid.sent, laid.reset_after = 0, reset_after
        local.links["a"].inner = Reconnecting(links, far)  # type: ignore[assignment]
        ends = [ended.end for ended in local.fix(proposal)]
        return ends, laid.sent


class Reconnecting:
    """The pool's link of a node: another one once it is dead."""

    def __init__(self, links: Links, first: WritingLink) -> None:
        self.links, self.first = links, first

    def __getattr__(self, name: str) -> object:
        return getattr(open_link(self.links), name)


def test_over_a_whole_connection_it_is_fixed(local: LocalNodes, server: Sshd) -> None:
    ends, sent = whole_fix(local, server, None)
    assert ends == [End.FIXED]
    assert sent > 3000


@pytest.mark.parametrize("part", range(12))
def test_case_29_reset_at_any_point_of_a_fix_the_file_is_old_or_new_and_the_end_says_which(
    local: LocalNodes, server: Sshd, part: int
) -> None:
    [end], _ = whole_fix(local, server, 40 + part * 900)
    text = local.texts()["a"]
    assert text in {"old a\n", "new a\n"}
    if end is End.FIXED:
        assert text == "new a\n"
    local.links["a"].inner = type(local.links["a"])().inner
    wait_for_lock(local)
    assert [ended.end for ended in local.fix()] in ([End.FIXED], [])
    assert local.texts()["a"] == "new a\n"


def wait_for_lock(local: LocalNodes) -> None:
    deadline = time.monotonic() + 30
    while list(local.folder.glob("lock.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
