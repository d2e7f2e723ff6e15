"""A real sshd on a loopback port, for tests: started here, stopped here, by its process id.

It takes one generated user key for whoever runs the tests. Everything it needs is in one temporary folder.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleetkeeper.inventory.schema import Node

FOUND = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")


def find_sshd() -> str:
    """The path of sshd. Skips the test where there is none, unless this is CI, where there must be."""
    if FOUND:
        return FOUND
    if os.environ.get("CI"):
        pytest.fail("sshd is not installed (package openssh-server)")
    pytest.skip("sshd is not installed (package openssh-server)")


@dataclass
class Sshd:
    """A running server. `known_hosts` is a line's worth of file that trusts it."""

    folder: Path
    address: str
    port: int
    user: str = field(default_factory=getpass.getuser)
    pid: int = 0

    @property
    def identity(self) -> Path:
        return self.folder / "id"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    @property
    def config(self) -> Path:
        """An ssh_config that knows no other files than those of this server."""
        return self.folder / "ssh_config"

    def node(self, name: str = "node", **more: object) -> Node:
        fields = {"address": self.address, "port": self.port, "user": self.user, "identity": str(self.identity)}
        return Node.model_validate({"name": name, **fields, **more})

    def stop(self) -> None:
        """Stop it and the connections it has, as a machine does that goes down."""
        if self.pid:
            for pid in (*children_of(self.pid), self.pid):
                end_process(pid)
            self.pid = 0


def make_key_pair(path: Path, kind: str = "ed25519", passphrase: str = "", more: Sequence[str] = ()) -> Path:
    """Make a key pair. Returns the private one's path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = ("-b", "2048") if kind == "rsa" else ()  # half the time of the default
    words = ("ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", path.name, "-f", str(path), *more)
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return path


def public_key(path: Path) -> str:
    """Type and key of the public half, without the comment."""
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


@contextmanager
def run_sshd(
    folder: Path, options: Sequence[str] = (), address: str = "127.0.0.1", kinds: Sequence[str] = ("ed25519",)
) -> Iterator[Sshd]:
    """Run sshd until the end of the block. `options` are lines of sshd_config(5)."""
    program = find_sshd()
    folder.mkdir(parents=True, exist_ok=True)
    server = Sshd(folder, address, free_port(address))
    prepare_server(server, options, kinds)
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            (program, "-D", "-e", "-f", str(folder / "sshd_config")),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server.pid = child.pid
    try:
        until_it_listens(server, child)
        yield server
    finally:
        server.stop()
        child.wait(10)


def prepare_server(server: Sshd, options: Sequence[str], kinds: Sequence[str]) -> None:
    folder = server.folder
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    if not server.identity.exists():
        make_key_pair(server.identity)
    host_keys = [folder / f"host_{kind}" for kind in kinds]
    for kind, path in zip(kinds, host_keys, strict=True):
        if not path.exists():
            make_key_pair(path, kind)
    (folder / "authorized_keys").write_text(public_key(server.identity) + "\n")
    location = f"[{server.address}]:{server.port}"
    server.known_hosts.write_text("".join(f"{location} {public_key(path)}\n" for path in host_keys))
    server.config.write_text(f"UserKnownHostsFile {server.known_hosts}\nGlobalKnownHostsFile /dev/null\nHost *\n")
    lines = [
        *options,
        f"ListenAddress {server.address}",
        f"Port {server.port}",
        *(f"HostKey {path}" for path in host_keys),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        f"PidFile {folder}/pid",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "StrictModes no",
        "UsePAM no",
        f"SetEnv HOME={folder}",  # the tester's own .bashrc may be slow, and is none of our business
        "LogLevel VERBOSE",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")


def free_port(address: str) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def until_it_listens(server: Sshd, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"sshd ended: {server.log}")
        if "Server listening" in server.log:
            return
        time.sleep(0.01)
    raise RuntimeError(f"sshd does not listen: {server.log}")


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    match = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text("ascii", "replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if parent == pid:
            match.append(int(path.parent.name))
    return match


def end_process(pid: int) -> None:
    try:
        os.kill(pid, 15)
    except ProcessLookupError:
        return


def pids_of(word: str) -> list[int]:
    """Processes that have `word` among their arguments."""
    match = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                match.append(int(path.parent.name))
        except OSError:
            continue
    return match


def process_gone(word: str, within: float = 3.0) -> bool:
    """Whether no process has `word` among its arguments any more, within so many seconds."""
    deadline = time.monotonic() + within
    while pids_of(word):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
