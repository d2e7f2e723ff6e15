"""Generated configurations, each given to the real `ssh` and to us: the same server, user and key, or both refused."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.pool import Links
from tests.helpers.ssh_links import make_inventory
from tests.helpers.sshd import Sshd, make_key_pair, public_key, run_sshd

KINDS = ("ed25519", "rsa", "ecdsa")
ACCEPTED = re.compile(r"Accepted publickey for (\S+) from \S+ port [0-9]+ ssh2: (.*)")
STRANGERS = ("stranger", "certified", "half")
"""Keys that no server takes as they are."""
SAMPLE = 9
"""In the usual run every so many-th; all of them with `--all`."""

BASE = """
Host target
  HostName 127.0.0.1
  Port {port}
Host gate inner-gate target-gate
  HostName 127.0.0.1
  Port {gate}
Match all
  User {user}
  UserKnownHostsFile {folder}/known
  GlobalKnownHostsFile /dev/null
  IdentityAgent none
  BatchMode yes
  StrictHostKeyChecking yes
"""

PLACES = {
    "an alias": "",
    "a pattern": "Host t*t\n  Port {port}\nHost *\n  IdentityFile {folder}/id",
    "a negated pattern": "Host * !target\n  Port 1\nHost *\n  IdentityFile {folder}/rsa",
    "the first value": "Host target\n  IdentityFile {folder}/rsa\n  Port {port}\nHost *\n  Port 1",
    "another user": "Host target\n  User nobody-here\n  IdentityFile {folder}/id",
    "another port": "Host target\n  Port {gate}\n  IdentityFile {folder}/id",
    "match host": "Match host 127.0.0.1\n  IdentityFile {folder}/rsa",
    "match originalhost": "Match originalhost target\n  IdentityFile {folder}/rsa",
    "match user that is not": "Match user somebody\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "match exec": 'Match originalhost target exec "test %n = target"\n  IdentityFile {folder}/rsa',
    "match exec that fails": "Match exec false\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "match final": "Match final host 127.0.0.1\n  IdentityFile {folder}/rsa",
    "an include": "Include {folder}/included",
    "a key word with an equals sign": "Host target\n  IdentityFile={folder}/rsa",
    "the background": "ForkAfterAuthentication yes",
    "the background and no shell": "ForkAfterAuthentication yes\nStdinNull yes",
    "an address": "Host target\n  HostName localhost\n  AddressFamily inet\n  HostKeyAlias 127.0.0.1",
}
TOKENS = {
    "%h": "IdentityFile {folder}/key-%h",
    "%n": "IdentityFile {folder}/key-%n",
    "%p": "IdentityFile {folder}/key-%p",
    "%r": "IdentityFile {folder}/key-%r",
    "%%": "IdentityFile {folder}/key-%%",
    "%d": "IdentityFile %d/no-such-key-here\nIdentityFile {folder}/id",
    "${HOME}": "IdentityFile ${{HOME}}/no-such-key-here\nIdentityFile {folder}/id",
    "known %n": "UserKnownHostsFile {folder}/known-%n",
    "known %h": "UserKnownHostsFile {folder}/known-%h",
    "alias %h": "HostKeyAlias 127.0.0.1",
    "command %h %p": "ProxyCommand nc %h %p",
    "command %n": "ProxyCommand test %n = target && nc 127.0.0.1 {port}",
    "command %%": "ProxyCommand test %% = '%%' && nc 127.0.0.1 {port}",
    "command %r": "ProxyCommand test %r = {user} && nc 127.0.0.1 {port}",
}
JUMPS = {
    "an alias": "Host target\n  ProxyJump gate",
    "%n": "Host target\n  ProxyJump %n-gate",
    "%n with user": "Host target\n  ProxyJump %r@%n-gate",
    "%h with port": "Host target\n  ProxyJump %h:{gate}",
    "user, host, port": "Host target\n  ProxyJump {user}@127.0.0.1:{gate}",
    "as a URI": "Host target\n  ProxyJump ssh://{user}@127.0.0.1:{gate}",
    "two hops": "Host target\n  ProxyJump gate,inner-gate",
    "a hop of a hop": "Host target\n  ProxyJump gate\nHost gate\n  ProxyJump inner-gate",
    "none goes first": "Host target\n  ProxyJump none\nHost *\n  ProxyJump nowhere.invalid",
    "a wrong user": "Host target\n  ProxyJump nobody-here@gate",
    "a hop that is down": "Host target\n  ProxyJump 127.0.0.1:1",
    "%k": "Host target\n  ProxyJump %k-gate",
    "a token that is none": "Host target\n  ProxyJump %z-gate",
    "a percent sign": "Host target\n  ProxyJump gate%%",
    "a key of its own": "Host gate\n  IdentityFile {folder}/rsa\n  IdentitiesOnly yes\nHost target\n  ProxyJump gate",
}
KEYS = {
    "one that is refused first": "IdentityFile {folder}/stranger\nIdentityFile {folder}/id",
    "refused alone": "IdentityFile {folder}/stranger\nIdentitiesOnly yes",
    "one that is not there": "IdentityFile {folder}/none\nIdentityFile {folder}/rsa",
    "none": "IdentityFile none",
    "a certificate beside it": "IdentityFile {folder}/certified",
    "a certificate that is named": "IdentityFile {folder}/certified\nCertificateFile {folder}/certified-cert.pub",
    "certificate none": "IdentityFile {folder}/certified\nCertificateFile none",
    "another certificate is named": "IdentityFile {folder}/certified\nCertificateFile {folder}/no-such-cert.pub",
    "a certificate of another key": "IdentityFile {folder}/id\nCertificateFile {folder}/certified-cert.pub",
    "only rsa": "IdentityFile {folder}/id\nIdentityFile {folder}/rsa\nPubkeyAcceptedAlgorithms rsa-sha2-512",
    "no keys at all": "PubkeyAuthentication no",
    "a public half alone": "IdentityFile {folder}/half.pub",
}
KNOWN = {
    "hashed": "UserKnownHostsFile {folder}/known-hashed",
    "a wildcard": "UserKnownHostsFile {folder}/known-wild",
    "negated": "UserKnownHostsFile {folder}/known-negated",
    "without the port": "UserKnownHostsFile {folder}/known-portless",
    "another key": "UserKnownHostsFile {folder}/known-other",
    "another key and the right one": "UserKnownHostsFile {folder}/known-both",
    "revoked": "UserKnownHostsFile {folder}/known-revoked",
    "only rsa": "UserKnownHostsFile {folder}/known-rsa",
    "only ecdsa": "UserKnownHostsFile {folder}/known-ecdsa",
    "nothing": "UserKnownHostsFile /dev/null",
    "an alias": "HostKeyAlias shop\nUserKnownHostsFile {folder}/known-alias",
    "an alias that is unknown": "HostKeyAlias nobody",
    "two files": "UserKnownHostsFile /no/such {folder}/known",
    "the system's": "UserKnownHostsFile none\nGlobalKnownHostsFile {folder}/known",
    "an authority": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/known-ca",
    "an authority of other names": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/known-ca-other",
    "an authority that is revoked": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/known-ca-revoked",
    "a certificate and its plain key": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/known-sealed",
    "a certificate for another name": "Host target\n  Port {sealed}\n  HostKeyAlias x.example\n"
    "  UserKnownHostsFile {folder}/known-ca-wild",
}
ORDERS = {
    f"{order}, known {known}": f"HostKeyAlgorithms {order}\nUserKnownHostsFile {{folder}}/known-{known}"
    for order in (
        "-ssh-dss",
        "-ssh-ed25519",
        "+ssh-rsa",
        "^ecdsa-sha2-nistp256",
        "ssh-ed25519,rsa-sha2-512",
        "rsa-sha2-512,ssh-ed25519",
    )
    for known in ("rsa", "ecdsa")
}
LISTS = ("other", "own", "comments", "crlf", "empty", "missing", "garbage", "late", "hosts", "krl", "krl-other", "cut")
REVOKED = {
    name: f"RevokedHostKeys {{folder}}/revoked-{name}"
    for name in [
        "other",
        "own",
        "comments",
        "crlf",
        "empty",
        "missing",
        "garbage",
        "late",
        "hosts",
        "krl",
        "krl-other",
        "cut",
    ]
} | {
    "the authority's": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/known-ca\n"
    "  RevokedHostKeys {folder}/revoked-ca",
    "none": "RevokedHostKeys none",
}
CASES = {
    f"{kind}: {name}": text
    for kind, cases in {
        "places": PLACES,
        "tokens": TOKENS,
        "jumps": JUMPS,
        "keys": KEYS,
        "known": KNOWN,
        "orders": ORDERS,
        "revoked": REVOKED,
    }.items()
    for name, text in cases.items()
}


@dataclass
class Servers:
    """Three servers: the target, a gate before it, and one that shows a host certificate."""

    folder: Path
    target: Sshd
    gate: Sshd
    sealed: Sshd

    def config(self, text: str, path: Path) -> str:
        """Writes a configuration, of which the first value of an option counts; its path."""
        keys = "" if "IdentityFile" in text else "Match all\n  IdentityFile {folder}/id\n"
        values = {
            "folder": self.folder,
            "user": self.target.user,
            "port": self.target.port,
            "gate": self.gate.port,
            "sealed": self.sealed.port,
        }
        path.write_text(f"{text}\n{keys}{BASE}".format(**values))
        return str(path)

    def logins(self, since: tuple[int, ...]) -> list[tuple[str, str, str]]:
        """Who came in where, with which key, since the logs had these lengths."""
        servers = (self.target, self.gate, self.sealed)
        return [
            (server.folder.name, user, key)
            for server, start in zip(servers, since, strict=True)
            for user, key in ACCEPTED.findall(server.log[start:])
        ]

    def lengths(self) -> tuple[int, ...]:
        return tuple(len(server.log) for server in (self.target, self.gate, self.sealed))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("oracle")
    authority = make_key_pair(folder / "ca")
    options = ["MaxStartups 100", f"TrustedUserCAKeys {authority}.pub"]
    seal = folder / "sealed"
    host_key = make_key_pair(seal / "host_ed25519")
    sign(authority, host_key, "-h", "-n", "127.0.0.1,target")
    with (
        run_sshd(folder / "target", options, kinds=KINDS) as target,
        run_sshd(folder / "gate", options) as gate,
        run_sshd(seal, [*options, f"HostCertificate {host_key}-cert.pub"]) as sealed,
    ):
        running = Servers(folder, target, gate, sealed)
        prepare_keys(running, authority)
        prepare_known_hosts(running, public_key(authority))
        prepare_revoked(running, public_key(authority))
        yield running


def sign(authority: Path, key: Path, *words: str) -> None:
    line = ("ssh-keygen", "-q", "-s", str(authority), "-I", "test", *words, f"{key}.pub")
    subprocess.run(line, check=True, capture_output=True)


def prepare_keys(servers: Servers, authority: Path) -> None:
    folder, target = servers.folder, servers.target
    for name in ("id", "rsa", *STRANGERS):
        make_key_pair(folder / name, "rsa" if name == "rsa" else "ed25519")
    sign(authority, folder / "certified", "-n", target.user)
    (folder / "half").unlink()
    lines = "".join(f"{public_key(folder / name)}\n" for name in ("id", "rsa"))
    for server in (servers.target, servers.gate, servers.sealed):
        (server.folder / "authorized_keys").write_text(lines)
    for name in ("127.0.0.1", "target", str(target.port), target.user, "%"):
        path = folder / f"key-{name}"
        path.write_bytes((folder / "rsa").read_bytes())
        path.chmod(0o600)
    (folder / "included").write_text(f"Host target\n  IdentityFile {folder}/rsa\n")


def prepare_known_hosts(servers: Servers, authority: str) -> None:
    folder, port = servers.folder, servers.target.port
    keys = {kind: public_key(servers.target.folder / f"host_{kind}") for kind in KINDS}
    other, gate = public_key(folder / "stranger"), servers.gate.known_hosts.read_text()
    place, sealed = f"[127.0.0.1]:{port}", f"[127.0.0.1]:{servers.sealed.port}"
    own = "".join(f"{place} {key}\n" for key in keys.values())
    files = {
        "known": own,
        "known-target": own,
        "known-127.0.0.1": own,
        "known-wild": f"[127.0.*]:{port},[127.*.1]:{port} {keys['ed25519']}\n",
        "known-negated": f"[127.*]:{port},!{place} {keys['ed25519']}\n",
        "known-portless": f"127.0.0.1 {keys['ed25519']}\n",
        "known-other": f"{place} {other}\n",
        "known-both": f"{place} {other}\n{place} {keys['ed25519']}\n",
        "known-revoked": f"{own}@revoked * {keys['ed25519']}\n",
        "known-rsa": f"# first\n{place} {keys['rsa']} a comment\n",
        "known-ecdsa": f"{place} {keys['ecdsa']}\n",
        "known-alias": f"shop {keys['ed25519']}\n",
        "known-ca": f"@cert-authority {sealed} {authority}\n",
        "known-ca-other": f"@cert-authority *.example {authority}\n",
        "known-ca-revoked": f"@cert-authority {sealed} {authority}\n@revoked {sealed} {authority}\n",
        "known-ca-wild": f"@cert-authority * {authority}\n",
        "known-sealed": f"{sealed} {public_key(servers.sealed.folder / 'host_ed25519')}\n",
        "known-hashed": own,
    }
    for name, text in files.items():
        (folder / name).write_text(text + gate)
    subprocess.run(("ssh-keygen", "-q", "-H", "-f", str(folder / "known-hashed")), check=True, capture_output=True)


def prepare_revoked(servers: Servers, authority: str) -> None:
    folder = servers.folder
    own, other = public_key(servers.target.folder / "host_ed25519"), public_key(folder / "stranger")
    texts = {
        "other": f"{other}\n",
        "own": f"{other}\n{own}\n",
        "comments": f"# revoked in May\n\n \t{other} a comment\n",
        "crlf": f"{other}\r\n{own}\r\n",
        "empty": "",
        "garbage": f"this is no key\n{other}\n",
        "late": f"{own}\nthis is no key\n",
        "hosts": f"@revoked * {own}\n",
        "ca": f"{authority}\n",
        "cut": "SSHKRL\n\0",
    }
    for name, text in texts.items():
        (folder / f"revoked-{name}").write_text(text)
    for name, source in (("krl", servers.target.folder / "host_ed25519.pub"), ("krl-other", folder / "stranger.pub")):
        subprocess.run(("ssh-keygen", "-q", "-k", "-f", str(folder / f"revoked-{name}"), str(source)), check=True)


def as_ssh(servers: Servers, config: str) -> list[tuple[str, str, str]]:
    """The logins that `ssh` itself makes; [] where it does not get to the target."""
    before = servers.lengths()
    background = "-oForkAfterAuthentication=no"
    words = ("ssh", "-F", config, background, "-oUpdateHostKeys=no", "-oConnectTimeout=30", "target", "echo in")
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    return servers.logins(before) if (done.returncode, done.stdout) == (0, b"in\n") else []


def as_we(servers: Servers, config: str, connection: str) -> list[tuple[str, str, str]]:
    """The logins that we make; [] where we do not get to the target."""
    before = servers.lengths()
    node = Node.model_validate({"name": "node", "address": "target", "connection": connection})
    with Links(make_inventory(node), ssh_config=config, limit=30.0) as links:
        try:
            [answer] = links.to(node).ask([Command(("echo", "in"))])
        except Unobservable:
            return []
    assert answer.out == b"in\n"
    return servers.logins(before)


@pytest.mark.parametrize("name", [name for number, name in enumerate(CASES) if number % SAMPLE == 0])
def test_a_sample_of_configurations_is_decided_as_by_ssh(servers: Servers, tmp_path: Path, name: str) -> None:
    config = servers.config(CASES[name], tmp_path / "config")
    assert as_we(servers, config, "") == as_ssh(servers, config)


@pytest.mark.long
@pytest.mark.parametrize("connection", ["", "ssh"])
@pytest.mark.parametrize("name", CASES)
def test_every_configuration_is_decided_as_by_ssh(servers: Servers, tmp_path: Path, name: str, connection: str) -> None:
    config = servers.config(CASES[name], tmp_path / "config")
    assert as_we(servers, config, connection) == as_ssh(servers, config)


def test_the_cases_let_in_and_refuse(servers: Servers, tmp_path: Path) -> None:
    let_in = as_ssh(servers, servers.config(CASES["keys: a certificate beside it"], tmp_path / "in"))
    refused = as_ssh(servers, servers.config(CASES["revoked: own"], tmp_path / "out"))
    assert [(place, "CERT" in key) for place, _, key in let_in] == [("target", True)]
    assert refused == []
    assert len(CASES) >= 100
