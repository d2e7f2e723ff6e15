"""known_hosts files: read and judged as `ssh` itself does, which is asked about every generated one."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fleetkeeper.transport.ssh.host_lookup import Target
from fleetkeeper.transport.ssh.known_hosts import (
    KeyStatus,
    KnownHost,
    Presented,
    decode_key,
    fingerprint,
    key_status,
    matches_host,
    parse,
    parse_presented,
    preferred_kinds,
)
from tests.helpers.sshd import find_sshd, make_key_pair, public_key

HOST, PORT = "db.example.org", 2222
NOW = time.time()


def blob(line: str) -> bytes:
    key = decode_key(line.split()[1])
    assert key
    return key


@dataclass(frozen=True)
class KeyServers:
    """Keys that a server may show, and an sshd for each that speaks on its standard input (`sshd -i`)."""

    folder: Path
    keys: dict[str, str]
    shown: dict[str, bytes]

    def ssh_trusts(self, shows: str, text: str, host: str = HOST, port: int = PORT) -> bool:
        """What the OpenSSH client decides about a server that shows that key, with that known_hosts file."""
        file = self.folder / "asked"
        file.write_text(text)
        certified = shows in CERTIFICATES
        kind = "ssh-ed25519-cert-v01@openssh.com" if certified else self.keys[shows].split()[0]
        options = {
            "ProxyCommand": f"{find_sshd()} -i -f {self.folder}/{shows}.conf",
            "UserKnownHostsFile": file,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "HostKeyAlgorithms": kind.replace("ssh-rsa", "rsa-sha2-256"),
            "KexAlgorithms": "curve25519-sha256",
            "IdentityFile": "none",
            "IdentityAgent": "none",
            "PreferredAuthentications": "none",
        }
        words = [f"-o{name}={value}" for name, value in options.items()]
        done = subprocess.run(
            ("ssh", "-F", "none", *words, "-p", str(port), "--", host, "true"),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
        if "Permission denied" in done.stderr or done.returncode == 0:
            return True
        assert "Host key verification failed" in done.stderr, done.stderr
        return False

    def we_trust(self, shows: str, text: str, host: str = HOST, port: int = PORT) -> bool:
        target = Target(host, port, time.time())
        return key_status(tuple(parse(text)), target, parse_presented(self.shown[shows])) is KeyStatus.TRUSTED


CERTIFICATES = {
    # what it shows: arguments of ssh-keygen, whether the CA's key signs a host
    "good": ("-h", "-n", f"{HOST},other.example.org"),
    "anyone": ("-h",),
    "elsewhere": ("-h", "-n", "other.example.org"),
    "wild": ("-h", "-n", "*.example.org"),
    "expired": ("-h", "-n", HOST, "-V", "20200101:20200201"),
    "early": ("-h", "-n", HOST, "-V", "20980101:20990101"),
    "user": ("-n", HOST),
    "critical": ("-h", "-n", HOST, "-O", "critical:tea=earl-grey"),
}


@pytest.fixture(scope="module")
def sshds(tmp_path_factory: pytest.TempPathFactory) -> KeyServers:
    find_sshd()
    folder = tmp_path_factory.mktemp("sshds")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    paths = {name: make_key_pair(folder / name, kind) for name, kind in KINDS.items()}
    keys = {name: public_key(path) for name, path in paths.items()}
    shown = {name: blob(line) for name, line in keys.items()}
    for name in ("plain", "rsa", "ecdsa"):
        (folder / f"{name}.conf").write_text(f"HostKey {paths[name]}\nUsePAM no\nStrictModes no\n")
    for name, arguments in CERTIFICATES.items():
        copy = folder / f"{name}.pub"
        copy.write_text(keys["plain"] + "\n")
        sign = ("ssh-keygen", "-q", "-s", str(paths["ca"]), "-I", name, *arguments, str(copy))
        subprocess.run(sign, check=True, capture_output=True)
        certificate = folder / f"{name}-cert.pub"
        shown[name] = blob(certificate.read_text())
        lines = f"HostKey {paths['plain']}\nHostCertificate {certificate}\nUsePAM no\nStrictModes no\n"
        (folder / f"{name}.conf").write_text(lines)
    return KeyServers(folder, keys, shown)


KINDS = {"plain": "ed25519", "other": "ed25519", "ca": "ed25519", "rsa": "rsa", "ecdsa": "ecdsa"}
PATTERNS = (
    HOST,
    "DB.Example.Org",
    f"[{HOST}]:{PORT}",
    f"[{HOST}]:2223",
    "*",
    "*.example.org",
    "[*.example.org]:2222",
    "[*]:*",
    "?b.example.org",
    f"other,{HOST},[{HOST}]:{PORT}",
    f"*,!{HOST}",
    f"[*]:2222,![{HOST}]:{PORT}",
    "other.example.org",
    "2001:db8::7",
    "[2001:db8::7]:2222",
    "192.0.2.*",
    "#hash",
    "#hash-port",
    "#hash-bad",
)
HOSTS = (HOST, HOST, HOST, "DB.Example.ORG", f"{HOST}.", "192.0.2.7", "2001:db8::7")


def written_text(pattern: str) -> str:
    """A pattern as it stands in the file; `#hash` ones as ssh-keygen -H would write them."""
    if not pattern.startswith("#"):
        return pattern
    name = f"[{HOST}]:{PORT}" if pattern == "#hash-port" else HOST
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, name.encode(), "sha1")
    if pattern == "#hash-bad":
        return "|1|bad|worse"
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@dataclass(frozen=True)
class Line:
    marker: str
    pattern: str
    key: str
    spoilt: str = ""

    def text(self, keys: dict[str, str]) -> str:
        kind, key = keys[self.key].split()
        if self.spoilt == "kind":
            kind = "ssh-rsa" if kind != "ssh-rsa" else "ssh-ed25519"
        if self.spoilt == "key":
            key = key[:-8]
        if self.spoilt == "missing":
            return f"{self.marker} {written_text(self.pattern)} {kind}".strip()
        separator = "\t" if self.spoilt == "tab" else " "
        return separator.join(
            part for part in (self.marker, written_text(self.pattern), kind, key, "comment #") if part
        )


lines = st.builds(
    Line,
    st.sampled_from(["", "", "", "@cert-authority", "@cert-authority", "@revoked", "@unknown"]),
    st.sampled_from(PATTERNS),
    st.sampled_from(["plain", "plain", "other", "ca", "rsa"]),
    st.sampled_from(["", "", "", "", "", "kind", "key", "missing", "tab"]),
)
shows = st.sampled_from(["plain", "plain", "rsa", "ecdsa", *CERTIFICATES])


@settings(max_examples=90, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shows, st.lists(lines, max_size=5), st.sampled_from([22, PORT]), st.sampled_from(HOSTS))
@example("good", [Line("@cert-authority", "*.example.org", "ca")], 22, HOST)
@example("good", [Line("@cert-authority", "*", "ca"), Line("@revoked", "*", "ca")], 22, HOST)
@example("good", [Line("@cert-authority", "*", "ca"), Line("@revoked", "*", "plain")], 22, HOST)
@example("expired", [Line("@cert-authority", "*", "ca"), Line("", HOST, "plain")], 22, HOST)
@example("elsewhere", [Line("@cert-authority", "*", "ca")], 22, HOST)
@example("wild", [Line("@cert-authority", "*", "ca")], 22, HOST)
@example("user", [Line("@cert-authority", "*", "ca")], 22, HOST)
@example("critical", [Line("@cert-authority", "*", "ca")], 22, HOST)
@example("early", [Line("@cert-authority", "*", "ca")], PORT, HOST)
@example("anyone", [Line("@cert-authority", f"[{HOST}]:{PORT}", "ca")], PORT, HOST)
@example("plain", [Line("", f"[{HOST}]:{PORT}", "other"), Line("", HOST, "plain")], PORT, HOST)
@example("good", [Line("", f"[{HOST}]:{PORT}", "other"), Line("", HOST, "plain")], PORT, HOST)
@example("plain", [Line("", HOST, "plain")], PORT, HOST)
@example("plain", [Line("", HOST, "other"), Line("", HOST, "plain")], 22, HOST)
@example("plain", [Line("", "#hash", "plain")], 22, HOST)
@example("plain", [Line("", "#hash-port", "plain")], PORT, HOST)
@example("plain", [Line("", HOST, "plain"), Line("@revoked", "other.example.org", "plain")], 22, HOST)
def test_the_same_decision_as_ssh_itself(sshds, shown, given_lines, port, host):
    text = "".join(line.text(sshds.keys) + "\n" for line in given_lines)
    assert sshds.we_trust(shown, text, host, port) == sshds.ssh_trusts(shown, text, host, port), (host, text)


# Without ssh: what each kind of line means.

KEY = b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + b"k" * 32
OTHER = b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + b"o" * 32
GOOD = KnownHost("db.example.org", "ssh-ed25519", KEY)
TARGET = Target("db.example.org", 22, NOW)


def ruling(*entries: KnownHost, key: bytes = KEY, target: Target = TARGET) -> KeyStatus:
    return key_status(entries, target, Presented(key))


def test_a_known_key_is_trusted():
    assert ruling(GOOD) is KeyStatus.TRUSTED


def test_case_11_another_key_is_changed():
    assert ruling(GOOD, key=OTHER) is KeyStatus.CHANGED


def test_case_12_no_line_at_all_is_unknown():
    assert ruling() is KeyStatus.UNKNOWN
    assert ruling(KnownHost("other.example.org", "ssh-ed25519", KEY)) is KeyStatus.UNKNOWN


def test_a_second_key_of_one_type_is_trusted_too():
    assert ruling(KnownHost("db.example.org", "ssh-ed25519", OTHER), GOOD) is KeyStatus.TRUSTED


def test_a_revoked_key_is_revoked_whatever_else_is_said():
    assert ruling(GOOD, KnownHost("*", "ssh-ed25519", KEY, "@revoked")) is KeyStatus.REVOKED


def test_an_alias_stands_for_host_and_port():
    target = Target("192.0.2.1", 2222, NOW, alias="DB.example.org")
    assert ruling(GOOD, target=target) is KeyStatus.TRUSTED


@given(st.text(), st.text(max_size=30))
def test_no_file_and_no_name_break_the_reader(text, name):
    for entry in parse(text):
        matches_host(entry.hosts, name.lower())
    matches_host(text, name)


@given(st.binary(max_size=300))
def test_no_key_breaks_the_judge(key):
    assert key_status([GOOD], TARGET, parse_presented(key)) in (KeyStatus.CHANGED, KeyStatus.TRUSTED)


@given(st.binary(max_size=200))
def test_a_certificate_that_is_garbage_is_a_key_that_nobody_knows(tail):
    kind = b"ssh-ed25519-cert-v01@openssh.com"
    shown = parse_presented(len(kind).to_bytes(4, "big") + kind + tail)
    assert key_status([KnownHost("*", "ssh-ed25519", KEY, "@cert-authority")], TARGET, shown) is not KeyStatus.TRUSTED


def test_a_long_pattern_with_many_stars_takes_no_time():
    before = time.monotonic()
    assert not matches_host("*a" * 12 + "*b", "a" * 60)
    assert time.monotonic() - before < 2


def test_fingerprints_are_those_of_ssh_keygen(tmp_path):
    path = make_key_pair(tmp_path / "key")
    stdout = subprocess.run(("ssh-keygen", "-lf", str(path)), capture_output=True, text=True, check=True).stdout
    assert fingerprint(blob(public_key(path))) == stdout.split()[1]


def test_the_types_that_are_known_are_asked_for_first():
    supported = ["ssh-ed25519", "rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com"]
    assert preferred_kinds([], supported)[0] == "ssh-ed25519"
    assert preferred_kinds([KnownHost("a", "ssh-rsa", b"")], supported)[0] == "rsa-sha2-512"
    revoked = [
        KnownHost("a", "ssh-rsa", b""),
        KnownHost("a", "ssh-rsa", b"", "@revoked"),
        KnownHost("a", "ssh-ed25519", b"x"),
    ]
    assert preferred_kinds(revoked, supported)[0] == "ssh-ed25519"
    authority = KnownHost("a", "ssh-rsa", b"", "@cert-authority")
    assert preferred_kinds([authority], supported)[0] == "ssh-ed25519-cert-v01@openssh.com"
