"""Directories are entered and files opened by descriptor: whoever swaps one for a link in between wins nothing."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleetkeeper.readers.docker.inspection import inspect_containers
from fleetkeeper.topics.services.observe import inspect_swarm
from fleetkeeper.transport.script_files import load_script

SHELLS = [shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh")) if shutil.which(shell[0])]
each_shell = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
EXCHANGE = 2
SWAPS = 40


@contextmanager
def flipping(one: Path, other: Path) -> Iterator[None]:
    """Two names are swapped, atomically, all the time, as somebody in a container could."""
    libc = ctypes.CDLL(None)
    over = threading.Event()

    def flip() -> None:
        while not over.is_set():
            libc.renameat2(-100, bytes(one), -100, bytes(other), EXCHANGE)

    thread = threading.Thread(target=flip, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with a directory two levels down, and a directory of the node beside it."""
    (tmp_path / "volume/outer/inner").mkdir(parents=True)
    (tmp_path / "volume/outer/inner/file").write_text("ours")
    (tmp_path / "node/inner").mkdir(parents=True)
    (tmp_path / "node/inner/file").write_text("SECRET")
    return tmp_path / "volume"


def run_command(shell: tuple[str, ...], script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*shell, "-c", script, "sh", *words], capture_output=True, text=True, check=False)


ENTER = load_script("fleetkeeper/transport/scripts/enter_below.sh") + 'enter_below "$1" "$2" || exit; pwd -P\n'
OPEN = (
    load_script("fleetkeeper/transport/scripts/is_opened.sh")
    + '{ is_opened 3 "$1" && cat <&3; } 2>/dev/null 3<"./$1"\n'
)


@each_shell
@pytest.mark.parametrize("path", ["outer/inner", "outer//inner/", "./outer/./inner", ""])
def test_a_directory_below_is_entered(shell, volume, path):
    done = run_command(shell, ENTER, str(volume), path)
    assert (done.returncode, done.stdout) == (0, f"{volume / path}\n")


@each_shell
@pytest.mark.parametrize(
    "path", ["outer/../outer", "..", "nowhere", "outer/inner/file", "link", "outer/back", "link/x"]
)
def test_a_link_a_way_up_a_file_and_nothing_at_all_are_not_entered(shell, volume, path):
    (volume / "link").symlink_to(volume.parent / "node")
    (volume.parent / "node/x").mkdir()
    (volume / "outer/up").symlink_to("..")
    assert run_command(shell, ENTER, str(volume), path).returncode == 77


@each_shell
@pytest.mark.parametrize("name", ["with space", "-n", "new\nline", "$(id)", "*", "'"])
def test_any_name_is_entered_as_it_is(shell, volume, name):
    (volume / name / "x").mkdir(parents=True)
    assert run_command(shell, ENTER, str(volume), f"{name}/x").stdout == f"{volume}/{name}/x\n"


def enters_while_it_is_swapped(shell: tuple[str, ...], volume: Path, tries: int) -> set[str]:
    (volume / "trap").symlink_to(volume.parent / "node")
    # The shell itself tries again and again: a new process for each try would seldom meet the moment.
    loop = 'n=0; while [ $n -lt "$2" ]; do n=$((n + 1)); enter_below "$1" outer/inner && cat ./file; done'
    with flipping(volume / "outer", volume / "trap"):
        done = run_command(
            shell, load_script("fleetkeeper/transport/scripts/enter_below.sh") + loop, str(volume), str(tries)
        )
    return set(done.stdout.replace("ours", "").replace("SECRET", "!"))


@each_shell
def test_whoever_swaps_a_directory_for_a_link_leads_nobody_out(shell, volume):
    assert enters_while_it_is_swapped(shell, volume, 300) == set()


@pytest.mark.long
@each_shell
def test_whoever_swaps_a_directory_thousands_of_times_leads_nobody_out(shell, volume):
    assert enters_while_it_is_swapped(shell, volume, 5000) == set()


@each_shell
def test_a_plain_file_is_opened_and_a_link_a_directory_and_a_fifo_are_not(shell, volume, monkeypatch):
    monkeypatch.chdir(volume / "outer/inner")
    Path("link").symlink_to("file")
    Path("there").mkdir()
    assert run_command(shell, OPEN, "file").stdout == "ours"
    for name in ("link", "there", "nowhere"):
        done = run_command(shell, OPEN, name)
        assert (done.stdout, done.returncode == 0) == ("", False), name


def reads_while_it_is_swapped(shell: tuple[str, ...], folder: Path, tries: int) -> str:
    (folder / "trap").symlink_to(folder.parents[2] / "node/inner/file")
    script = (
        load_script("fleetkeeper/transport/scripts/is_opened.sh")
        + 'n=0; while [ $n -lt "$1" ]; do n=$((n + 1)); { is_opened 3 file && cat <&3; } 3<./file; done'
    )
    with flipping(folder / "file", folder / "trap"):
        return run_command(shell, script, str(tries)).stdout


@each_shell
def test_whoever_swaps_a_file_for_a_link_shows_nothing_of_the_node(shell, volume, monkeypatch):
    monkeypatch.chdir(volume / "outer/inner")
    text = reads_while_it_is_swapped(shell, volume / "outer/inner", SWAPS)
    assert "SECRET" not in text


@pytest.mark.long
@each_shell
def test_whoever_swaps_a_file_thousands_of_times_shows_nothing_of_the_node(shell, volume, monkeypatch):
    monkeypatch.chdir(volume / "outer/inner")
    assert "SECRET" not in reads_while_it_is_swapped(shell, volume / "outer/inner", 1000)


@each_shell
@pytest.mark.parametrize(
    "script",
    [
        inspect_containers().words[2],
        inspect_swarm().words[2],
        load_script("fleetkeeper/topics/containers/scripts/list_changed_files.sh"),
    ],
    ids=["inspect", "swarm", "diff"],
)
def test_a_client_of_docker_that_never_ends_is_not_held_in_the_node_s_memory(shell, script, tmp_path):
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nyes\n")
    client.chmod(0o755)
    location = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DOCKER_HOST": "unix:///nowhere"}
    words = [*shell, "-c", script, "sh", "1", "4f"]
    done = subprocess.run(words, env=location, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (71, [])


@each_shell
def test_what_docker_says_and_its_exit_status_come_through(shell, tmp_path):
    client = tmp_path / "docker"
    client.write_text('#!/bin/sh\ncat\nprintf "%s\\n" "$@"\necho no >&2\nexit 4\n')
    client.chmod(0o755)
    script = (
        load_script("fleetkeeper/transport/scripts/capped_docker.sh")
        + 'echo in | { said=$(docker "a b" c); echo "$? $said"; }'
    )
    words = [*shell, "-c", script]
    done = subprocess.run(words, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"4 in\na b\nc\n", b"no\n")
