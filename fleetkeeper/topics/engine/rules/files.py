"""The rule about owners and modes of the engine's files."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.engine.facts import EngineFile, Facts
from fleetkeeper.topics.engine.rules.parts import Check, Checks, judge_parts, value_of
from fleetkeeper.transport.commands import Unobservable

ROOT = 0
KEYS = ("tlscacert", "tlscert", "tlskey")
UNITS = ("docker.service", "docker.socket")
NAMES = {
    "docker.service": "unit of the engine",
    "docker.socket": "unit of the engine's socket",
    "config": "file of settings",
    "certs.d": "certificate for a registry",
    "tlscacert": "certificate of the engine's authority",
    "tlscert": "certificate of the engine",
    "tlskey": "key of the engine",
}
WHY = "whoever may change it decides what the engine does as root"
WHY_KEY = "whoever reads it is the engine, or its client"


def files_belong_to_root(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """The files that decide what the engine does belong to root, and nobody else may write them, or read its keys.

    Units with their drop-ins, settings and certificates, where systemd and the engine say that they are, behind links.
    Owner and group are compared by number, modes bit by bit: less than is allowed is right too. What is not on the node
    does not apply; unknown where a file that is there could not be looked at. That another may write, or read a key, is
    an error, the rest a warning.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 3.1 to 3.14 and 3.17 to 3.22.
    """
    return judge_parts(fleet, subject, CHECKS)


def files_for(facts: Facts, role: str) -> tuple[EngineFile, ...]:
    """The files with a role. Raises NotApplicable where there are none, Unobservable where there may be some."""
    files = facts.files_of(role)
    if not files and role in KEYS and (path := value_of(facts, role)):
        raise Unobservable(f"{path} of the engine's settings could not be looked at")
    if not files:
        without = " (no systemd runs here)" if role in UNITS and not facts.systemd else ""
        raise NotApplicable(f"there is no {NAMES.get(role, role)} here{without}")
    return files


def owner_check(role: str) -> Check:
    """The check that the files with a role belong to root."""

    def check(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
        """A Wrong for each file of another owner (an error) or of another group that may not write it."""
        for file in files_for(facts, role):
            if file.owner is None or file.group is None:
                raise Unobservable(f"whose {file.path} is could not be seen")
            if (file.owner, file.group) != (ROOT, ROOT):
                saw = f"{file.path} belongs to user {file.owner} and group {file.group_name or file.group}"
                yield Wrong(
                    saw, "root, and root's group", WHY, f"`chown root:root {file.path}`",
                    "error" if file.owner != ROOT else "warning", file.path,
                )  # fmt: skip

    return check


def mode_check(role: str, most: int, of_keys: int | None = None) -> Check:
    """The check that the files with a role have no bit beyond a mode; a key none beyond `of_keys`."""

    def check(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
        """A Wrong for each file with another bit: an error where others than root gain something by it."""
        for file in files_for(facts, role):
            if file.mode is None:
                raise Unobservable(f"the mode of {file.path} could not be seen")
            is_key = role == "tlskey" or file.path.endswith(".key")
            allowed = of_keys if is_key and of_keys is not None else most
            beyond = file.mode & ~allowed
            grave = beyond & (0o077 if is_key else 0o022)
            if beyond:
                yield Wrong(
                    f"{file.path} has mode {file.mode:o}", f"{allowed:o} at most", WHY_KEY if is_key else WHY,
                    f"`chmod {file.mode & allowed:o} {file.path}`", "error" if grave else "warning", file.path,
                )  # fmt: skip

    return check


CHECKS: Checks = {
    "3.1": owner_check("docker.service"),
    "3.2": mode_check("docker.service", 0o644),
    "3.3": owner_check("docker.socket"),
    "3.4": mode_check("docker.socket", 0o644),
    "3.5": owner_check("/etc/docker"),
    "3.6": mode_check("/etc/docker", 0o755),
    "3.7": owner_check("certs.d"),
    "3.8": mode_check("certs.d", 0o444, of_keys=0o600),
    "3.9": owner_check("tlscacert"),
    "3.10": mode_check("tlscacert", 0o444),
    "3.11": owner_check("tlscert"),
    "3.12": mode_check("tlscert", 0o444),
    "3.13": owner_check("tlskey"),
    "3.14": mode_check("tlskey", 0o400),
    "3.17": owner_check("config"),
    "3.18": mode_check("config", 0o644),
    "3.19": owner_check("/etc/default/docker"),
    "3.20": mode_check("/etc/default/docker", 0o644),
    "3.21": mode_check("/etc/sysconfig/docker", 0o644),
    "3.22": owner_check("/etc/sysconfig/docker"),
}
