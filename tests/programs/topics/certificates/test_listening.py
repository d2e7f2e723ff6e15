"""Who listens on a port, as the node's own programs say it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from fleetkeeper.topics.certificates.listening.observe import LISTENERS, find_socket_owners
from fleetkeeper.topics.certificates.listening.parse import parse_listeners, parse_owners
from fleetkeeper.transport.commands import Output

ASKING = [("sh",), *([("busybox", "sh")] if shutil.which("busybox") else [])]


def printed_by(*words: str) -> Output:
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    return Output(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("shell", ASKING, ids=" ".join)
def test_a_socket_that_listens_is_found_with_its_program(shell: tuple[str, ...]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as public, socket.create_server(("127.0.0.1", 0)) as private:
        sockets = {each.inode: each for each in parse_listeners(printed_by(*LISTENERS.words))}
        inode = os.fstat(public.fileno()).st_ino
        assert sockets[inode].port == public.getsockname()[1]
        assert os.fstat(private.fileno()).st_ino not in sockets
        owners = parse_owners(printed_by(*shell, *find_socket_owners([inode, 1]).words[1:]))
    with open("/proc/self/comm") as comm:
        assert owners[inode][0] == (comm.read().strip(),)
    assert set(owners) == {inode}
