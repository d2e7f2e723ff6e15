"""The scripts that ask a node about its crontabs, run here: what they print is all understood."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script


def snapshot_of(command: Command) -> snapshot.Snapshot:
    """The snapshot that a command prints here."""
    return snapshot.read(subprocess.run(command.words, capture_output=True, check=True, text=True).stdout)


def test_everything_that_is_printed_about_a_user_is_read():
    answers, words = Answers(snapshot.Snapshot()), ["root", "daemon", "/bin/sh", "?/etc/passwd", "&init"]
    answers.add(words, snapshot_of(snapshot.ask(words)))
    assert "unseen" not in answers.lines.lines
    assert answers.users["root"].shell.startswith("/")
    assert "nologin" in answers.users["daemon"].shell


@pytest.fixture
def run_folder() -> Iterator[Path]:
    """A folder whose name leaves room: the path of a socket has at most 107 bytes (unix(7)), and 100 are shown."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_the_same_socket_by_another_name_is_the_node_s_engine_and_any_other_is_not(
    shell: str, run_folder: Path
) -> None:
    words = [shutil.which(shell.split(maxsplit=1)[0]) or pytest.skip(f"no {shell}"), *shell.split()[1:], "-c"]
    run = run_folder / "run"
    for name in ("docker.sock", "user/1/docker.sock", "other.sock"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as present:
            present.bind(str(run / name))
    (run_folder / "link.sock").symlink_to(run / "docker.sock")
    text = load_script("fleetkeeper/readers/docker/scripts/foreign_endpoint.sh").replace("/run/", f"{run}/")

    def foreign(host: str, **environment: str) -> str:
        asking = f'{text}foreign_endpoint "$1" /nowhere "" usual'
        done = subprocess.run(
            [*words, asking, "sh", host],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "/usr/bin:/bin", **environment},
        )
        return done.stdout.strip()

    usual, users = f"unix://{run}/docker.sock", f"unix://{run}/user/1/docker.sock"
    assert [foreign(host) for host in (usual, f"unix://{run_folder}/link.sock", f"unix:///{run}/docker.sock")] == [
        ""
    ] * 3
    other = f"unix://{run}/other.sock"
    assert [foreign(host) for host in (users, other, "tcp://localhost:2375")] == [users, other, "tcp://localhost:2375"]
    assert (foreign(users, DOCKER_HOST=users), foreign(usual, DOCKER_HOST=users)) == ("", usual)
    (run / "docker.sock").unlink()
    assert (foreign(users), foreign("")) == ("", "unix:///var/run/docker.sock".replace("/run/", f"{run}/"))
    (run / "user/1/docker.sock").unlink()
    assert (foreign(users), foreign("")) == (users, "")
