"""Private keys in files: every usual format is read, and what cannot be used is named with the reason."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.client_keys import Keyring, load_keys
from fleetkeeper.transport.ssh.ssh_target import SshTarget
from tests.helpers.ssh_links import run_agent
from tests.helpers.sshd import make_key_pair, public_key

FORMATS = {
    "ed25519": ("ed25519", ()),
    "ecdsa": ("ecdsa", ("-b", "521")),
    "rsa": ("rsa", ()),
    "rsa-pem": ("rsa", ("-m", "PEM")),
    "rsa-pkcs8": ("rsa", ("-m", "PKCS8")),
    "ecdsa-pem": ("ecdsa", ("-m", "PEM")),
    "ecdsa-pkcs8": ("ecdsa", ("-m", "PKCS8")),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_key_in_any_usual_format_is_read(tmp_path, name):
    kind, more = FORMATS[name]
    path = make_key_pair(tmp_path / name, kind, more=more)
    assert load_keys(str(path)).asbytes() == base64.b64decode(public_key(path).split()[1])


@pytest.mark.parametrize("name", FORMATS)
def test_case_20_a_passphrase_is_told_in_any_format(tmp_path, name):
    kind, more = FORMATS[name]
    path = make_key_pair(tmp_path / name, kind, passphrase="secret", more=more)
    assert f"{path} has a passphrase and is not in the agent" in refusal_text(path)


def refusal_text(path: Path) -> str:
    with pytest.raises(Unobservable) as refused:
        load_keys(str(path))
    return str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0\xff" * 100, b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_case_20_what_is_no_key_is_named(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    assert refusal_text(path) == f"{path} is no private key that can be read"


def test_a_key_that_others_can_read_is_not_used_as_ssh_does_not(tmp_path):
    path = make_key_pair(tmp_path / "key")
    path.chmod(0o640)
    assert f"`chmod 600 {path}`" in refusal_text(path)


def test_a_public_key_that_no_agent_holds_is_called_what_it_is(tmp_path):
    path = make_key_pair(tmp_path / "key").with_suffix(".pub")
    assert "is a public key, whose other half is not in the agent" in refusal_text(path)


def test_a_broken_public_half_hides_no_key(tmp_path):
    path = make_key_pair(tmp_path / "key")
    path.with_suffix(".pub").write_text("ssh-ed25519 %%%\n")
    offers, troubles = Keyring().offers(SshTarget("a", "a", 22, "me", identities=(str(path),)))
    assert ([offer.kind for offer in offers], troubles) == (["ssh-ed25519"], [])


def test_a_certificate_in_a_file_goes_with_the_key_that_only_the_agent_holds(tmp_path):
    authority, key = make_key_pair(tmp_path / "ca"), make_key_pair(tmp_path / "user")
    with run_agent(tmp_path, key) as path:
        key.unlink()
        sign = ("ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", "me", f"{key}.pub")
        subprocess.run(sign, check=True, capture_output=True)
        elsewhere = shutil.move(f"{key}-cert.pub", tmp_path / "elsewhere")
        route = SshTarget("a", "a", 22, "me", identities=(str(key),), certificates=(elsewhere,), agent=path)
        offers, _ = Keyring().offers(route)
    assert [offer.kind for offer in offers] == ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"]


def test_an_agent_that_is_gone_is_said(tmp_path):
    _, troubles = Keyring().offers(SshTarget("a", "a", 22, "me", agent=str(tmp_path / "gone")))
    assert "the agent at" in troubles[0]
    assert "does not answer" in troubles[0]
