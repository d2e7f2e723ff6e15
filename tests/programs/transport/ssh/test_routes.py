"""Reaching a node: host keys, our keys, jump hosts, and every way in which it can fail."""

from __future__ import annotations

import base64
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport import sockets
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.ssh.host_certificates import pack_string
from fleetkeeper.transport.ssh.host_keys import shown_keys
from tests.helpers.ssh_links import links_to, make_inventory, refusal_of, run_agent, silent_port
from tests.helpers.sshd import Sshd, make_key_pair, pids_of, process_gone, public_key, run_sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd"), options=["MaxSessions 30", "MaxStartups 100"]) as running:
        yield running


def test_a_link_is_opened_once(server):
    node = server.node()
    with links_to(server, node) as links:
        assert links.to(node) is links.to(node)


def test_case_13_a_closed_port_is_said_at_once():
    with Links(make_inventory(Node(name="node", address="127.0.0.1", port=1, user="x"))) as links:
        why = refusal_of(links)
    assert str(why) == "node: 127.0.0.1 port 1: connection refused"


def test_case_13_a_server_that_never_answers_costs_one_connect_limit():
    with silent_port() as port:
        node = Node(name="node", address="127.0.0.1", port=port, user="x")
        with Links(make_inventory(node), limit=0.6) as links:
            before = time.monotonic()
            first = refusal_of(links)
            assert time.monotonic() - before < 3
            again = time.monotonic()
            assert refusal_of(links) == first
            assert time.monotonic() - again < 0.2


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a..b", f"{'x' * 64}.invalid"])
def test_case_13_a_name_that_does_not_exist_is_said(name):
    with Links(make_inventory(Node(name="node", address=name, user="x"))) as links:
        assert f"the name {name} cannot be resolved" in str(refusal_of(links))


def test_case_13_a_resolver_that_stalls_costs_one_connect_limit(monkeypatch):
    resolved = sockets.look_up_host

    def stalls(destination: sockets.Destination, flags: int) -> list[sockets.Address]:
        time.sleep(0 if flags else 20)
        return resolved(destination, flags)

    monkeypatch.setattr(sockets, "look_up_host", stalls)
    with Links(make_inventory(Node(name="node", address="slow.invalid", user="x")), limit=0.5) as links:
        before = time.monotonic()
        assert refusal_of(links).why == "the name slow.invalid was not resolved in time"
        assert time.monotonic() - before < 2


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"", "it accepts and then says nothing"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it says 'HTTP/1.1 400 Bad Request'"),
        (b"Welcome!\r\n" * 50, "something other than SSH answers there: it says 'Welcome!'"),
        (b"x" * 200_000, "it says 'xxxxx"),
        (b"\0\xff\n" * 100_000, "something other than SSH"),
        (b"SSH-1.5-old\r\n", "Incompatible version"),
        (b"SSH-2.0-odd\r\n" + b"\0" * 100_000, "no SSH handshake"),
        (b"SSH-2.0-odd\r\n" + b"\xff" * 100_000, "no SSH handshake"),
    ],
)
def test_a_port_where_something_else_listens_is_said(says, why):
    with silent_port(says) as port:
        node = Node(name="node", address="127.0.0.1", port=port, user="x")
        with Links(make_inventory(node), limit=1.0) as links:
            before = time.monotonic()
            assert why in refusal_of(links).why
            assert time.monotonic() - before < 3


def test_case_1_an_address_with_a_dash_is_no_option(tmp_path):
    canary = tmp_path / "canary"
    for connection in ("", "ssh"):
        good = Node(name="node", address="node", connection=connection)
        node = good.model_copy(update={"address": f"-oProxyCommand=touch {canary}"})
        with Links(Inventory.model_construct(name="t", path="", nodes={"node": node}, waivers=())) as links:
            assert refusal_of(links).why
    assert not canary.exists()


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_12_an_unknown_host_key_is_refused_and_not_added(server, tmp_path, connection):
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {tmp_path}/none\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking no\n")
    node = server.node(connection=connection)
    with Links(make_inventory(node), ssh_config=str(config)) as links:
        why = refusal_of(links)
    assert not (tmp_path / "none").exists()
    assert "its host key is not known: it shows ssh-ed25519 SHA256:" in str(why)
    assert "fleetkeeper trust node" in why.hint


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_11_a_changed_host_key_is_refused_with_both_fingerprints(server, tmp_path, connection):
    other = make_key_pair(tmp_path / "other")
    known_value = tmp_path / "known"
    known_value.write_text(f"[127.0.0.1]:{server.port} {public_key(other)}\n")
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {known_value}\nGlobalKnownHostsFile /dev/null\n")
    node = server.node(connection=connection)
    with Links(make_inventory(node), ssh_config=str(config)) as links:
        why = refusal_of(links)
    fingerprints = [
        subprocess.run(("ssh-keygen", "-lf", str(path)), capture_output=True, text=True, check=True).stdout.split()[1]
        for path in (other, server.folder / "host_ed25519")
    ]
    assert all(fingerprint in str(why) for fingerprint in fingerprints)
    assert f"{known_value}:1" in str(why)
    assert "Starting session" not in server.log.rpartition("Connection from")[2]


def test_known_hosts_beside_the_inventory_count(server, tmp_path):
    shutil.copy(server.known_hosts, tmp_path / "known_hosts")
    config = tmp_path / "config"
    config.write_text("UserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\n")
    for connection in ("", "ssh"):
        node = server.node(connection=connection)
        ours = make_inventory(node).model_copy(update={"path": str(tmp_path / "lab.yml")})
        with Links(ours, ssh_config=str(config)) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_case_20_a_key_with_a_passphrase_is_named(server, tmp_path):
    locked = make_key_pair(tmp_path / "locked", passphrase="secret")
    node = server.node(identity=str(locked))
    with links_to(server, node) as links:
        why = refusal_of(links)
    assert f"{locked} has a passphrase and is not in the agent" in why.hint
    assert "secret" not in f"{why} {why.hint}"


def test_case_20_a_key_that_is_not_there_is_named(server, tmp_path):
    node = server.node(identity=str(tmp_path / "missing"))
    with links_to(server, node) as links:
        assert f"there is no key {tmp_path}/missing" in refusal_of(links).hint


def test_case_20_a_key_that_the_server_refuses_is_named(server, tmp_path):
    stranger = make_key_pair(tmp_path / "stranger")
    node = server.node(identity=str(stranger))
    with links_to(server, node) as links:
        why = refusal_of(links)
    assert f"lets {server.user} in with none of our keys" in str(why)
    assert str(stranger) in why.hint


def test_case_20_a_server_that_takes_no_more_keys_says_how_to_name_one(tmp_path):
    keys = [make_key_pair(tmp_path / f"key{number}") for number in range(3)]
    with run_sshd(tmp_path / "sshd", options=["MaxAuthTries 2"]) as server:
        lines = "".join(f"IdentityFile {key}\n" for key in keys)
        server.config.write_text(f"IdentityAgent none\n{lines}{server.config.read_text()}")
        node = server.node().model_copy(update={"identity": None})
        with links_to(server, node) as links:
            why = refusal_of(links)
    assert why.why == "it hung up after 2 of our 3 keys"
    assert "name the right one" in why.hint


def test_case_20_no_key_at_all_is_said(server, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"IdentityAgent none\nIdentityFile {tmp_path}/none\n{server.config.read_text()}")
    node = server.node().model_copy(update={"identity": None})
    with Links(make_inventory(node), ssh_config=str(config)) as links:
        assert f"no agent holds a key, and there is none of {tmp_path}/none" in refusal_of(links).hint


def test_a_key_with_a_passphrase_is_used_through_the_agent(server, tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    shutil.copy(server.identity, locked)
    shutil.copy(server.identity.with_suffix(".pub"), tmp_path / "locked.pub")
    subprocess.run(("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(locked)), check=True)
    node = server.node(identity=str(locked))
    with run_agent(tmp_path, make_key_pair(tmp_path / "stranger"), locked, passphrase="secret") as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


class RefusingAgent(socketserver.BaseRequestHandler):
    """An agent whose user says no: it holds a key and does not sign with it."""

    def handle(self) -> None:
        stream = self.request.makefile("rb")
        while size := stream.read(4):
            kind = stream.read(int.from_bytes(size, "big"))[0]
            listed = b"\x0c" + (1).to_bytes(4, "big") + pack_string(self.server.blob, b"refused")
            answer = listed if kind == 11 else b"\x05"
            self.request.sendall(pack_string(answer))


@contextmanager
def refusing_agent(path: Path, key: Path) -> Iterator[str]:
    with socketserver.ThreadingUnixStreamServer(str(path), RefusingAgent) as server:
        server.daemon_threads = True
        server.blob = base64.b64decode(public_key(key).split()[1])  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield str(path)
        server.shutdown()


def test_a_key_whose_agent_does_not_sign_leaves_the_connection_to_the_next(tmp_path, monkeypatch):
    other = make_key_pair(tmp_path / "other")
    with (
        run_sshd(tmp_path / "sshd") as server,
        refusing_agent(tmp_path / "agent", server.identity) as path,
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        config = server.config.read_text()
        server.config.write_text(f"{config}IdentityFile {other}\n")
        node = server.node(identity=None)
        with links_to(server, node) as links:
            assert ": its agent did not sign: it refused" in refusal_of(links).hint
        (server.folder / "authorized_keys").write_text(f"{public_key(server.identity)}\n{public_key(other)}\n")
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


@pytest.mark.parametrize("in_agent", [True, False])
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_user_certificate_is_used(tmp_path, monkeypatch, in_agent, kind):
    authority, key = make_key_pair(tmp_path / "ca"), make_key_pair(tmp_path / "user", kind)
    with run_sshd(tmp_path / "sshd", options=[f"TrustedUserCAKeys {authority}.pub"]) as server:
        sign = ("ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", server.user, f"{key}.pub")
        subprocess.run(sign, check=True, capture_output=True)
        node = server.node(identity=str(key))
        with run_agent(tmp_path, *([key] if in_agent else [])) as path:
            monkeypatch.setenv("SSH_AUTH_SOCK", path)
            with links_to(server, node) as links:
                assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_a_host_certificate_of_a_known_authority_is_trusted(tmp_path):
    authority = make_key_pair(tmp_path / "ca")
    folder = tmp_path / "sshd"
    key = make_key_pair(folder / "host_ed25519")
    sign = ("ssh-keygen", "-q", "-s", str(authority), "-I", "h", "-h", "-n", "127.0.0.1", f"{key}.pub")
    subprocess.run(sign, check=True, capture_output=True)
    with run_sshd(folder, options=[f"HostCertificate {key}-cert.pub"]) as server:
        server.known_hosts.write_text(f"@cert-authority * {public_key(authority)}\n")
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_servers_with_other_kinds_of_keys_are_trusted(tmp_path, kind):
    with run_sshd(tmp_path, kinds=(kind,)) as server:
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_the_host_key_type_that_is_known_is_asked_for(tmp_path):
    with run_sshd(tmp_path, kinds=("ed25519", "rsa")) as server:
        server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public_key(tmp_path / 'host_rsa')}\n")
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_all_host_keys_of_a_node_are_shown_as_lines_that_trust_it(tmp_path):
    with run_sshd(tmp_path, kinds=("ed25519", "rsa", "ecdsa")) as server:
        node = server.node()
        keys = shown_keys(make_inventory(node), node, str(server.config))
        assert sorted(key.line for key in keys) == sorted(server.known_hosts.read_text().splitlines())
        assert "Accepted" not in server.log


def test_host_keys_of_a_node_that_is_down_are_unknown():
    node = Node(name="node", address="127.0.0.1", port=1, user="x")
    with pytest.raises(Unobservable, match="connection refused"):
        shown_keys(make_inventory(node), node)


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_21_a_jump_host_of_the_inventory_is_used_and_shared(server, connection):
    nodes = [server.node("gate", connection=connection)]
    nodes += [server.node(name, jump="gate", connection=connection) for name in ("a", "b")]
    with links_to(server, *nodes) as links:
        for node in nodes[1:]:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        if not connection:
            assert len(links.routes.slots) == 3


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
    with Links(make_inventory(node), ssh_config=str(config)) as links:
        assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        assert len(links.routes.slots) == 3


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
    with Links(make_inventory(node), ssh_config=str(config)) as links:
        assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        assert pids_of(str(relay))
    assert process_gone(str(relay))


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_a_proxy_command_that_dies_says_why_at_once(server, tmp_path, connection):
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {server.known_hosts}\nProxyCommand echo no such gate >&2; exit 3\n")
    node = server.node(connection=connection)
    with Links(make_inventory(node), ssh_config=str(config)) as links:
        before = time.monotonic()
        assert refusal_of(links).why == "its ProxyCommand ended: no such gate"
        assert time.monotonic() - before < 3


def test_case_21_jump_hosts_that_lead_in_a_circle_are_said(server, tmp_path):
    """`Host *` with a ProxyJump catches the jump host too: ssh itself would start itself for ever."""
    config = tmp_path / "config"
    config.write_text("Host *\n  ProxyJump gate\n")
    for connection in ("", "ssh"):
        node = server.node(connection=connection)
        with Links(make_inventory(node), ssh_config=str(config)) as links:
            assert refusal_of(links).why == "its jump hosts lead in a circle: node → gate → gate"


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_21_each_jump_host_has_its_own_user_port_and_key(server, tmp_path, connection):
    """Three hops, of which `outer` stands in the user's configuration and is reached through another one there."""
    with run_sshd(tmp_path / "other") as other:
        config = tmp_path / "config"
        config.write_text(
            f"UserKnownHostsFile {server.known_hosts} {other.known_hosts}\n"
            f"Host outer\n  HostName 127.0.0.1\n  Port {other.port}\n  IdentityFile {other.identity}\n"
            "  ProxyJump first\n"
            f"Host first\n  HostName 127.0.0.1\n  Port {server.port}\n  IdentityFile {server.identity}\n"
        )
        gate = server.node("gate", jump=f"{other.user}@outer", connection=connection)
        node = other.node(jump="gate", connection=connection)
        with Links(make_inventory(gate, node), ssh_config=str(config)) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"
        assert other.log.count("Accepted publickey") == 2


@pytest.mark.parametrize("connection", ["", "ssh"])
@pytest.mark.parametrize("wanted", ["no", "accept-new"])
def test_case_12_an_unknown_jump_host_is_refused_and_not_added(server, tmp_path, connection, wanted):
    """Whatever the configuration wants: the ssh that ProxyJump starts would do as it says."""
    config = tmp_path / "config"
    with run_sshd(tmp_path / "other") as other:
        config.write_text(
            f"Host gate\n  HostName 127.0.0.1\n  Port {other.port}\n  IdentityFile {other.identity}\n"
            f"  UserKnownHostsFile {tmp_path}/new\n  ProxyJump none\n"
            f"Host *\n  StrictHostKeyChecking {wanted}\n  ProxyJump gate\n  UserKnownHostsFile {server.known_hosts}\n"
        )
        node = server.node(connection=connection)
        with Links(make_inventory(node), ssh_config=str(config)) as links:
            refusal_of(links)
        assert "Accepted" not in other.log
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_case_21_a_jump_host_that_is_down_is_named(server, connection):
    gate = Node(name="gate", address="127.0.0.1", port=1, user="x", connection=connection)
    inner = server.node("inner", jump="gate", connection=connection)
    with links_to(server, gate, inner) as links:
        assert "its jump host gate cannot be used: 127.0.0.1 port 1" in str(refusal_of(links, "inner"))


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_case_21_a_jump_host_that_goes_away_leaves_no_thread_complaining(tmp_path):
    with run_sshd(tmp_path) as gate:
        nodes = [gate.node("gate"), gate.node("inner", jump="gate")]
        links = links_to(gate, *nodes)
        inner = links.to(nodes[1])
        gate.stop()
        with links, pytest.raises(Unobservable, match="connection was lost"):
            inner.ask([Command(("true",))])
    inner.transport.join(5)


def test_case_21_a_jump_host_without_ssh_is_said():
    nodes = [Node(name="here", connection="local"), Node(name="inner", address="192.0.2.7", jump="here")]
    with Links(make_inventory(*nodes)) as links:
        assert refusal_of(links, "inner").why == "its jump host here is not reached over SSH (`connection: local`)"


def test_case_21_a_node_that_the_jump_host_cannot_reach_is_said(server):
    inner = server.node("inner", jump="gate", port=1)
    with links_to(server, server.node("gate"), inner) as links:
        assert "its jump host gate cannot reach 127.0.0.1 port 1" in str(refusal_of(links, "inner"))


def test_case_21_a_jump_host_that_forbids_forwarding_says_which_right_is_missing(server, tmp_path):
    with run_sshd(tmp_path, options=["AllowTcpForwarding no"]) as gate:
        gate.known_hosts.write_text(gate.known_hosts.read_text() + server.known_hosts.read_text())
        nodes = [gate.node("gate"), server.node("inner", jump="gate")]
        with links_to(gate, *nodes) as links:
            assert "AllowTcpForwarding" in refusal_of(links, "inner").hint


def test_ipv6_addresses_are_reached(tmp_path):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 here")
    with run_sshd(tmp_path, address="::1") as server:
        for connection in ("", "ssh"):
            node = server.node(connection=connection)
            with links_to(server, node) as links:
                assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_case_19_a_server_that_throttles_is_tried_again(tmp_path):
    with run_sshd(tmp_path, options=["MaxStartups 1:100:1", "LoginGraceTime 1"]) as server:
        taken = socket.create_connection(("127.0.0.1", server.port))
        node = server.node()
        with taken, links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "in"))])[0].out == b"in\n"


def test_case_19_a_server_that_always_throttles_is_not_called_down(tmp_path):
    with run_sshd(tmp_path, options=["MaxStartups 1:100:1", "LoginGraceTime 30"]) as server:
        taken = socket.create_connection(("127.0.0.1", server.port))
        node = server.node()
        with taken, links_to(server, node, limit=1.5) as links:
            assert "MaxStartups" in refusal_of(links).hint
