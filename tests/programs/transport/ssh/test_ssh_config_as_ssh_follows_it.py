"""The user's ssh_config, option by option: followed as `ssh` follows it, or refused with a hint; never passed over."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.ssh.algorithms import NAMES
from fleetkeeper.transport.ssh.host_key_check import Server, check_host_key
from fleetkeeper.transport.ssh.known_hosts import parse
from fleetkeeper.transport.ssh.ssh_target import REFUSED, UNTRIED, SshTarget
from tests.helpers.ssh_links import make_inventory
from tests.helpers.sshd import Sshd, make_key_pair, public_key, run_sshd

IN, OUT, BEYOND = "we get in", "we are kept out", "only the OpenSSH client can"

FOLLOWED = {
    "Ciphers aes256-ctr": IN,
    "Ciphers aes128-ctr,chacha20-poly1305@openssh.com": IN,
    "Ciphers -aes*": BEYOND,
    "Ciphers aes128-cbc": OUT,
    "MACs hmac-sha2-512": IN,
    "MACs umac-64@openssh.com": BEYOND,
    "KexAlgorithms ecdh-sha2-nistp256": IN,
    "KexAlgorithms curve25519-sha256": IN,
    "KexAlgorithms sntrup761x25519-sha512@openssh.com": BEYOND,
    "HostKeyAlgorithms rsa-sha2-256": IN,
    "HostKeyAlgorithms ecdsa-sha2-nistp256": OUT,
    "HostKeyAlgorithms ssh-rsa": BEYOND,
    "PubkeyAcceptedAlgorithms ssh-ed25519": IN,
    "PubkeyAcceptedAlgorithms rsa-sha2-512": OUT,
    "PubkeyAuthentication no": OUT,
    "RequiredRSASize 4096": IN,
    "RequiredRSASize 4096\nHostKeyAlgorithms rsa-sha2-512": OUT,
    "AddressFamily inet": IN,
    "AddressFamily inet6": OUT,
    "BindAddress 127.0.0.9": IN,
    "BindAddress 192.0.2.1": OUT,
    "BindInterface lo": BEYOND,
    "UserKnownHostsFile none": OUT,
    "UserKnownHostsFile /no/such/file {known}": IN,
    'UserKnownHostsFile /no/such "{folder}/known hosts"': IN,
    "UserKnownHostsFile {folder}/%h": IN,
    "UserKnownHostsFile none\nGlobalKnownHostsFile {known}": IN,
    "HostKeyAlias other": OUT,
    "HostKeyAlias known": IN,
    "RevokedHostKeys none": IN,
    "RevokedHostKeys {folder}/no-such-list": OUT,
    "RevokedHostKeys {folder}/list": OUT,
    "RevokedHostKeys {folder}/krl": OUT,
    "RevokedHostKeys {folder}/other-krl": IN,
    "KnownHostsCommand /bin/true": BEYOND,
    "KnownHostsCommand none": IN,
    "CheckHostIP yes": IN,
    "StrictHostKeyChecking no": IN,
    "StrictHostKeyChecking no\nUserKnownHostsFile none": OUT,
    "StrictHostKeyChecking accept-new\nUserKnownHostsFile none": OUT,
    "StrictHostKeyChecking off\nUserKnownHostsFile {folder}/wrong": OUT,
    "NoHostAuthenticationForLocalhost yes\nUserKnownHostsFile none": OUT,
    "VerifyHostKeyDNS yes": IN,
    "GSSAPIAuthentication yes\nHashKnownHosts yes\nSendEnv LANG": IN,
    "IdentityAgent none": IN,
    "IdentityAgent {folder}/no-agent": IN,
    "IdentityAgent {folder}/%r": IN,
    "IdentitiesOnly yes": IN,
    "CertificateFile /no/such": IN,
    "ProxyJump none": IN,
    "ProxyCommand none": IN,
    "ProxyCommand false": OUT,
    "ProxyCommand no-such-program %h %p\nProxyUseFdpass yes": BEYOND,
    "Match exec false\n  ProxyCommand false": IN,
    "Match exec true\n  ProxyCommand false": OUT,
    "Match host 127.0.0.1 exec true\n  BindAddress 192.0.2.1": OUT,
    "ControlMaster auto\nControlPath {folder}/no-master-%C": IN,
    "RemoteCommand false\nRequestTTY force": IN,
    "PermitLocalCommand yes\nLocalCommand touch {folder}/canary": IN,
    "ForwardAgent yes\nForwardX11 yes\nDynamicForward 1\nExitOnForwardFailure yes": IN,
    "Compression yes": IN,
    "SessionType none\nForkAfterAuthentication yes\nStdinNull yes": IN,
    "LogLevel QUIET": IN,
    "ConnectTimeout 3": IN,
}
STRICTER = ("NoHostAuthentication", "RemoteCommand", "SessionType")
NO_SERVER = ("HostKeyAlgorithms ssh-rsa", "Ciphers -aes*", "ProxyUseFdpass")
SSH_DECIDES = [text for text in FOLLOWED if not any(word in text for word in (*STRICTER, *NO_SERVER))]
"""Those where `ssh` is the oracle: not those where we are stricter on purpose, or where no server here could agree."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    with run_sshd(folder, options=["MaxStartups 100"], kinds=("ed25519", "rsa")) as running:
        prepare_files(running)
        yield running


def prepare_files(server: Sshd) -> None:
    """The files that the configurations above name."""
    folder, text = server.folder, server.known_hosts.read_text()
    keys = [" ".join(line.split()[1:]) for line in text.splitlines()]
    for name in ("known hosts", "127.0.0.1"):
        (folder / name).write_text(text)
    server.known_hosts.write_text(text + "".join(f"known {key}\n" for key in keys))
    stranger = make_key_pair(folder / "stranger")
    (folder / "wrong").write_text(f"[127.0.0.1]:{server.port} {public_key(stranger)}\n")
    (folder / "list").write_text("".join(f"{key}\n" for key in keys))
    for name, source in (("krl", folder / "list"), ("other-krl", f"{stranger}.pub")):
        subprocess.run(("ssh-keygen", "-q", "-k", "-f", str(folder / name), str(source)), check=True)


@pytest.fixture
def config(server: Sshd, tmp_path: Path) -> Callable[[str], str]:
    """Writes a configuration, of which the first value of an option counts; its path."""

    def write(text: str) -> str:
        path = tmp_path / "config"
        ours = text.format(known=server.known_hosts, folder=server.folder)
        matching = "\nMatch all\n" if "Match" in ours else "\n"
        path.write_text(f"{ours}{matching}{server.config.read_text()}")
        return str(path)

    return write


def reach(node: Node, config: str) -> str:
    with Links(make_inventory(node), ssh_config=config, limit=5.0) as links:
        try:
            [answer] = links.to(node).ask([Command(("echo", "in"))])
        except Unobservable as why:
            return BEYOND if "connection: ssh" in why.hint and "algorithm with" not in why.why else OUT
        assert answer.out == b"in\n"
        return IN


@pytest.mark.parametrize("text", FOLLOWED)
def test_an_option_of_the_configuration_is_followed_or_said(server, config, text):
    assert reach(server.node(), config(text)) == FOLLOWED[text]
    assert not (server.folder / "canary").exists()


@pytest.mark.parametrize("text", FOLLOWED)
@pytest.mark.long
def test_over_openssh_an_option_of_the_configuration_is_followed(server, config, text):
    if not any(word in text for word in NO_SERVER):
        decided = reach(server.node(connection="ssh"), config(text))
        assert (decided == OUT) == (FOLLOWED[text] == OUT)
    assert not (server.folder / "canary").exists()


@pytest.mark.parametrize("text", SSH_DECIDES)
@pytest.mark.long
def test_ssh_decides_as_we_do(server, config, text):
    options = ("-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no", "-oExitOnForwardFailure=no")
    words = ("ssh", "-F", config(text), *options, "-i", str(server.identity), "-p", str(server.port), "127.0.0.1", ":")
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20)
    assert (done.returncode == 0) == (FOLLOWED[text] != OUT), done.stderr


@pytest.mark.parametrize(
    ("lines", "address", "trusted"),
    [
        ("db.example {key}", "192.0.2.7", True),
        ("db.example,192.0.2.7 {key}", "192.0.2.7", True),
        ("db.example {key}\n192.0.2.7 {other}", "192.0.2.7", False),
        ("db.example {key}\n192.0.2.7 {other}\n192.0.2.7 {key}", "192.0.2.7", True),
        ("db.example {key}\n@revoked 192.0.2.7 {key}", "192.0.2.7", False),
        ("db.example {key}\n127.0.0.1 {other}", "127.0.0.1", True),
        ("db.example {key}\n192.0.2.7 {other}", "", True),
    ],
)
def test_check_host_ip_asks_for_the_address_too(lines, address, trusted):
    """As check_host_key() of OpenSSH does with strict checking: not for loopback, nor through a proxy."""
    wire = {name: b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + name[:1].encode() * 32 for name in ("key", "other")}
    text = lines.format(**{name: f"ssh-ed25519 {base64.b64encode(key).decode()}" for name, key in wire.items()})
    server = Server("node", SshTarget("db.example", "db.example", 22, "me", check_ip=True), tuple(parse(text)))
    with nullcontext() if trusted else pytest.raises(Unobservable, match="CheckHostIP"):
        check_host_key(server, wire["key"], address)


def test_every_option_of_this_ssh_has_its_place_in_the_docs():
    table = (Path(__file__).parents[4] / "docs/ssh.md").read_text().split("## On the node")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ") and ", our own" not in line]
    sentence = [name.strip().lower() for row in rows for name in row.split(",")]
    stdout = subprocess.run(("ssh", "-G", "-F", "none", "host"), capture_output=True, text=True, check=True).stdout
    assert {line.partition(" ")[0].lower() for line in stdout.splitlines()} <= {*sentence, "host"}
    assert {name.lower() for name in (*REFUSED, *UNTRIED, *NAMES)} <= set(sentence)
    assert len(sentence) == len(set(sentence))
