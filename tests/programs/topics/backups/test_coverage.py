"""The scripts that look for data, with the shells that nodes have and a real server of postgres."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetkeeper.topics.backups.coverage.observe import find_postgres, look_into_mounts
from fleetkeeper.topics.backups.coverage.parse import parse_content, parse_servers
from fleetkeeper.transport.commands import Command, Output
from tests.helpers.postgres import THERE, private_server

SHELLS = [("sh",), *([("busybox", "sh")] if shutil.which("busybox") else [])]
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups") if os.getuid() == 0 else ()


def answer_of(command: Command, shell: tuple[str, ...], *before: str) -> Output:
    """The answer of this machine to one command, asked by a shell."""
    done = subprocess.run((*before, *shell, *command.words[1:]), capture_output=True, check=False, timeout=60)
    return Output(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not THERE, reason="no postgres here")
def test_a_running_server_is_found_once_with_its_data_directory() -> None:
    with private_server() as server:
        for shell in SHELLS:
            found = parse_servers(answer_of(find_postgres(), shell))
            mine = [each for each in found if each.directory == str(server.folder / "data")]
            assert len(mine) == 1, found
            assert not mine[0].standby
        if NOBODY:
            unseen = parse_servers(answer_of(find_postgres(), ("sh",), *NOBODY))
            assert mine[0].pid in {each.pid for each in unseen}
            assert {each.directory for each in unseen if each.pid == mine[0].pid} == {""}
    assert str(server.folder / "data") not in {
        each.directory for each in parse_servers(answer_of(find_postgres(), ("sh",)))
    }


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_lies_in_a_directory_is_said_for_each_in_their_order(tmp_path: Path, shell: tuple[str, ...]) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "-file\nname").write_text("x")
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "empty" / "deep" / ".keep").touch()
    (tmp_path / "plain").write_text("x")
    (tmp_path / "link").symlink_to("data")
    (tmp_path / "empty" / "link").symlink_to(tmp_path / "plain")
    asked = [str(tmp_path / name) for name in ("data", "empty", "plain", "nowhere", "link", "data")]
    seen = answer_of(look_into_mounts(asked), shell).text().split()
    assert seen == ["data", "empty", "other", "empty", "data", "data"]


@pytest.mark.skipif(not NOBODY, reason="needs root")
def test_what_an_account_may_not_enter_is_never_called_empty(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o005)
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "open" / "closed").mkdir(parents=True, mode=0o755)
    (tmp_path / "open" / "closed").chmod(0o700)
    (tmp_path / "closed" / "volumes" / "data").mkdir(parents=True)
    asked = [str(tmp_path / name) for name in ("closed", "open", "closed/volumes/data", "closed/gone")]
    for shell in SHELLS:
        seen = parse_content(answer_of(look_into_mounts(asked), shell, *NOBODY), asked)
        assert set(seen.values()) == {"denied"}
