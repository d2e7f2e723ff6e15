"""What tests of links share: inventories made in place, ports that say nothing, agents."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.commands import MOST_ANSWER, Command, Unobservable
from fleetkeeper.transport.pool import Links
from tests.helpers.sshd import Sshd


def make_inventory(*nodes: Node) -> Inventory:
    return Inventory.model_construct(name="test", path="", nodes={node.name: node for node in nodes}, waivers=())


def links_to(server: Sshd, *nodes: Node, limit: float = 10.0) -> Links:
    return Links(make_inventory(*nodes), ssh_config=str(server.config), limit=limit)


def shell_command(script: str, *args: str, limit: float = 30.0, most: int = MOST_ANSWER) -> Command:
    return Command(("sh", "-c", script, "sh", *args), limit=limit, most=most)


@contextmanager
def silent_port(say: bytes = b"") -> Iterator[int]:
    """A port that accepts connections, maybe says something, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
                    taken[-1].sendall(say)
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for item in taken:
            item.close()


def refusal_of(links: Links, name: str = "node") -> Unobservable:
    with pytest.raises(Unobservable) as refused:
        links.to(links.inventory.nodes[name])
    return refused.value


@contextmanager
def run_agent(folder: Path, *keys: Path, passphrase: str = "") -> Iterator[str]:
    """An ssh-agent with those keys; its socket."""
    path = folder / "agent"
    child = subprocess.Popen(("ssh-agent", "-D", "-a", str(path)), stdout=subprocess.DEVNULL)
    askpass = folder / "askpass"
    askpass.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    askpass.chmod(0o700)
    env = {**os.environ, "SSH_AUTH_SOCK": str(path), "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    try:
        while not path.exists():
            time.sleep(0.01)
        for key in keys:
            subprocess.run(("ssh-add", "-q", str(key)), env=env, check=True, capture_output=True)
        yield str(path)
    finally:
        child.terminate()
        child.wait(5)
