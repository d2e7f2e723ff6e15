"""The script that follows mounts, in real shells, with a client that answers as Docker does and a real socket."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fleetkeeper.topics.containers.followed_mounts import MountTargets, follow_mounts, parse_targets

REAL_SHELLS = [words for words in (("dash",), ("busybox", "sh"), ("bash", "--posix")) if shutil.which(words[0])]
CLIENT = f"""#!{sys.executable}
import os, pathlib, sys
folder, call = pathlib.Path(os.environ["FOLDER"]), sys.argv[1:]
if call == ["volume", "ls", "-q", "--filter", "driver=local"]:
    print((folder / "names").read_text(), end="")
elif call[:3] == ["volume", "inspect", "--format"]:
    print((folder / "volumes").read_text(), end="")
else:
    sys.exit(1)
"""
ENGINE = f"""#!{sys.executable}
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print(1, flush=True)
sys.stdin.read()
"""
"""A program whose name is `dockerd`, for the kernel too, and that listens as an engine does."""


@pytest.fixture
def answering_node(tmp_path: Path) -> dict[str, str]:
    """The environment of a node whose client knows three volumes, and whose folders hold links."""
    for name, text in (("docker", CLIENT), ("dockerd", ENGINE)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "names").write_text("conf\nplain\ndisk\nodd\n")
    rows = [f'conf bind "{tmp_path}/link"', "", 'disk  "/dev/full"', r'odd bind "/a\u0026b"', 'share  "//nas/x"', ""]
    (tmp_path / "volumes").write_text("\n".join(rows))
    (tmp_path / "sockets").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FOLDER": str(tmp_path), "DOCKER_HOST": "unix:///x.sock"}


def targets_in_shell(shell: tuple[str, ...], answering_node: dict[str, str], *paths: Path) -> MountTargets:
    words = [*shell, *follow_mounts(map(str, paths)).words[1:]]
    done = subprocess.run(words, env=answering_node, capture_output=True, text=True, timeout=60, check=True)
    return parse_targets(done.stdout)


@pytest.mark.parametrize("shell", REAL_SHELLS, ids=lambda words: words[0])
def test_links_and_options_of_volumes_are_followed(
    shell: tuple[str, ...], answering_node: dict[str, str], tmp_path: Path
) -> None:
    targets = targets_in_shell(shell, answering_node, tmp_path / "data", tmp_path / "gone", Path("/"))
    assert targets.bound == {"conf": f"{tmp_path}/link", "disk": "/dev/full", "odd": None}
    assert targets.volumes_seen
    real = {f"{tmp_path}/data": f"{tmp_path}/data", f"{tmp_path}/gone": "", "/": "/", f"{tmp_path}/link": "/etc"}
    assert targets.real == {**real, "/dev/full": "/dev/full"}
    assert f"{tmp_path}/data" not in targets.engine


@pytest.mark.parametrize("shell", REAL_SHELLS, ids=lambda words: words[0])
def test_a_socket_on_which_an_engine_listens_is_known_by_any_name(
    shell: tuple[str, ...], answering_node: dict[str, str], tmp_path: Path
) -> None:
    own, hard, soft, other = (tmp_path / "sockets" / name for name in ("api", "hard", "soft", "other"))
    with (
        socket.socket(socket.AF_UNIX) as foreign,
        subprocess.Popen([tmp_path / "dockerd", own], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine,
    ):
        assert engine.stdin is not None
        assert engine.stdout is not None
        engine.stdout.readline()
        foreign.bind(str(other))
        foreign.listen()
        hard.hardlink_to(own)
        soft.symlink_to(own)
        targets = targets_in_shell(shell, answering_node, own, hard, soft, other, tmp_path / "sockets", tmp_path)
        engine.stdin.close()
    mine = {str(path) for path in (own, hard, soft, tmp_path / "sockets", tmp_path)}
    assert mine <= targets.engine
    assert str(other) not in targets.engine


@pytest.mark.parametrize("shell", REAL_SHELLS, ids=lambda words: words[0])
def test_volumes_that_the_client_does_not_list_are_unknown(
    shell: tuple[str, ...], answering_node: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "names").unlink()
    assert not targets_in_shell(shell, answering_node, tmp_path).volumes_seen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_where_an_engine_hides_its_sockets_another_socket_may_be_one(
    answering_node: dict[str, str], tmp_path: Path
) -> None:
    """An account in the group `docker` sees no sockets of a dockerd that is root's."""
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o055)
    own, other = tmp_path / "sockets" / "api", tmp_path / "sockets" / "other"
    (tmp_path / "sockets").chmod(0o755)
    words = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        *follow_mounts([str(own), str(other)]).words,
    ]
    with (
        socket.socket(socket.AF_UNIX) as foreign,
        subprocess.Popen([tmp_path / "dockerd", own], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine,
    ):
        assert engine.stdin is not None
        assert engine.stdout is not None
        engine.stdout.readline()
        foreign.bind(str(other))
        environment = {**answering_node, "DOCKER_HOST": f"unix://{own}"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True)
        engine.stdin.close()
    targets = parse_targets(done.stdout)
    assert targets.engine == {str(own)}
    assert targets.real[str(other)] is None
