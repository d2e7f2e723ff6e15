"""The script that looks at Docker's engine, in real shells, at a process that listens under the name dockerd."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.observe import inspect_engine
from fleetkeeper.topics.engine.parse import parse

SHELLS = [words for words in (("dash",), ("busybox", "sh"), ("bash", "--posix")) if shutil.which(words[0])]
ENGINE = """
import socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
open("/proc/self/comm", "w").write("dockerd")
print("ready", flush=True)
sys.stdin.read()
"""
DOCKER = """#!/bin/sh
if [ "$1" = info ]; then cat "$INFO"; else echo '{"com.docker.network.bridge.enable_icc":"false"}'; fi
"""
AUDITCTL = """#!/bin/sh
[ "$1" = -s ] && exec printf 'enabled 1\\nfailure 1\\npid 412\\nbacklog_limit 8192\\n'
printf -- '-w %s -p wa -k docker\\n-a always,exit -S all -F dir=%s -F perm=wa -F key=docker\\n' "$LINK" "$LINK"
"""


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def running_engine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which the script finds a process called dockerd, a client and `auditctl`."""
    root, link, settings = tmp_path / "data", tmp_path / "link", tmp_path / "daemon.json"
    root.mkdir()
    link.symlink_to(root)
    settings.write_text('{\n "log-level": "warn",\n "tlskey": "' + str(tmp_path / "key.pem") + '"\n}')
    (tmp_path / "key.pem").write_text("")
    (tmp_path / "key.pem").chmod(0o640)
    info = {"ServerVersion": "29.1.3", "DockerRootDir": str(root), "HttpProxy": "http://user:geheim@proxy:3128"}
    (tmp_path / "info").write_text(json.dumps(info))
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "docker", DOCKER)
    program(tmp_path / "bin", "auditctl", AUDITCTL)
    words = (sys.executable, "-c", ENGINE, tmp_path / "d.sock", "-H", "fd://", "--config-file", settings, "--icc=false")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        yield {
            "PATH": path,
            "DOCKER_HOST": f"unix://{tmp_path / 'd.sock'}",
            "INFO": str(tmp_path / "info"),
            "LINK": str(link),
        }
        process.communicate("")


def facts_in(shell: tuple[str, ...], environment: dict[str, str]) -> tuple[Facts, str]:
    script = inspect_engine().words[2]
    ran = subprocess.run((*shell, "-c", script), env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return parse(ran.stdout), ran.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_case_91_an_engine_is_seen_as_it_runs(
    shell: tuple[str, ...], running_engine: dict[str, str], tmp_path: Path
) -> None:
    facts, printed = facts_in(shell, running_engine)
    assert "geheim" not in printed
    assert isinstance(facts.options, dict)
    assert facts.options["icc"] == ("false",)
    assert facts.settings == {"log-level": ("warn",), "tlskey": (str(tmp_path / "key.pem"),)}
    assert facts.unix == (str(tmp_path / "d.sock"),)
    assert facts.bridge_icc is False
    [key] = facts.files_of("tlskey")
    assert (key.owner, key.mode) == (os.getuid(), 0o640)
    [data] = facts.files_of("data")
    assert data.real == str((tmp_path / "data").resolve())
    assert str(tmp_path / "data") in (facts.disks or {})
    assert not isinstance(facts.audit, Exception)
    assert [watch.path for watch in facts.audit.loaded] == [data.real, data.real]


def test_settings_that_are_too_large_are_not_read(running_engine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text(" " * (50 << 20) + "{}")
    facts, printed = facts_in(SHELLS[0], running_engine)
    assert len(printed) < 1 << 20
    assert "more than 1 MiB" in str(facts.settings)


def test_settings_behind_a_link_are_read_and_a_pipe_is_not(running_engine: dict[str, str], tmp_path: Path) -> None:
    settings = tmp_path / "daemon.json"
    settings.rename(tmp_path / "real.json")
    settings.symlink_to(tmp_path / "real.json")
    facts, _ = facts_in(SHELLS[0], running_engine)
    [config] = facts.files_of("config")
    assert (config.path, config.real) == (str(settings), str((tmp_path / "real.json").resolve()))
    assert isinstance(facts.settings, dict)
    settings.unlink()
    os.mkfifo(settings)
    assert "no regular file" in str(facts_in(SHELLS[0], running_engine)[0].settings)
