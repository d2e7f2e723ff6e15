"""The remedy for a service that runs as somebody else: one watched restart, or exact reasons why a person must act."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from fleetkeeper.transport.script_files import load_script


@pytest.mark.parametrize(("served", "status"), [(True, 0), (False, 1)])
def test_a_port_that_is_not_served_any_more_fails_the_last_look(tmp_path, served, status):
    """The script with a client that names our own process, and a socket that listens or not."""
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" = ps ] && echo 4f || echo {os.getpid()}\n')
    docker.chmod(0o755)
    script = (
        load_script("remediate/remedies/containers/scripts/ports_listen.sh")
        .replace("1 2 3 4 5 6 7 8 9 10", "1")
        .replace("sleep 2", ":")
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        if served:
            server.listen()
        words = ("sh", "-c", script, "sh", "rodan_web", f"{port:04X}")
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        ran = subprocess.run(words, capture_output=True, text=True, check=False, env=path)
    assert ran.returncode == status
    assert served or ran.stderr == f"not served any more: {port}\n"


def try_once(tmp_path, port: int, tools: str = "bash timeout") -> subprocess.CompletedProcess[str]:
    """The script on this machine, with a client that knows a container, and no tools but these."""
    for name in (*tools.split(), "hostname", "head", "awk", "sleep", "sh"):
        match = shutil.which(name)
        if match and not (tmp_path / name).exists():
            (tmp_path / name).symlink_to(match)
    (tmp_path / "docker").write_text("#!/bin/sh\necho 4f\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "hostname").unlink()
    (tmp_path / "hostname").write_text("#!/bin/sh\necho '127.0.0.1 10.0.0.1 '\n")
    (tmp_path / "hostname").chmod(0o755)
    words = (
        "/bin/sh",
        "-c",
        load_script("remediate/remedies/containers/scripts/ports_answer.sh"),
        "sh",
        "rodan_web",
        "host",
        "1",
        str(port),
    )
    return subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})


@contextmanager
def served(after: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on which every connection is taken and handed over."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=lambda: after(server.accept()[0]), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=5)


def test_a_published_port_that_takes_a_connection_and_waits_answers(tmp_path):
    held: list[socket.socket] = []
    with served(held.append) as port:
        assert try_once(tmp_path, port).returncode == 0
    held[0].close()


def test_a_published_port_that_speaks_first_answers(tmp_path):
    with served(lambda connection: (connection.sendall(b"220 hello\r\n"), connection.close())[1]) as port:
        assert try_once(tmp_path, port).returncode == 0


def test_a_proxy_that_drops_the_connection_at_once_is_no_answer(tmp_path):
    """Docker's own proxy listens on a published port whether or not anything listens behind it."""
    with served(lambda connection: connection.close()) as port:
        ran = try_once(tmp_path, port)
    assert (ran.returncode, ran.stderr) == (1, f"port {port} of 127.0.0.1 does not answer\n")


def test_a_closed_port_is_no_answer(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert try_once(tmp_path, port).returncode == 1


@pytest.mark.parametrize(
    "script",
    [
        load_script("remediate/remedies/containers/scripts/ports_listen.sh"),
        load_script("remediate/remedies/containers/scripts/ports_answer.sh"),
    ],
)
def test_ports_of_a_service_that_moved_away_are_said_not_to_be_tried(tmp_path, script):
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    words = ("/bin/sh", "-c", script, "sh", "rodan_web", "host", "1", "80")
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})
    assert (ran.returncode, ran.stderr) == (0, "rodan_web runs on another node now: its ports were not tried there\n")


def test_a_node_with_nothing_to_connect_with_says_that_it_was_not_tried(tmp_path):
    ran = try_once(tmp_path, 9, tools="")
    assert (ran.returncode, "could not be tried" in ran.stderr) == (0, True)
