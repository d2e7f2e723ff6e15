"""A thousand nodes on one machine: sshd on every loopback address of a network namespace that nobody else is in.

The namespaces of network, processes and mounts are made by unshare(1), and end with the process that asked for them:
whatever ends it, nothing stays behind, and nothing outside is ever spoken to.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

INSIDE = "FLEETKEEPER_BENCHMARK"
UNSHARE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
PORT, DELAYED, CONTROL = 22, 2222, 2223
ROUND_TRIP = 50
"""Milliseconds there and back, through the proxy."""
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
NEEDED = {"unshare": "util-linux", "ip": "iproute2", "ssh": "openssh-client", SSHD: "openssh-server"}
OBSERVATIONS: tuple[tuple[str, ...], ...] = (
    ("uname", "-n"),
    ("id", "-u"),
    ("date", "+%s"),
    ("cat", "/etc/passwd"),
    ("df", "-P", "/"),
)
"""What every tool asks of every node."""


def why_impossible() -> str:
    """Why the servers cannot run on this machine, in words; empty when they can."""
    if os.getuid() != 0:
        return "it takes root to make a network namespace"
    for program, package in NEEDED.items():
        if not shutil.which(program):
            return f"{program} is not installed (package {package})"
    tried = subprocess.run((*UNSHARE, "ip", "link", "set", "lo", "up"), capture_output=True, check=False)
    return f"no network namespace can be made here: {tried.stderr.decode().strip()}" if tried.returncode else ""


def install_missing() -> None:
    """Install what is missing, where apt-get does that; `why_impossible` tells what is missing still."""
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing and os.getuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (("update", "-qq"), ("install", "-qq", "-y", "--no-install-recommends", *missing)):
            subprocess.run(("apt-get", *words), env=quiet, stdout=sys.stderr, check=False)


def enter_namespaces(words: Sequence[str]) -> None:
    """Go on as `python -m benchmarks WORDS` in namespaces of our own, where `INSIDE` is set."""
    environment = {**os.environ, INSIDE: "1"}
    os.execvpe(UNSHARE[0], (*UNSHARE, sys.executable, "-m", "benchmarks", *words), environment)  # noqa: S606


def loopback_addresses(number: int) -> list[str]:
    """127.0.0.1 and those after it.

    >>> loopback_addresses(1000)[0], loopback_addresses(1000)[-1]
    ('127.0.0.1', '127.0.3.232')
    """
    first = IPv4Address("127.0.0.1")
    return [str(first + count) for count in range(number)]


@dataclass
class BenchmarkServers:
    """The servers, and one folder with all that clients need to know of them."""

    folder: Path
    most: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def identity(self) -> Path:
        return self.folder / "id"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """For the floor: with the cheap key exchange."""
        return self.folder / "ssh_config"

    @property
    def usual_config(self) -> Path:
        """For the other tools: with OpenSSH's own defaults, as their users have it."""
        return self.folder / "usual_config"

    def start(self) -> None:
        subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
        for name in ("id", "host"):
            words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name))
            subprocess.run(words, check=True)
        shutil.copy(self.folder / "id.pub", self.folder / "authorized_keys")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.known_hosts.write_text(known_hosts((self.folder / "host.pub").read_text(), self.most))
        self.ssh_config.write_text(client_config(self) + CHEAP)
        self.usual_config.write_text(client_config(self))
        (self.folder / "sshd_config").write_text(server_config(self.folder))
        self.run(SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config"))
        self.run(sys.executable, "-m", "benchmarks.delay", str(DELAYED), str(ROUND_TRIP), str(CONTROL))
        for port in (PORT, DELAYED, CONTROL):
            until_it_listens(port)
        count_trips()

    def run(self, *words: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def stop(self) -> None:
        """End what was started here, and wait for it."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(10)


@contextmanager
def run_servers(folder: Path, most: int) -> Iterator[BenchmarkServers]:
    """Servers for `most` nodes until the end of the block."""
    built = BenchmarkServers(folder, most)
    try:
        built.start()
        yield built
    finally:
        built.stop()


def known_hosts(public: str, number: int) -> str:
    """A line for every node and port, as they grow in a file over the years."""
    key = " ".join(public.split()[:2])
    return "".join(
        f"{name} {key}\n" for address in loopback_addresses(number) for name in (address, f"[{address}]:{DELAYED}")
    )


CHEAP = "    KexAlgorithms curve25519-sha256\n"
"""OpenSSH's default exchange (sntrup761) costs five times the CPU of curve25519: without it the floor is lower."""


def client_config(built: BenchmarkServers) -> str:
    """An ssh_config(5) for clients: the keys of these servers and nothing else."""
    return f"""Host *
    User root
    IdentityFile {built.identity}
    IdentitiesOnly yes
    UserKnownHostsFile {built.known_hosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    BatchMode yes
    LogLevel ERROR
"""


def server_config(folder: Path) -> str:
    """An sshd_config(5) that lets a thousand in at once. A session's HOME is our folder, which has no .bashrc."""
    return f"""ListenAddress 0.0.0.0
Port {PORT}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
MaxStartups 2000
LoginGraceTime 120
SetEnv HOME={folder}
LogLevel ERROR
"""


def until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port} of the benchmark's servers")


def count_trips() -> tuple[int, int]:
    """Connections and round trips through the delaying proxy since this was last asked."""
    with socket.create_connection(("127.0.0.1", CONTROL), 10) as question:
        text = question.makefile().read()
    connections, counted = map(int, text.split())
    return connections, counted
