"""The OpenSSH client as a way to a node: one multiplexed connection, whatever the user's ssh can do.

For what only `ssh` itself can do: security keys, GSSAPI, smart cards. ControlMaster of ssh_config(5) shares one
connection between all questions; BatchMode keeps it from ever prompting; `--` stands before the host.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from fleet.commands import Command, Output, Unobservable
from fleet.framing import render_stream
from fleet.links.conversation import START_LIMIT, converse
from fleet.links.processes import ProcessChannel, ProcessStream
from fleet.links.writing import Stream

if TYPE_CHECKING:
    from fleet.inventory import Inventory
    from fleet.schema import Node

SHELL = "exec /bin/sh"
SSH_FAILED = 255
BELIEVED = 5.0
MULTIPLEXED = ("-oControlMaster=no",)


class OpenSSHLink:
    """Commands and streams through a control master of our own, in a folder that only we can read."""

    def __init__(self, node: Node, inventory: Inventory, ssh_config: str | None, limit: float) -> None:
        """Connects. Raises Unobservable, with the last thing that ssh said, when it cannot."""
        if not shutil.which("ssh"):
            raise Unobservable("there is no OpenSSH client here", hint="install it, or leave `connection` out")
        self.sudo = node.sudo
        self.folder = tempfile.mkdtemp(prefix="fk-", dir="/tmp")
        self.running: WeakSet[ProcessChannel | ProcessStream] = WeakSet()
        self.argv = argv(node, inventory, ssh_config, f"{self.folder}/c", limit)
        self.host = node.address or node.name
        try:
            self.connect(limit)
        except BaseException:
            self.close()
            raise

    def connect(self, limit: float) -> None:
        self.checked = time.monotonic()
        master = (*self.argv, "-oControlMaster=yes", "-oControlPersist=yes", "-N", "-f", "--", self.host)
        with tempfile.TemporaryFile() as said:
            try:
                rc = subprocess.run(
                    master,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    timeout=limit,
                    check=False,
                    start_new_session=True,
                ).returncode
            except subprocess.TimeoutExpired:
                raise Unobservable(f"no connection within {limit:.0f} s") from None
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
        if rc:
            raise refused(lines)

    @property
    def alive(self) -> bool:
        """Whether the control master still runs; believed for a few seconds, since asking takes a process."""
        if time.monotonic() > self.checked + BELIEVED:
            check = subprocess.run(self.control("check"), capture_output=True, check=False, timeout=10)
            if check.returncode:
                return False
            self.checked = time.monotonic()
        return True

    def control(self, what: str) -> tuple[str, ...]:
        return (*self.argv, "-O", what, "--", self.host)

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        return converse(commands, self.sudo, self.channel)

    def session(self) -> tuple[str, ...]:
        return (*self.argv, *MULTIPLEXED, "-T", "--", self.host, SHELL)

    def channel(self) -> ProcessChannel:
        channel = ProcessChannel(self.session())
        self.running.add(channel)
        return channel

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        script = render_stream(words, sudo and self.sudo)
        stream = ProcessStream(self.session(), lost=frozenset({SSH_FAILED}))
        self.running.add(stream)
        try:
            stream.begin(script.text, script.token, START_LIMIT)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        for running in tuple(self.running):
            running.abort()
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(self.control("exit"), capture_output=True, check=False, timeout=5)
        shutil.rmtree(self.folder, ignore_errors=True)


def client(ssh_config: str | None) -> tuple[str, ...]:
    return ("ssh", "-F", ssh_config) if ssh_config else ("ssh",)


def argv(node: Node, inventory: Inventory, ssh_config: str | None, path: str, limit: float) -> tuple[str, ...]:
    """The ssh client with everything that is the same for each call, up to the host.

    Host keys are always verified, whatever the user's configuration says, against the user's files and the one that
    comes with the inventory.
    """
    options: dict[str, str | None] = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(max(1, int(limit))),
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "ControlPath": path,
        "User": node.user,
        "Port": str(node.port) if node.port else None,
        "IdentityFile": node.identity,
        "IdentitiesOnly": "yes" if node.identity else None,
        "KexAlgorithms": "^curve25519-sha256",
    }
    words = [f"-o{name}={value}" for name, value in options.items() if value]
    return (*client(ssh_config), *words, *hosts_file(node, inventory, ssh_config), *jump(node, inventory, ssh_config))


def hosts_file(node: Node, inventory: Inventory, ssh_config: str | None) -> tuple[str, ...]:
    """The user's own files for host keys and the inventory's after them: ssh takes a whole list or none."""
    from fleet.links.known_hosts import beside
    from fleet.links.ssh_config import DEFAULT_KNOWN_HOSTS, Asked, resolve

    if not beside(inventory):
        return ()
    try:
        files = resolve(Asked(node.address or node.name, node.user, node.port), ssh_config).known_hosts
    except Unobservable:
        files = DEFAULT_KNOWN_HOSTS
    return (f"-oUserKnownHostsFile={' '.join(shlex.quote(file) for file in (*files, *beside(inventory)))}",)


def jump(node: Node, inventory: Inventory, ssh_config: str | None) -> tuple[str, ...]:
    """The way through another node, or through what `ssh -J` understands."""
    if not node.jump:
        return ()
    via = inventory.nodes.get(node.jump)
    if via is None:
        return (f"-oProxyJump={node.jump}",)
    options = [f"-o{name}={value}" for name, value in via_options(via).items() if value]
    words = (
        *client(ssh_config),
        *options,
        *hosts_file(via, inventory, ssh_config),
        *jump(via, inventory, ssh_config),
        *("-W", "[%h]:%p", "--", via.address or via.name),
    )
    return (f"-oProxyCommand={shlex.join(words)}",)


def via_options(via: Node) -> dict[str, str | None]:
    return {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "User": via.user,
        "Port": str(via.port) if via.port else None,
        "IdentityFile": via.identity,
    }


def refused(lines: list[str]) -> Unobservable:
    """What ssh said last, and the fingerprints that it showed."""
    last = lines[-1] if lines else "ssh said nothing"
    seen = [line.strip() for line in lines if "SHA256:" in line]
    hint = "; ".join(seen) if "Host key" in last else ""
    return Unobservable(last[:300], hint=f"{hint}; see `remediate trust`" if hint else "")
