"""The lab's engine, keys and ports, as far as they can be tried without bringing it up."""

from __future__ import annotations

import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from lab import base, engine, nodes
from lab.names import NODES
from lab.shell import LabError, attempt_command, run, wait_until


def test_a_machine_without_engine_and_without_root_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_engine", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(engine.NoEngine, match="no Docker engine answers") as error:
        engine.ensure_engine()
    assert "install Docker Engine" in error.value.hint


def test_a_pid_that_is_now_somebody_elses_is_not_the_engine(tmp_path: Path) -> None:
    file = tmp_path / "docker.pid"
    file.write_text("1")
    assert engine.read_pid(file) is None
    file.write_text("")
    assert engine.read_pid(file) is None


def test_a_port_that_is_taken_is_named_with_its_node(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(nodes, "NODES", (replace(NODES[1], port=taken.getsockname()[1]),))
        with pytest.raises(LabError, match="where data answers ssh, is taken"):
            nodes.check_ports()


def test_the_key_is_made_once_and_is_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nodes, "STATE", tmp_path / ".lab")
    key = tmp_path / ".lab" / "id_ed25519"
    monkeypatch.setattr(nodes, "IDENTITY", key)
    first = nodes.public_key()
    assert first.startswith("ssh-ed25519 ")
    assert nodes.public_key() == first
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_only_debians_own_stanzas_are_taken() -> None:
    ours = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"
    theirs = ours.replace("mirror", "vendor") + "Signed-By: /etc/keys/vendor.gpg\n"
    assert base.debian_part(f"{ours}\n{theirs}").strip() == ours.strip()
    assert base.debian_part(theirs) == ""


def test_a_program_that_fails_says_what_it_said() -> None:
    with pytest.raises(LabError, match=r"`sh -c .*` failed \(3\): no luck"):
        run(["sh", "-c", "echo no luck >&2; exit 3"])


def test_a_program_that_is_missing_or_slow_is_a_short_error() -> None:
    with pytest.raises(LabError, match="`no-such-program` is not installed"):
        attempt_command(["no-such-program"])
    with pytest.raises(LabError, match="took longer than 0 s"):
        attempt_command(["sleep", "5"], limit=0.05)


def test_waiting_ends() -> None:
    with pytest.raises(LabError, match="for the moon, in vain"):
        wait_until(lambda: None, "the moon", limit=0.05, every=0.01)
