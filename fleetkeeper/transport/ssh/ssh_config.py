"""The user's own OpenSSH configuration of a host: `ssh -G` prints it, and `ssh_target` parses that.

ssh_config(5) has Include, Match, canonical names and token expansion; only `ssh` itself gets all of them right.
Where OpenSSH is not installed, paramiko's reader is used, and keywords that it cannot follow are reported.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from fleetkeeper.readers.lines import last_line, split_lines
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.ssh_target import SshRequest, SshTarget, parse

USER_CONFIG = "~/.ssh/config"
SYSTEM_CONFIG = "/etc/ssh/ssh_config"
DEFAULT_IDENTITIES = tuple(f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk"))
DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
PLACEHOLDER = "host.invalid"
RESOLVE_LIMIT = 8.0
ONE_ASKS = threading.Lock()
"""Held while `ssh -G` runs for what is the same for all hosts: fifty threads would all run it at once."""


def resolve_target(request: SshRequest, config: str | None = None) -> SshTarget:
    """The route and settings for a host. `config` replaces the user's and the system's files, as `ssh -F` does.

    Without an OpenSSH client paramiko's reader is used. Raises Unobservable when the configuration cannot be read, and
    for an address that begins with a dash.
    """
    if request.address.startswith("-"):
        raise Unobservable(f"{request.address!r} is no address: it starts with a dash")
    if shutil.which("ssh"):
        return override_target(from_ssh(request, config), request)
    return override_target(without_ssh(request.address, config), request)


def override_target(target: SshTarget, request: SshRequest) -> SshTarget:
    """The target with the user, port and identity of the inventory, where it has them, not of the configuration."""
    if request.identity:
        identity = os.path.expanduser(request.identity)
        target = replace(target, identities=(identity,), explicit_identity=True)
    return replace(target, user=request.user or target.user, port=request.port or target.port)


def config_files(config: str | None) -> tuple[str, ...]:
    """The paths of the configuration files that ssh reads: `config` alone, else (None) the user's and the system's.

    Includes are not followed, and `~` is not expanded.
    """
    return (config,) if config else (USER_CONFIG, SYSTEM_CONFIG)


def from_ssh(request: SshRequest, config: str | None) -> SshTarget:
    """The target of a host as `ssh -G` resolves it; ssh runs once for all hosts if no line depends on the host.

    `config` is the configuration file (None: those that ssh reads). Raises Unobservable when it cannot be read.
    """
    target = from_printed_lines(request, config)
    return replace(target, algorithms=replace(target.algorithms, known_first=prefers_known_keys(target, config)))


def prefers_known_keys(target: SshTarget, config: str | None) -> bool:
    """Whether ssh asks for the types of host keys first that are known for the host (order_hostkeyalgs()).

    It does so unless HostKeyAlgorithms is a list of the user's own, or moves some to its head (`^`): that order stands.
    `ssh -G` prints what comes of either, so each line of the files (`config`, None: those that ssh reads) is asked for
    alone, and compared.
    """
    lines = written_values(config_files(config), "hostkeyalgorithms")
    if all(text.startswith(("+", "-")) for text in lines):
        return True
    printed = [(text, hostkey_algorithms(text)) for text in sorted(lines)]
    ours = [text for text, algorithms in printed if algorithms == target.algorithms.printed_host_keys]
    return all(text.startswith(("+", "-")) for text in ours)


def hostkey_algorithms(written: str) -> str:
    """What `ssh -G` prints for a HostKeyAlgorithms of the user's; "" for a value that it refuses."""
    try:
        text = ask_ssh(PLACEHOLDER, (f"-oHostKeyAlgorithms={written}",), "none")
    except Unobservable:
        return ""
    return next((line for line in split_lines(text) if line.startswith("hostkeyalgorithms ")), "").partition(" ")[2]


def from_printed_lines(request: SshRequest, config: str | None) -> SshTarget:
    """The target of a host as `ssh -G` prints it.

    `config` is the configuration file (None: those that ssh reads). Raises Unobservable when it cannot be read.
    """
    options = tuple(f"-o{name}={value}" for name, value in (("User", request.user), ("Port", request.port)) if value)
    if not same_for_all_hosts(config_files(config)):
        return parse(
            ask_ssh(request.address.strip("[]"), options, config),
            request.address,
            written_keywords(config_files(config)),
        )
    with ONE_ASKS:
        ssh = ask_ssh(PLACEHOLDER, options, config)
        target = target_alike(
            ssh,
            written_keywords(config_files(config)),
            os.environ.get("HOME", ""),
            os.environ.get("SSH_AUTH_SOCK", ""),
        )
    if target.beyond or "%" in ssh or "$" in ssh:
        target = parse(ssh, request.address, written_keywords(config_files(config)))
    host = request.address.strip("[]") if target.host == PLACEHOLDER else target.host
    return replace(target, address=request.address, host=host)


@lru_cache(maxsize=64)
def target_alike(text: str, read: frozenset[str], *environment: str) -> SshTarget:
    """The target of any host for which `ssh -G` prints the same text; cached, as parsing costs a millisecond a host.

    `read` are the keywords in the user's files, `environment` is what else the result depends on: HOME, and the agent's
    socket. The host in it is a placeholder, which the caller replaces. Raises Unobservable for a token that only ssh
    can expand.
    """
    return parse(text, PLACEHOLDER, read)


@lru_cache(maxsize=4096)
def ask_ssh(host: str, options: tuple[str, ...], config: str | None) -> str:
    """The output of `ssh -G`, which connects to nothing (unless a Match exec of the user's does).

    `-N`: with ForkAfterAuthentication it would else ask for a command to go into the background with.

    `options` are further words of its command line; `config` replaces the user's files (`-F`). Cached.
    Raises Unobservable when it fails or takes more than 8 seconds.
    """
    argv = ["ssh", "-G", "-N", *(("-F", config) if config else ()), *options, "--", host]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=RESOLVE_LIMIT,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except subprocess.TimeoutExpired:
        raise Unobservable(f"`ssh -G {host}` did not end within {RESOLVE_LIMIT:.0f} s") from None
    if done.returncode:
        last = last_line(done.stderr) or "nothing was said"
        raise Unobservable(f"the SSH configuration cannot be read: {last}", hint=f"try `ssh -G {host}`")
    return done.stdout


@lru_cache(maxsize=8)
def same_for_all_hosts(read: tuple[str, ...]) -> bool:
    """Whether nothing in these configuration files depends on the host that is connected to.

    `read` are their paths; Includes are followed. One that cannot be read has no lines. Computed once for the same
    paths.
    """
    return not any(depends_on_host(line) for file in read for line in lines_of(Path(file).expanduser()))


@lru_cache(maxsize=8)
def written_keywords(read: tuple[str, ...]) -> frozenset[str]:
    """The keywords, in lower case, that occur anywhere in these files. With what they include."""
    lines = (line for file in read for line in lines_of(Path(file).expanduser()))
    return frozenset(re.split(r"[\s=]+", line.strip().lower(), maxsplit=1)[0] for line in lines)


@lru_cache(maxsize=8)
def written_values(read: tuple[str, ...], keyword: str) -> frozenset[str]:
    """The values that these files give to a keyword (in lower case) anywhere, without quotes and comments.

    With what they include. Read once.
    """
    lines = (line for file in read for line in lines_of(Path(file).expanduser()))
    words = (re.split(r"\s*=\s*|\s+", line.strip(), maxsplit=1) for line in lines)
    values = (item[1].partition(" #")[0] for item in words if len(item) == 2 and item[0].lower() == keyword)
    return frozenset(value.strip().strip('"') for value in values)


def depends_on_host(line: str) -> bool:
    """Whether a line may have another effect for another host; True when in doubt.

    >>> depends_on_host("Host *"), depends_on_host("Host db"), depends_on_host("  User ops")
    (False, True, False)
    """
    keyword, *values = re.split(r"[\s=]+", line.strip().lower())
    if keyword == "host":
        return values != ["*"]
    return keyword in {"match", "hostname", "canonicalizehostname"} or "%" in line


def lines_of(path: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a configuration file and of all that it includes, without comments.

    Includes are relative to /etc/ssh for files there, else to ~/.ssh. Debian's own file has an example in a comment
    that would depend on the host. A file that cannot be read has no lines. `depth` counts the files that include it;
    beyond 16, Includes are not followed.
    """
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for line in split_lines(text):
        keyword, *values = re.split(r"[\s=]+", line.strip())
        if not keyword or keyword.startswith("#"):
            continue
        yield line
        if keyword.lower() == "include" and depth < 16:
            base = Path("/etc/ssh") if str(path).startswith("/etc/ssh/") else Path("~/.ssh").expanduser()
            for pattern in values:
                for included in glob_paths(base, pattern.strip('"')):
                    yield from lines_of(included, depth + 1)


def glob_paths(base: Path, pattern: str) -> list[Path]:
    """The paths that match a pattern, which is absolute, begins with `~`, or is relative to `base`."""
    whole = Path(os.path.expanduser(pattern))
    root, relative = (Path("/"), str(whole.relative_to("/"))) if whole.is_absolute() else (base, pattern)
    return sorted(root.glob(relative))


CANNOT = frozenset({"include", "match", "canonicalizehostname", "knownhostscommand"})


def without_ssh(address: str, config: str | None) -> SshTarget:
    """The target of a host as paramiko's own reader resolves it, where OpenSSH is not installed.

    `config` is the configuration file (None: the user's); one that does not exist is empty. Raises Unobservable for
    keywords that it cannot follow. Raises OSError for a file that may not be read.
    """
    from paramiko import SSHConfig

    path = Path(config or USER_CONFIG).expanduser()
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    used = {re.split(r"[\s=]+", line.strip().lower())[0] for line in split_lines(text)}
    if cannot := sorted(used & CANNOT):
        raise Unobservable(
            f"{path} uses {', '.join(cannot)}, which only the OpenSSH client can follow",
            hint="install the OpenSSH client here",
        )
    matches = {**openssh_defaults(), **SSHConfig.from_text(text).lookup(address.strip("[]"))}
    lines = [f"{keyword} {value}" for keyword, text in matches.items() for value in each_value(text)]
    return parse("\n".join(lines), address, used)


def openssh_defaults() -> dict[str, str | list[str]]:
    """OpenSSH's default values by keyword."""
    return {
        "user": getpass.getuser(),
        "identityfile": list(DEFAULT_IDENTITIES),
        "userknownhostsfile": DEFAULT_KNOWN_HOSTS,
        "globalknownhostsfile": SYSTEM_KNOWN_HOSTS,
    }


def each_value(text: str | list[str]) -> list[str]:
    """The values as a list, also a single one."""
    return text if isinstance(text, list) else [text]
