"""Links against real servers: an sshd on a loopback port, this machine's shells, and things that go wrong."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.commands import Command, Unobservable
from fleet.inventory import Inventory
from fleet.links import Link, conversation, processes
from fleet.links.host_keys import shown_keys
from fleet.links.local import LocalLink
from fleet.links.pool import Links
from fleet.links.through_testinfra import TestinfraLink, batches
from fleet.links.writing import WritingLink, writing
from fleet.schema import Node
from tests.sshd import Sshd, gone, keygen, pids_of, public, sshd

ROOT = Path(__file__).parents[2]
KINDS = ("own", "ssh", "local")


def inventory(*nodes: Node) -> Inventory:
    return Inventory.model_construct(name="test", path="", nodes={node.name: node for node in nodes}, waivers=())


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are told to leave get less time for it than outside of tests."""
    monkeypatch.setattr(processes, "LEAVE", 0.3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd"), options=["MaxSessions 30", "MaxStartups 100"]) as running:
        yield running


def links_to(server: Sshd, *nodes: Node, limit: float = 10.0) -> Links:
    return Links(inventory(*nodes), ssh_config=str(server.config), limit=limit)


@pytest.fixture(scope="module")
def all_links(server: Sshd) -> Iterator[dict[str, WritingLink]]:
    """The same machine over each kind of link."""
    connections = {"own": "", "ssh": "ssh", "local": "local"}
    nodes = [server.node(kind, sudo=True, connection=connections[kind]) for kind in KINDS]
    with links_to(server, *nodes) as links:
        yield {node.name: writing(links.to(node)) for node in nodes}


@pytest.fixture(params=KINDS)
def link(request: pytest.FixtureRequest, all_links: dict[str, WritingLink]) -> WritingLink:
    """One kind of link after the other."""
    return all_links[request.param]


def on_all(links: dict[str, WritingLink], check: Callable[[WritingLink], None]) -> None:
    """A check that mostly waits, on all kinds of links side by side; the first failure is raised."""
    with ThreadPoolExecutor(len(links)) as pool:
        for done in [pool.submit(check, link) for link in links.values()]:
            done.result()


def sh(script: str, *args: str, limit: float = 30.0) -> Command:
    return Command(("sh", "-c", script, "sh", *args), limit=limit)


# Asking


def test_each_command_has_its_own_answer(link):
    first, second, third = link.ask([sh("echo out; echo err >&2"), sh("exit 3"), Command(("echo", "third"))])
    assert (first.rc, first.out, first.err) == (0, b"out\n", b"err\n")
    assert (second.rc, third.out) == (3, b"third\n")


def test_nothing_asked_is_nothing_answered(link):
    assert link.ask([]) == []


def test_case_15_exit_status_255_is_no_failure_of_ssh(link):
    [answer] = link.ask([sh("exit 255")])
    assert answer.rc == 255
    assert not answer.lost


def test_any_bytes_come_through(link):
    octal = "".join(f"\\{byte:03o}" for byte in range(256))
    [answer] = link.ask([Command(("printf", octal))])
    assert answer.out == bytes(range(256))


def test_case_2_words_are_words(link, tmp_path):
    canary = tmp_path / "canary"
    hostile = f"$(touch {canary}); touch {canary}\n`touch {canary}`"
    [answer] = link.ask([Command(("printf", "%s", hostile))])
    assert answer.out.decode() == hostile
    assert not canary.exists()


def test_the_controllers_clock_stands_around_the_round_trip(link):
    before = time.time()
    [answer] = link.ask([Command(("true",))])
    assert before <= answer.sent <= answer.received <= time.time()


def test_a_lot_of_output_on_both_streams_does_not_stall(link):
    script = "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; head -c 5000000 /dev/zero"
    [answer] = link.ask([sh(script)])
    assert (len(answer.out), len(answer.err), answer.rc) == (10_000_000, 5_000_000, 0)


def test_a_long_script_goes_through(link):
    commands = [Command(("printf", "%s", "x" * 100_000)) for _ in range(20)]
    assert [len(answer.out) for answer in link.ask(commands)] == [100_000] * 20


def test_case_14_a_hung_command_costs_only_its_own_facts(all_links):
    def check(link: WritingLink) -> None:
        before = time.monotonic()
        commands = [Command(("echo", "1")), Command(("sleep", "61.1"), limit=1), Command(("echo", "3"))]
        first, hung, last = link.ask(commands)
        assert (first.out, hung.rc, hung.lost, last.out) == (b"1\n", None, "time limit of 1 s", b"3\n")
        assert time.monotonic() - before < 8

    on_all(all_links, check)
    assert gone("61.1")


def test_an_exit_status_of_124_is_no_time_limit(link):
    first, last = link.ask([sh("exit 124"), Command(("echo", "3"))])
    assert (first.rc, first.lost, last.out) == (124, "", b"3\n")


def test_case_17_too_much_output_is_cut_and_the_rest_goes_on(link, monkeypatch):
    monkeypatch.setattr(conversation, "MOST_OUTPUT", 3 << 20)
    much, last = link.ask([sh("head -c 1000000000 /dev/zero; sleep 62.2"), Command(("echo", "2"))])
    assert (much.rc, much.lost, much.out) == (None, "more than 3 MiB of output", b"")
    assert last.out == b"2\n"
    assert gone("62.2")


def test_the_limits_are_those_that_are_promised():
    assert conversation.MOST_OUTPUT == 64 << 20
    assert Command(("true",)).limit == 30
    assert Links(inventory(Node(name="a", connection="local"))).limit == 10


def test_many_threads_share_one_link(link):
    answers: list[bytes] = []

    def ask(number: int) -> None:
        answers.append(link.ask([Command(("echo", str(number)))])[0].out)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [b"%d\n" % number for number in range(8)]


def test_a_node_that_ignores_its_own_limit_is_given_up(all_links, monkeypatch):
    """As with a process in uninterruptible sleep, which no signal ends: here `timeout` itself is stopped."""
    monkeypatch.setattr(conversation, "GRACE", 0.5)
    monkeypatch.setattr(conversation, "KILL_AFTER", 0.5)
    script = "kill -STOP $PPID; exec sleep 63.3"

    def check(link: WritingLink) -> None:
        before = time.monotonic()
        hung, last = link.ask([sh(script, limit=1), Command(("echo", "3"))])
        assert (hung.rc, last.out) == (None, b"3\n")
        assert time.monotonic() - before < 8

    on_all(all_links, check)
    for pid in (*pids_of("63.3"), *pids_of(script)):
        os.kill(pid, 9)


# Streams


def test_a_stream_carries_bytes_both_ways(link):
    data = os.urandom(300_000)
    with link.open(("cat",)) as stream:
        sender = threading.Thread(target=lambda: (stream.write(data), stream.close_write()))
        sender.start()
        got = b"".join(iter(stream.read, b""))
        sender.join(10)
        assert got == data
        assert stream.wait() == 0


def test_a_stream_gives_the_exit_status_and_the_end_of_standard_error(link):
    with link.open(("sh", "-c", "cat >/dev/null; echo why >&2; exit 7")) as stream:
        stream.write(b"x")
        assert stream.wait() == 7
        time.sleep(0.05)
        assert stream.err == b"why\n"


def test_words_of_a_stream_are_words(link):
    with link.open(("printf", "%s", "a b;$(id)\n'x'")) as stream:
        assert b"".join(iter(stream.read, b"")) == b"a b;$(id)\n'x'"


def test_a_stream_of_a_command_that_is_not_there_ends_with_127(link):
    with link.open(("no-such-command",)) as stream:
        assert stream.wait() == 127


def test_a_stream_that_does_not_end_in_time_has_no_status(link):
    with link.open(("sh", "-c", "exec sleep 64.4")) as stream:
        assert stream.wait(0.3) is None
    for pid in pids_of("64.4"):
        os.kill(pid, 15)


def test_a_closed_stream_ends_its_command(link):
    stream = link.open(("cat",))
    stream.write(b"x")
    assert stream.read() == b"x"
    stream.close()
    with pytest.raises(Unobservable):
        stream.write(b"more")


def test_other_connections_carry_no_data():
    with pytest.raises(Unobservable, match="carries no data"):
        writing(TestinfraLink("local://", sudo=False))


# The end


@pytest.mark.parametrize("connection", ["", "ssh", "local"])
def test_case_68_closing_ends_what_runs_here_and_on_the_node(server, connection):
    node = server.node(connection=connection)
    links = links_to(server, node)
    link, heard = links.to(node), []
    asking = threading.Thread(target=lambda: heard.extend(outcome(link, [Command(("sleep", "65.5"))])))
    asking.start()
    deadline = time.monotonic() + 5
    while not pids_of("65.5") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert pids_of("65.5")
    before = time.monotonic()
    links.close()
    asking.join(5)
    assert time.monotonic() - before < 4
    assert heard == ["lost"]
    assert gone("65.5", within=4)
    with pytest.raises(Unobservable):
        links.to(node)


def outcome(link: Link, commands: list[Command]) -> list[str]:
    try:
        return ["lost" if answer.rc is None else "answered" for answer in link.ask(commands)]
    except Unobservable:
        return ["lost"]


INTERRUPTED = """
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from fleet.commands import Command
from fleet.inventory import Inventory
from fleet.links.pool import Links
from fleet.look import look
from fleet.schema import Node

def observe(node, inventory):
    yield [Command(("sleep", "69.9"))]

nodes = {name: Node.model_validate_json(node) for name, node in zip("ab", sys.argv[2:])}
inventory = Inventory.model_construct(name="test", path="", nodes=nodes, waivers=())
with Links(inventory, ssh_config=sys.argv[1]) as links:
    look(inventory, links.to, {"slow": SimpleNamespace(observe=observe)}, datetime.now(UTC))
"""


def test_case_68_ctrl_c_ends_a_look_at_once_here_and_on_every_node(server):
    nodes = [server.node("a"), server.node("b", connection="ssh")]
    words = (sys.executable, "-c", INTERRUPTED, str(server.config), *(node.model_dump_json() for node in nodes))
    child = subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    deadline = time.monotonic() + 10
    while len(pids_of("69.9")) < 4 and time.monotonic() < deadline:  # `timeout` and `sleep`, on two nodes
        time.sleep(0.02)
    assert len(pids_of("69.9")) == 4
    before = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=10)[1]
    assert time.monotonic() - before < 4
    assert gone("69.9", within=4)


def test_closing_interrupts_a_connect(tmp_path):
    with silent() as port:
        links = Links(inventory(Node(name="mute", address="127.0.0.1", port=port, user="x")))
        threading.Timer(0.3, links.close).start()
        before = time.monotonic()
        with pytest.raises(Unobservable):
            links.to(links.inventory.nodes["mute"])
        assert time.monotonic() - before < 3


def test_case_69_a_connection_that_dies_leaves_the_rest_unknown(tmp_path):
    with sshd(tmp_path) as server:
        node = server.node()
        with links_to(server, node) as links:
            link = links.to(node)
            threading.Timer(0.5, server.stop).start()
            first, second = link.ask([Command(("echo", "1")), sh("sleep 66.6; echo never")])
    assert first.out == b"1\n"
    assert second.rc is None
    assert "connection was lost" in second.lost
    assert gone("66.6")


# Reaching a node


@contextmanager
def silent(say: bytes = b"") -> Iterator[int]:
    """A port that accepts connections, maybe says something, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
                    taken[-1].sendall(say)
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


def refusal(links: Links, name: str = "node") -> Unobservable:
    with pytest.raises(Unobservable) as refused:
        links.to(links.inventory.nodes[name])
    return refused.value


def test_a_link_is_opened_once(server):
    node = server.node()
    with links_to(server, node) as links:
        assert links.to(node) is links.to(node)


def test_case_13_a_closed_port_is_said_at_once():
    with Links(inventory(Node(name="node", address="127.0.0.1", port=1, user="x"))) as links:
        why = refusal(links)
    assert str(why) == "node: 127.0.0.1 port 1: connection refused"


def test_case_13_a_server_that_never_answers_costs_one_connect_limit():
    with silent() as port:
        node = Node(name="node", address="127.0.0.1", port=port, user="x")
        with Links(inventory(node), limit=0.6) as links:
            before = time.monotonic()
            first = refusal(links)
            assert time.monotonic() - before < 3
            again = time.monotonic()
            assert refusal(links) == first
            assert time.monotonic() - again < 0.2


def test_case_13_a_name_that_does_not_exist_is_said():
    with Links(inventory(Node(name="node", address="no-such-host.invalid", user="x"))) as links:
        assert "no-such-host.invalid" in str(refusal(links))


def test_a_port_where_something_else_listens_is_said():
    with silent(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        node = Node(name="node", address="127.0.0.1", port=port, user="x")
        with Links(inventory(node), limit=1.0) as links:
            assert refusal(links).why


def test_case_1_an_address_with_a_dash_is_no_option(tmp_path):
    canary = tmp_path / "canary"
    for connection in ("", "ssh"):
        good = Node(name="node", address="node", connection=connection)
        node = good.model_copy(update={"address": f"-oProxyCommand=touch {canary}"})
        with Links(Inventory.model_construct(name="t", path="", nodes={"node": node}, waivers=())) as links:
            assert refusal(links).why
    assert not canary.exists()


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_12_an_unknown_host_key_is_refused_and_not_added(server, tmp_path, connection):
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {tmp_path}/none\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking no\n")
    node = server.node(connection=connection)
    with Links(inventory(node), ssh_config=str(config)) as links:
        why = refusal(links)
    assert not (tmp_path / "none").exists()
    if not connection:
        assert "SHA256:" in str(why)
        assert "remediate trust node" in why.hint


def test_case_11_a_changed_host_key_is_refused_with_both_fingerprints(server, tmp_path):
    other = keygen(tmp_path / "other")
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{server.port} {public(other)}\n")
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {known}\nGlobalKnownHostsFile /dev/null\n")
    node = server.node()
    with Links(inventory(node), ssh_config=str(config)) as links:
        why = refusal(links)
    fingerprints = [
        subprocess.run(("ssh-keygen", "-lf", str(path)), capture_output=True, text=True, check=True).stdout.split()[1]
        for path in (other, server.folder / "host_ed25519")
    ]
    assert all(fingerprint in str(why) for fingerprint in fingerprints)
    assert f"{known}:1" in str(why)
    assert "Starting session" not in server.log.rpartition("Connection from")[2]


def test_known_hosts_beside_the_inventory_count(server, tmp_path):
    shutil.copy(server.known_hosts, tmp_path / "known_hosts")
    config = tmp_path / "config"
    config.write_text("UserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\n")
    for connection in ("", "ssh"):
        node = server.node(connection=connection)
        ours = inventory(node).model_copy(update={"path": str(tmp_path / "lab.yml")})
        with Links(ours, ssh_config=str(config)) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_case_20_a_key_with_a_passphrase_is_named(server, tmp_path):
    locked = keygen(tmp_path / "locked", passphrase="secret")
    node = server.node(identity=str(locked))
    with links_to(server, node) as links:
        why = refusal(links)
    assert f"{locked} has a passphrase and is not in the agent" in why.hint
    assert "secret" not in f"{why} {why.hint}"


def test_case_20_a_key_that_is_not_there_is_named(server, tmp_path):
    node = server.node(identity=str(tmp_path / "missing"))
    with links_to(server, node) as links:
        assert f"there is no key {tmp_path}/missing" in refusal(links).hint


def test_case_20_a_key_that_the_server_refuses_is_named(server, tmp_path):
    stranger = keygen(tmp_path / "stranger")
    node = server.node(identity=str(stranger))
    with links_to(server, node) as links:
        why = refusal(links)
    assert f"lets {server.user} in with none of our keys" in str(why)
    assert str(stranger) in why.hint


@contextmanager
def agent(folder: Path, *keys: Path, passphrase: str = "") -> Iterator[str]:
    """An ssh-agent with those keys; its socket."""
    path = folder / "agent"
    child = subprocess.Popen(("ssh-agent", "-D", "-a", str(path)), stdout=subprocess.DEVNULL)
    askpass = folder / "askpass"
    askpass.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    askpass.chmod(0o700)
    env = {**os.environ, "SSH_AUTH_SOCK": str(path), "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    try:
        while not path.exists():
            time.sleep(0.01)
        for key in keys:
            subprocess.run(("ssh-add", "-q", str(key)), env=env, check=True, capture_output=True)
        yield str(path)
    finally:
        child.terminate()
        child.wait(5)


def test_a_key_with_a_passphrase_is_used_through_the_agent(server, tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    shutil.copy(server.identity, locked)
    shutil.copy(server.identity.with_suffix(".pub"), tmp_path / "locked.pub")
    subprocess.run(("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(locked)), check=True)
    node = server.node(identity=str(locked))
    with agent(tmp_path, keygen(tmp_path / "stranger"), locked, passphrase="secret") as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


@pytest.mark.parametrize("in_agent", [True, False])
def test_a_user_certificate_is_used(tmp_path, monkeypatch, in_agent):
    authority, key = keygen(tmp_path / "ca"), keygen(tmp_path / "user")
    with sshd(tmp_path / "sshd", options=[f"TrustedUserCAKeys {authority}.pub"]) as server:
        sign = ("ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", server.user, f"{key}.pub")
        subprocess.run(sign, check=True, capture_output=True)
        node = server.node(identity=str(key))
        with agent(tmp_path, *([key] if in_agent else [])) as path:
            monkeypatch.setenv("SSH_AUTH_SOCK", path)
            with links_to(server, node) as links:
                assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_a_host_certificate_of_a_known_authority_is_trusted(tmp_path):
    authority = keygen(tmp_path / "ca")
    folder = tmp_path / "sshd"
    key = keygen(folder / "host_ed25519")
    sign = ("ssh-keygen", "-q", "-s", str(authority), "-I", "h", "-h", "-n", "127.0.0.1", f"{key}.pub")
    subprocess.run(sign, check=True, capture_output=True)
    with sshd(folder, options=[f"HostCertificate {key}-cert.pub"]) as server:
        server.known_hosts.write_text(f"@cert-authority * {public(authority)}\n")
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_servers_with_other_kinds_of_keys_are_trusted(tmp_path, kind):
    with sshd(tmp_path, kinds=(kind,)) as server:
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_the_host_key_type_that_is_known_is_asked_for(tmp_path):
    with sshd(tmp_path, kinds=("ed25519", "rsa")) as server:
        server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public(tmp_path / 'host_rsa')}\n")
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_all_host_keys_of_a_node_are_shown_as_lines_that_trust_it(tmp_path):
    with sshd(tmp_path, kinds=("ed25519", "rsa", "ecdsa")) as server:
        node = server.node()
        keys = shown_keys(inventory(node), node, str(server.config))
        assert sorted(key.line for key in keys) == sorted(server.known_hosts.read_text().splitlines())
        assert "Accepted" not in server.log


def test_host_keys_of_a_node_that_is_down_are_unknown():
    node = Node(name="node", address="127.0.0.1", port=1, user="x")
    with pytest.raises(Unobservable, match="connection refused"):
        shown_keys(inventory(node), node)


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_21_a_jump_host_of_the_inventory_is_used_and_shared(server, connection):
    nodes = [server.node("gate", connection=connection)]
    nodes += [server.node(name, jump="gate", connection=connection) for name in ("a", "b")]
    with links_to(server, *nodes) as links:
        for node in nodes[1:]:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        if not connection:
            assert len(links.routes.places) == 3


def test_case_21_jump_hosts_of_the_users_configuration_are_used(server, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        f"Include {tmp_path}/more\n"
        f"Host *\n  IdentityFile {server.identity}\n  UserKnownHostsFile {server.known_hosts}\n"
    )
    (tmp_path / "more").write_text(
        f"Host inner\n  HostName 127.0.0.1\n  Port {server.port}\n  ProxyJump gate,second\n"
        f"Match originalhost gate,second\n  HostName 127.0.0.1\n  Port {server.port}\n"
    )
    node = Node(name="node", address="inner")
    with Links(inventory(node), ssh_config=str(config)) as links:
        assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        assert len(links.routes.places) == 3


def test_a_proxy_command_is_used_and_ended(server, tmp_path):
    relay = tmp_path / "relay-67.7"
    relay.write_text(
        "import socket, sys, os, select\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "while True:\n"
        "    for one in select.select([s, 0], [], [])[0]:\n"
        "        data = os.read(one if one == 0 else s.fileno(), 65536)\n"
        "        if not data: sys.exit()\n"
        "        s.sendall(data) if one == 0 else os.write(1, data)\n"
    )
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {server.known_hosts}\nProxyCommand python3 {relay} %h %p\n")
    node = server.node()
    with Links(inventory(node), ssh_config=str(config)) as links:
        assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        assert pids_of(str(relay))
    assert gone(str(relay))


def test_case_21_a_jump_host_that_is_down_is_named(server):
    gate = Node(name="gate", address="127.0.0.1", port=1, user="x")
    inner = server.node("inner", jump="gate")
    with links_to(server, gate, inner) as links:
        assert "its jump host gate cannot be used: 127.0.0.1 port 1" in str(refusal(links, "inner"))


def test_case_21_a_node_that_the_jump_host_cannot_reach_is_said(server):
    inner = server.node("inner", jump="gate", port=1)
    with links_to(server, server.node("gate"), inner) as links:
        assert "its jump host gate cannot reach 127.0.0.1 port 1" in str(refusal(links, "inner"))


def test_ipv6_addresses_are_reached(tmp_path):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 here")
    with sshd(tmp_path, address="::1") as server:
        for connection in ("", "ssh"):
            node = server.node(connection=connection)
            with links_to(server, node) as links:
                assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_case_19_a_server_that_throttles_is_tried_again(tmp_path):
    with sshd(tmp_path, options=["MaxStartups 1:100:1", "LoginGraceTime 1"]) as server:
        taken = socket.create_connection(("127.0.0.1", server.port))
        node = server.node()
        with taken, links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_case_19_a_server_that_always_throttles_is_not_called_down(tmp_path):
    with sshd(tmp_path, options=["MaxStartups 1:100:1", "LoginGraceTime 30"]) as server:
        taken = socket.create_connection(("127.0.0.1", server.port))
        node = server.node()
        with taken, links_to(server, node, limit=1.5) as links:
            assert "MaxStartups" in refusal(links).hint


# Other shells and smaller machines


SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell), reason=f"no {shell} here"))
    for shell in ("fish", "tcsh", "dash", "bash")
]


@pytest.mark.parametrize("shell", SHELLS)
def test_case_84_any_login_shell_will_do(tmp_path, shell):
    """ForceCommand stands in for the login shell: it is given the very words that sshd would give to that one."""
    wrapper = tmp_path / "shell"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which(shell)} -c "$SSH_ORIGINAL_COMMAND"\n')
    wrapper.chmod(0o755)
    with sshd(tmp_path / "sshd", options=[f"ForceCommand {wrapper}"]) as server:
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "a b $HOME 'c'"))])[0].out == b"a b $HOME 'c'\n"
            with writing(links.to(node)).open(("cat",)) as stream:
                stream.write(b"data")
                stream.close_write()
                assert stream.read() == b"data"


def test_case_16_banner_motd_and_noise_are_ignored(tmp_path):
    (tmp_path / "banner").write_text("You are being watched\n")
    noisy = tmp_path / "noisy"
    noisy.write_text("#!/bin/sh\necho Welcome; echo noise >&2; printf 'no end of line'\nexec /bin/sh\n")
    noisy.chmod(0o755)
    options = [f"Banner {tmp_path}/banner", f"ForceCommand {noisy}"]
    with sshd(tmp_path / "sshd", options=options) as server:
        for connection in ("", "ssh"):
            node = server.node(connection=connection)
            with links_to(server, node) as links:
                [answer] = links.to(node).ask([Command(("echo", "answer"))])
                assert (answer.out, answer.err) == (b"answer\n", b"")
                with writing(links.to(node)).open(("echo", "stream")) as stream:
                    assert stream.read() == b"stream\n"


def test_an_account_without_a_shell_is_said(tmp_path):
    with sshd(tmp_path, options=["ForceCommand echo This account is currently not available.; exit 1"]) as server:
        node = server.node()
        with links_to(server, node) as links, pytest.raises(Unobservable, match="This account is currently not avail"):
            links.to(node).ask([Command(("true",))])


# Root


def test_root_needs_no_sudo(monkeypatch):
    if os.getuid():
        pytest.skip("not root")
    [answer] = LocalLink(sudo=True).ask([Command(("env", "-i", "sh", "-c", "id -u"), sudo=True)])
    assert (answer.rc, answer.out, answer.err) == (0, b"0\n", b"")


@pytest.fixture
def as_nobody(tmp_path, monkeypatch) -> WritingLink:
    """This machine, seen by an account that is not root, with a sudo of our own on its PATH."""
    if os.getuid() or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    setpriv = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh")
    monkeypatch.setattr("fleet.links.local.SHELL", setpriv)
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o111)
    return LocalLink(sudo=True)


def fake_sudo(folder: Path, script: str) -> None:
    (folder / "sudo").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "sudo").chmod(0o755)


def test_case_18_sudo_that_wants_a_password_is_unknown_and_says_which_right_is_missing(as_nobody, tmp_path):
    fake_sudo(tmp_path, "echo 'sudo: a password is required' >&2; exit 1")
    refused, plain = as_nobody.ask([Command(("id",), sudo=True), Command(("echo", "plain"))])
    assert refused.rc is None
    with pytest.raises(Unobservable) as why:
        refused.text(ok={0, 1})
    assert "NOPASSWD" in why.value.hint
    assert plain.out == b"plain\n"


def test_case_84_an_operator_without_root_uses_sudo_without_ever_being_asked(as_nobody, tmp_path):
    fake_sudo(tmp_path, '[ "$1 $2" = "-n --" ] || exit 9; shift 2; echo "sudo: unable to resolve host" >&2; exec "$@"')
    root, own, failing = as_nobody.ask(
        [
            Command(("sh", "-c", "echo $LC_ALL; echo err >&2"), sudo=True),
            Command(("id", "-u")),
            Command(("sh", "-c", "exit 1"), sudo=True),
        ]
    )
    assert (root.rc, root.out, root.err) == (0, b"C\n", b"err\n")
    assert own.out == b"65534\n"
    assert failing.rc == 1


def test_without_sudo_in_the_inventory_nothing_runs_as_root(as_nobody, tmp_path):
    fake_sudo(tmp_path, "echo never >&2; exit 1")
    [answer] = LocalLink(sudo=False).ask([Command(("id", "-u"), sudo=True)])
    assert (answer.rc, answer.out) == (0, b"65534\n")


def test_a_stream_that_sudo_refuses_is_not_started(as_nobody, tmp_path):
    fake_sudo(tmp_path, "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(Unobservable, match="a password is required"):
        as_nobody.open(("cat",), sudo=True)


# Other connections of testinfra


def test_any_connection_of_testinfra_gives_the_same_answers():
    local = Node(name="node", connection="local").model_copy(update={"connection": "local://"})
    with Links(inventory(local)) as links:
        link = links.to(local)
        assert isinstance(link, TestinfraLink)
        first, hung, last = link.ask([sh("echo out; echo err >&2; exit 255"), sh("sleep 68.8", limit=1), sh("echo 3")])
    assert (first.rc, first.out, first.err) == (255, b"out\n", b"err\n")
    assert (hung.rc, hung.lost, last.out) == (None, "time limit of 1 s", b"3\n")


def test_a_script_that_is_too_long_for_one_argument_is_cut_in_batches():
    commands = [Command(("printf", "%s", "x" * 30_000)) for _ in range(10)]
    assert sum(len(batch) for batch in batches(commands, False)) == 10
    assert [len(answer.out) for answer in TestinfraLink("local://", False).ask(commands)] == [30_000] * 10


def test_a_connection_that_testinfra_does_not_know_is_unknown():
    with Links(
        inventory(Node(name="node", connection="local").model_copy(update={"connection": "carrier-pigeon://x"}))
    ) as links:
        assert "carrier-pigeon" in str(refusal(links))


def test_a_connection_that_cannot_be_made_is_unknown(tmp_path, monkeypatch):
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Error: No such container: gone' >&2; exit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    node = Node(name="node", connection="docker://gone")
    with Links(inventory(node)) as links, pytest.raises(Unobservable, match="No such container"):
        links.to(node).ask([Command(("true",))])
