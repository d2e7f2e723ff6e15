"""`remediate errors digest`: kinds of errors anywhere, and lines at a terminal alone, kept by nothing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Output, Unobservable
from remediate.errors.show_digest import lines_of_answer

CANARY = "canary-4f7a"
ID = "4f" * 32
DOCKER = r"""#!/bin/sh
case $1-$* in logs-*) cat "$FOLDER/log" ;; ps-*) echo "$ID" ;; inspect-*--format*) printf '"PATH=/bin"\n' ;;
inspect-*) cat "$FOLDER/inspected" ;; *) exit 1 ;; esac
"""
INVENTORY = """
nodes: {here: {connection: local}}
services: {web: {name: shop_web}}
backups: {none: a test}
certificates: {none: a test}
errors: {digest: true}
"""
LOG = f"INFO nothing\nERROR no {CANARY} \x1b[31mred\nKeyError: {CANARY}\nDEBUG {CANARY} is no error\n"


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, str]:
    """The environment in which one container of a service runs, which has logged errors with a canary in them."""
    if os.getuid():
        pytest.skip("needs root")
    container = {
        "Id": ID,
        "Name": "/shop_web.1.x",
        "Image": "sha256:" + "ab" * 32,
        "State": {"Status": "running", "Running": True, "Pid": os.getpid()},
        "Config": {"Env": ["PATH=/bin"], "Labels": {"com.docker.swarm.service.name": "shop_web"}},
        "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {}}},
    }
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    (tmp_path / "log").write_text(LOG)
    (tmp_path / "inspected").write_text(json.dumps([container]))
    (tmp_path / "mine.yml").write_text(INVENTORY)
    path = f"{docker.parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "FOLDER": str(tmp_path), "ID": ID, "DOCKER_HOST": "unix:///nowhere.sock"}


def digest_words(folder: str, *options: str) -> list[str]:
    words = [sys.executable, "-m", "remediate.commands.main", "errors", "digest", *options]
    return [*words, f"--hosts={folder}/mine.yml", f"--state={folder}/state"]


def run_at_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a program prints at a terminal."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, env=environment):
        os.close(terminal)
        printed = b""
        try:
            while more := os.read(controller, 65536):
                printed += more
        except OSError:  # the other end was closed
            pass
    os.close(controller)
    return printed.decode().replace("\r\n", "\n")


def run_piped(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    words = digest_words(environment["FOLDER"], *options)
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def kept_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name != "log")


def test_case_106_lines_are_shown_at_a_terminal_and_nothing_keeps_them(shop: dict[str, str]) -> None:
    printed = run_at_terminal(digest_words(shop["FOLDER"], "--show"), shop)
    assert "shop_web logged 1 times: ERROR no" in printed
    assert f"    ERROR no {CANARY} \\x1b[31mred\n    KeyError: {CANARY}\n" in printed
    assert "is no error" not in printed
    assert CANARY.encode() not in kept_bytes(Path(shop["FOLDER"]))


def test_without_a_terminal_no_line_is_shown(shop: dict[str, str]) -> None:
    refused = run_piped(shop, "--show")
    assert (refused.returncode, "only at a terminal" in refused.stderr) == (2, True)
    plain = run_piped(shop, "web")
    assert "web: shop_web logged 1 times: ERROR no" in plain.stdout
    assert CANARY not in refused.stdout + refused.stderr + plain.stdout + plain.stderr


@pytest.mark.parametrize("printed", [b"", b" ERROR x\n", b"=end 1\n", b"=end 137\n", b" ERROR x\n=end \n"])
def test_a_log_that_could_not_be_read_is_unknown(printed: bytes) -> None:
    with pytest.raises(Unobservable):
        lines_of_answer(Output(0, printed))


def test_a_log_that_is_cut_off_shows_what_there_is() -> None:
    assert lines_of_answer(Output(0, b" ERROR x\n=end 137\n")) == ["ERROR x"]


def test_a_service_that_does_not_run_and_one_that_is_unknown_are_told(shop: dict[str, str]) -> None:
    inventory = Path(shop["FOLDER"]) / "mine.yml"
    inventory.write_text(INVENTORY.replace("shop_web", "shop_other"))
    idle = run_piped(shop)
    assert (idle.returncode, "web: unknown: nothing runs that could be judged" in idle.stdout) == (4, True)
    strange = run_piped(shop, "wbe")
    assert (strange.returncode, "no service wbe" in strange.stderr) == (2, True)
    inventory.write_text(INVENTORY.replace("{digest: true}", "{}"))
    off = run_piped(shop)
    assert (off.returncode, "asks for no digest" in off.stderr) == (2, True)
