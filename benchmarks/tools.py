"""Who is measured, and how each is called on a case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import BenchmarkServers

Words = tuple[str, ...]
FLOOR, LOOK, WHOLE, AUDIT = "ssh host true", "our look", "our whole pytest", "our whole audit"
OPENSSH = "our look by ssh"
"""WHOLE asks the five observations, as everybody does here; AUDIT also what our own topics look at on a bare node."""
PYINFRA, ANSIBLE, ANSIBLE_DEFAULT = "pyinfra", "Ansible", "Ansible as it comes"
"""ANSIBLE has pipelining switched on, as its documentation recommends; without that it is about twice as slow."""
PACKAGES = {PYINFRA: "pyinfra", ANSIBLE: "ansible-core", ANSIBLE_DEFAULT: "ansible-core"}
AT_ONCE = 32
UNUSED = ("hypothesispytest", "xdist", "xdist.looponfail", "timeout", "time_machine")
"""What only this project's own tests need: plug-ins that a user's installation has not, of ours or of testinfra."""


@dataclass(frozen=True)
class Tool:
    """`words` gives the command for a case's folder. `slow` tools are measured once, and on `most` nodes at most."""

    name: str
    words: Callable[[BenchmarkServers, Path], Words]
    slow: bool = False
    most: int = 100


def cache_folder() -> Path:
    """The folder with the other tools' own environment, outside of the project."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base, "fleetkeeper", "benchmarks", "tools")


def install_tools() -> dict[str, str]:
    """Install the other tools where they are missing. Returns why one is not there, by its name."""
    folder = cache_folder()
    if not (folder / "bin" / "pip").exists():
        subprocess.run((sys.executable, "-m", "venv", str(folder)), check=False, stdout=sys.stderr)
    missing: dict[str, str] = {}
    for name, package in PACKAGES.items():
        if program_path(name).exists():
            continue
        words = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", package)
        try:
            subprocess.run(words, check=True, stdout=sys.stderr, timeout=300)
        except (OSError, subprocess.SubprocessError):
            missing[name] = "not installed"
    return missing


def program_path(name: str) -> Path:
    return cache_folder() / "bin" / {PYINFRA: "pyinfra"}.get(name, "ansible-playbook")


def tool_environment(servers: BenchmarkServers, folder: Path) -> Mapping[str, str]:
    """The variables that every tool gets: nothing of the user's own configuration."""
    return {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "HOME": str(servers.folder),
        "XDG_STATE_HOME": str(servers.folder),
        "XDG_CACHE_HOME": str(servers.folder),
        "ANSIBLE_HOME": str(servers.folder / "ansible"),
        "PYTHONPATH": f"{Path(__file__).parents[1]}:{folder}",
    }


def floor_command(servers: BenchmarkServers, folder: Path) -> Words:
    each = ("xargs", "-a", str(folder / "nodes"), "-P", str(AT_ONCE), "-I{}")
    return (*each, "ssh", "-F", str(folder / "ssh_config"), "--", "{}", "true")


def look_command(inventory: str) -> Callable[[BenchmarkServers, Path], Words]:
    """Our look at the nodes of that inventory in the case's folder."""

    def words(servers: BenchmarkServers, folder: Path) -> Words:
        return (sys.executable, "-m", "benchmarks.looking", str(folder / inventory))

    return words


def our_pytest(servers: BenchmarkServers, folder: Path) -> Words:
    return (*our_audit(servers, folder), "-p", "only_five")


def our_audit(servers: BenchmarkServers, folder: Path) -> Words:
    return (*PYTEST, f"--hosts={folder}/inventory.yml", "--rootdir", str(folder), str(folder / "ours"))


def testinfra_command(kind: str) -> Callable[[BenchmarkServers, Path], Words]:
    """Plain testinfra, without our plug-in."""

    def words(servers: BenchmarkServers, folder: Path) -> Words:
        hosts = ",".join(f"{kind}://{node}" for node in (folder / "nodes").read_text().split())
        return (
            *PYTEST,
            *("-p", "no:fleetkeeper", f"--hosts={hosts}", f"--ssh-config={folder}/usual_config"),
            *("--rootdir", str(folder), str(folder / "theirs")),
        )

    return words


def pyinfra_command(servers: BenchmarkServers, folder: Path) -> Words:
    return (str(program_path("pyinfra")), "-y", str(folder / "pyinfra_inventory.py"), str(folder / "pyinfra_deploy.py"))


def ansible_command(configuration: str) -> Callable[[BenchmarkServers, Path], Words]:
    """A playbook of five tasks. Each configuration has control sockets of its own: no masters are inherited."""

    def words(servers: BenchmarkServers, folder: Path) -> Words:
        settings = (
            f"ANSIBLE_CONFIG={folder}/{configuration}.cfg",
            f"ANSIBLE_SSH_CONTROL_PATH_DIR={folder}/{configuration}",
        )
        return (
            "env",
            *settings,
            str(program_path(ANSIBLE)),
            "-i",
            str(folder / "ansible.ini"),
            str(folder / "ansible.yml"),
        )

    return words


PYTEST = (sys.executable, "-m", "pytest", "-q", *(f"-pno:{name}" for name in UNUSED))
TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(FLOOR, floor_command),
        Tool(LOOK, look_command("inventory.yml")),
        Tool(OPENSSH, look_command("openssh.yml")),
        Tool(WHOLE, our_pytest),
        Tool(AUDIT, our_audit),
        Tool(PYINFRA, pyinfra_command),
        Tool("testinfra paramiko", testinfra_command("paramiko"), slow=True),
        Tool("testinfra ssh", testinfra_command("ssh"), slow=True),
        Tool(ANSIBLE, ansible_command("ansible"), slow=True),
        Tool(ANSIBLE_DEFAULT, ansible_command("ansible_as_it_comes"), slow=True, most=10),
    )
}
OURS = (FLOOR, LOOK, OPENSSH, WHOLE, AUDIT)
