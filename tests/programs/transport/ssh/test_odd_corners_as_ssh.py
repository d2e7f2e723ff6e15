"""Odd corners of ssh_config, each given to the real `ssh` and to us: the same server, user and key, or both refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.helpers.sshd import public_key
from tests.programs.transport.ssh.test_decisions_as_ssh import SAMPLE, Servers, as_ssh, as_we, servers

__all__ = ["servers"]

MATCHES = {
    "two criteria": "Match originalhost target user {user}\n  Port 1",
    "two that hold": "Match originalhost target localuser *\n  IdentityFile {folder}/rsa",
    "a negated host": "Match host !127.0.0.1,*\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "a list of hosts": "Match host 10.0.0.1,127.0.0.?\n  IdentityFile {folder}/rsa",
    "a list with commas and none": "Match originalhost a,b,c\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "exec with quotes": "Match exec \"test '%h' = 127.0.0.1\"\n  IdentityFile {folder}/rsa",
    "exec that is negated": "Match !exec true\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "final twice": "Match final\n  IdentityFile {folder}/rsa\nMatch final all\n  Port 1",
    "canonical without canonical": "Match canonical\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "user that is set before": "Host target\n  User {user}\nMatch user {user}\n  IdentityFile {folder}/rsa",
    "tagged": "Host target\n  Tag home\nMatch tagged home\n  IdentityFile {folder}/rsa",
    "no criterion": "Match\n  Port 1",
    "an unknown criterion": "Match weather rain\n  Port 1",
    "localnetwork": "Match localnetwork 203.0.113.0/24\n  Port 1\nMatch all\n  IdentityFile {folder}/id",
    "upper case words": "MATCH ORIGINALHOST target\n  IDENTITYFILE {folder}/rsa",
    "upper case host": "Host TARGET\n  Port 1\nHost *\n  IdentityFile {folder}/id",
    "a question mark": "Host targe?\n  IdentityFile {folder}/rsa",
    "equals in Host": "Host=target\n  IdentityFile = {folder}/rsa",
    "tabs and blanks": "Host\ttarget \n\t IdentityFile\t {folder}/rsa  ",
    "a comment behind a value": "Host target # the shop\n  IdentityFile {folder}/rsa",
    "a comment behind a file": "IdentityFile {folder}/rsa # old",
    "carriage returns": "Host target\r\n  IdentityFile {folder}/rsa\r",
    "only a negation": "Host !other\n  Port 1\nHost *\n  IdentityFile {folder}/id",
    "an unknown option": "Host target\n  NoSuchOption yes\n  IdentityFile {folder}/id",
    "an unknown option that is ignored": "IgnoreUnknown NoSuch*\nNoSuchOption yes\nIdentityFile {folder}/id",
}
INCLUDES = {
    "a pattern": "Include {folder}/odd/*.conf",
    "quotes": 'Include "{folder}/odd dir/x.conf"',
    "two files": "Include {folder}/none {folder}/odd/a.conf",
    "one that is missing": "Include {folder}/none\nIdentityFile {folder}/id",
    "inside a host that is not": "Host other\n  Include {folder}/odd/wrong-port\nHost *\n  IdentityFile {folder}/id",
    "inside a host that is": "Host target\n  Include {folder}/odd/wrong-port",
    "itself": "Include {folder}/odd/loop",
    "a host block that ends with its file": "Include {folder}/odd/open-block\nIdentityFile {folder}/id",
    "a directory": "Include {folder}/odd",
}
QUOTES = {
    "a file in quotes": 'IdentityFile "{folder}/odd dir/key"',
    "a blank with a backslash": "IdentityFile {folder}/odd\\ dir/key",
    "quotes that stay open": 'IdentityFile "{folder}/id',
    "single quotes": "IdentityFile '{folder}/odd dir/key'",
    "known hosts in quotes": 'UserKnownHostsFile "{folder}/odd dir/known" /no/such',
    "a user in quotes": 'Host target\n  User "{user}"\n  IdentityFile {folder}/id',
    "a port in quotes": 'Host "target"\n  Port "{port}"',
    "a port that is none": "Host target\n  Port http",
    "a port of 0": "Host target\n  Port 0",
    "a port with a plus": "Host target\n  Port +{port}",
    "a name of a variable": "IdentityFile ${{NO_SUCH_VARIABLE_HERE}}/id",
    "a token that is none": "IdentityFile {folder}/%q",
    "a token in a user": "Host target\n  User %d",
}
KEYS = {
    "only the one that is named": "IdentityFile {folder}/rsa\nIdentitiesOnly yes",
    "the same twice": "IdentityFile {folder}/id\nIdentityFile {folder}/id",
    "a certificate for another user": "IdentityFile {folder}/odd/foreign",
    "a certificate that has ended": "IdentityFile {folder}/odd/ended",
    "a certificate that has ended, and another key": "IdentityFile {folder}/odd/ended\nIdentityFile {folder}/id",
    "a certificate with a token": "IdentityFile {folder}/certified\nCertificateFile {folder}/%r-none",
    "two certificates": "IdentityFile {folder}/certified\nCertificateFile {folder}/none\n"
    "CertificateFile {folder}/certified-cert.pub",
    "certificate none after one": "IdentityFile {folder}/certified\nCertificateFile {folder}/certified-cert.pub\n"
    "CertificateFile none",
    "none after a key": "IdentityFile {folder}/id\nIdentityFile none",
    "a directory": "IdentityFile {folder}\nIdentityFile {folder}/id",
    "readable by others": "IdentityFile {folder}/odd/open-key\nIdentitiesOnly yes",
    "an empty file": "IdentityFile {folder}/odd/empty\nIdentityFile {folder}/rsa",
    "signatures of sha1 only": "IdentityFile {folder}/rsa\nPubkeyAcceptedAlgorithms ssh-rsa",
    "without ed25519": "IdentityFile {folder}/id\nIdentityFile {folder}/rsa\nPubkeyAcceptedAlgorithms -ssh-ed25519",
    "ed25519 moved behind": "IdentityFile {folder}/id\nPubkeyAcceptedAlgorithms ^rsa-sha2-512",
    "the old name of it": "IdentityFile {folder}/id\nIdentityFile {folder}/rsa\nPubkeyAcceptedKeyTypes rsa-sha2-256",
    "keys unbound": "IdentityFile {folder}/id\nPubkeyAuthentication unbound",
    "host-bound": "IdentityFile {folder}/id\nPubkeyAuthentication host-bound",
    "large rsa wanted": "IdentityFile {folder}/rsa\nIdentityFile {folder}/id\nRequiredRSASize 16000",
}
KNOWN = {
    "hashed by another name": "HostKeyAlias shop\nUserKnownHostsFile {folder}/odd/hashed-alias",
    "hashed and revoked": "UserKnownHostsFile {folder}/odd/hashed-revoked",
    "revoked for others": "UserKnownHostsFile {folder}/odd/revoked-elsewhere",
    "revoked in the second file": "UserKnownHostsFile {folder}/known {folder}/odd/only-revoked",
    "revoked in the system's": "GlobalKnownHostsFile {folder}/odd/only-revoked",
    "revoked without a name": "UserKnownHostsFile {folder}/odd/revoked-nameless",
    "the port as a plain name": "UserKnownHostsFile {folder}/odd/colon-port",
    "upper case": "HostKeyAlias SHOP\nUserKnownHostsFile {folder}/known-alias",
    "comments and blanks": "UserKnownHostsFile {folder}/odd/comments",
    "no final newline": "UserKnownHostsFile {folder}/odd/unended",
    "a key of another type's name": "UserKnownHostsFile {folder}/odd/mislabelled",
    "a line that is cut": "UserKnownHostsFile {folder}/odd/cut",
    "carriage returns": "UserKnownHostsFile {folder}/odd/returns",
    "a list with an empty name": "UserKnownHostsFile {folder}/odd/empty-names",
    "an authority and an old plain key": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/odd/ca-and-old",
    "an authority that is hashed": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/odd/ca-hashed",
    "the certificate's key revoked": "Host target\n  Port {sealed}\n  UserKnownHostsFile {folder}/odd/ca-leaf-revoked",
    "a signature algorithm of the authority": "Host target\n  Port {sealed}\n  CASignatureAlgorithms rsa-sha2-512\n"
    "  UserKnownHostsFile {folder}/known-ca",
    "check the address too": "CheckHostIP yes",
    "ask": "StrictHostKeyChecking ask\nUserKnownHostsFile {folder}/known-other",
}
ROUTES = {
    "IPv6": "Host target\n  HostName ::1\n  HostKeyAlias 127.0.0.1",
    "IPv6 in brackets": "Host target\n  HostName [::1]\n  HostKeyAlias 127.0.0.1",
    "IPv4 mapped": "Host target\n  HostName ::ffff:127.0.0.1\n  HostKeyAlias [127.0.0.1]:{port}",
    "an alias with the port": "HostKeyAlias [127.0.0.1]:{port}",
    "only IPv6": "AddressFamily inet6",
    "a short address": "Host target\n  HostName 127.1",
    "HostName with %h": "Host target\n  HostName %h.invalid",
    "HostName with %%": "Host target\n  HostName 127.0.0.1%%lo",
    "a jump with a user and a port": "Host target\n  ProxyJump {user}@localhost:{gate}\nHost localhost\n"
    "  HostKeyAlias [127.0.0.1]:{gate}",
    "a jump by IPv6": "Host target\n  ProxyJump {user}@[127.0.0.1]:{gate}",
    "a jump whose alias has another port": "Host target\n  ProxyJump gate:{port}",
    "a jump with a key of the target": "Host target\n  ProxyJump gate\n  IdentityFile {folder}/rsa\nHost gate\n"
    "  IdentityFile {folder}/stranger\n  IdentitiesOnly yes",
    "a jump and a command": "Host target\n  ProxyJump gate\n  ProxyCommand false",
    "a command and a jump": "Host target\n  ProxyCommand nc 127.0.0.1 {port}\n  ProxyJump 127.0.0.1:1",
    "a command that is none": "Host target\n  ProxyCommand none",
    "a command with quotes": "Host target\n  ProxyCommand sh -c 'exec nc \"%h\" %p'",
    "a jump of two with blanks": "Host target\n  ProxyJump gate, inner-gate",
    "an empty jump": "Host target\n  ProxyJump ",
    "canonical names": "CanonicalizeHostname yes\nCanonicalDomains invalid\nCanonicalizeFallbackLocal yes",
    "canonical names or nothing": "CanonicalizeHostname yes\nCanonicalDomains invalid\n"
    "CanonicalizeFallbackLocal no\nHost target\n  HostName shop",
    "canonical always": "CanonicalizeHostname always\nMatch canonical\n  IdentityFile {folder}/rsa",
    "bind to an address": "BindAddress 127.0.0.1",
    "bind to one that is not here": "BindAddress 203.0.113.9",
}
CASES = {
    f"{kind}: {name}": text
    for kind, cases in {
        "match": MATCHES,
        "include": INCLUDES,
        "quotes": QUOTES,
        "keys": KEYS,
        "known": KNOWN,
        "routes": ROUTES,
    }.items()
    for name, text in cases.items()
}


def sign_user(folder: Path, name: str, *words: str) -> None:
    """A certificate of the servers' authority for a key of its own."""
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "odd" / name)), check=True)
    line = ("ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "test", *words, str(folder / "odd" / f"{name}.pub"))
    subprocess.run(line, check=True, capture_output=True)


def hash_names(path: Path) -> None:
    """Hash the names in a file of known hosts."""
    subprocess.run(("ssh-keygen", "-q", "-H", "-f", str(path)), check=True, capture_output=True)
    path.with_name(f"{path.name}.old").unlink(missing_ok=True)


def write_known(servers: Servers) -> None:
    """The files of known hosts that the cases name; each knows the gate too."""
    folder, port = servers.folder, servers.target.port
    own, rsa = (public_key(servers.target.folder / f"host_{kind}") for kind in ("ed25519", "rsa"))
    other, gate = public_key(folder / "stranger"), servers.gate.known_hosts.read_text()
    sealed, leaf = f"[127.0.0.1]:{servers.sealed.port}", public_key(servers.sealed.folder / "host_ed25519")
    name, authority = f"[127.0.0.1]:{port}", public_key(folder / "ca")
    files = {
        "odd/hashed-alias": f"shop {own}\n",
        "odd/hashed-revoked": f"{name} {own}\n@revoked {name} {own}\n",
        "odd/revoked-elsewhere": f"{name} {own}\n@revoked 203.0.113.1 {own}\n",
        "odd/only-revoked": f"@revoked * {own}\n@revoked * {rsa}\n",
        "odd/revoked-nameless": f"{name} {own}\n@revoked {own}\n",
        "odd/colon-port": f"127.0.0.1:{port} {own}\n",
        "odd/comments": f"\n   # all of them\n  {name}   {own}   root@shop  # x\n",
        "odd/mislabelled": f"{name} ssh-rsa {own.split()[1]}\n",
        "odd/cut": f"{name} {own[:40]}\n",
        "odd/returns": f"{name} {own}\r\n",
        "odd/empty-names": f",,{name},, {own}\n",
        "odd/ca-and-old": f"@cert-authority {sealed} {authority}\n{sealed} {other}\n",
        "odd/ca-hashed": f"@cert-authority {sealed} {authority}\n",
        "odd/ca-leaf-revoked": f"@cert-authority {sealed} {authority}\n@revoked * {leaf}\n",
        "odd dir/known": f"{name} {own}\n",
    }
    for path, text in files.items():
        (folder / path).write_text(gate + text)
    (folder / "odd/unended").write_text(f"{gate}{name} {own}")
    for path in ("odd/hashed-alias", "odd/hashed-revoked", "odd/ca-hashed"):
        hash_names(folder / path)


@pytest.fixture(scope="module")
def prepared(servers: Servers) -> Servers:
    """The servers, with the files that the cases name."""
    folder = servers.folder
    (folder / "odd").mkdir()
    (folder / "odd dir").mkdir()
    (folder / "odd/a.conf").write_text(f"IdentityFile {folder}/rsa\n")
    (folder / "odd/b.conf").write_text("Host target\n  Port 1\n")
    (folder / "odd dir/x.conf").write_text(f"IdentityFile {folder}/rsa\n")
    (folder / "odd/wrong-port").write_text("Port 1\n")
    (folder / "odd/loop").write_text(f"Include {folder}/odd/loop\n")
    (folder / "odd/open-block").write_text("Host other\n  Port 1\n")
    (folder / "odd/empty").touch(mode=0o600)
    for path, mode in (("odd dir/key", 0o600), ("odd/open-key", 0o644)):
        (folder / path).write_bytes((folder / "id").read_bytes())
        (folder / path).chmod(mode)
    sign_user(folder, "foreign", "-n", "somebody-else")
    sign_user(folder, "ended", "-n", servers.target.user, "-V", "20200101:20200201")
    write_known(servers)
    return servers


@pytest.mark.parametrize("name", [name for number, name in enumerate(CASES) if number % SAMPLE == 0])
def test_a_sample_of_odd_configurations_is_decided_as_by_ssh(prepared: Servers, tmp_path: Path, name: str) -> None:
    config = prepared.config(CASES[name], tmp_path / "config")
    assert as_we(prepared, config, "") == as_ssh(prepared, config)


@pytest.mark.long
@pytest.mark.parametrize("connection", ["", "ssh"])
@pytest.mark.parametrize("name", CASES)
def test_every_odd_configuration_is_decided_as_by_ssh(
    prepared: Servers, tmp_path: Path, name: str, connection: str
) -> None:
    config = prepared.config(CASES[name], tmp_path / "config")
    assert as_we(prepared, config, connection) == as_ssh(prepared, config)
