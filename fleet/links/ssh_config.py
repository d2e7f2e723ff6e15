"""How the user's own OpenSSH set-up reaches a host: what `ssh -G` resolves, as data.

ssh_config(5) has Include, Match, canonical names and token expansion; only `ssh` itself gets all of them right, so it
is asked. Where OpenSSH is not installed, paramiko's reader is used for what it can do, and what it cannot is said.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from fleet.commands import Unobservable

USER_CONFIG = "~/.ssh/config"
SYSTEM_CONFIG = "/etc/ssh/ssh_config"
DEFAULT_IDENTITIES = tuple(f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk"))
DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
PLACEHOLDER = "host.invalid"
RESOLVE_LIMIT = 8.0
ONE_ASKS = threading.Lock()
"""Held while what is the same for all hosts is asked for: fifty threads would all ask it at once."""


@dataclass(frozen=True)
class Asked:
    """What the inventory says about a way: an address or an alias of the user's config, and what overrides it."""

    address: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None


@dataclass(frozen=True)
class Way:
    """How to reach one host. Paths are expanded; `agent` is a socket or "" for none; `jumps` as ssh -J takes them."""

    address: str
    host: str
    port: int
    user: str
    identities: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    agent: str = ""
    only_identities: bool = False
    jumps: tuple[str, ...] = ()
    proxy_command: str = ""
    known_hosts: tuple[str, ...] = ()
    revoked: str = ""
    alias: str = ""
    explicit_identity: bool = field(default=False)


def resolve(asked: Asked, config: str | None = None) -> Way:
    """The way to a host. `config` replaces the user's and the system's files, as `ssh -F` does.

    Raises Unobservable when the configuration cannot be read.
    """
    if asked.address.startswith("-"):
        raise Unobservable(f"{asked.address!r} is no address: it starts with a dash")
    if shutil.which("ssh"):
        return override(from_ssh(asked, config), asked)
    return override(without_ssh(asked.address, config), asked)


def override(way: Way, asked: Asked) -> Way:
    """What the inventory says goes before what the configuration says."""
    if asked.identity:
        identity = os.path.expanduser(asked.identity)
        way = replace(way, identities=(identity,), explicit_identity=True)
    return replace(way, user=asked.user or way.user, port=asked.port or way.port)


def from_ssh(asked: Asked, config: str | None) -> Way:
    """What `ssh -G` says; asked once for all hosts where the configuration cannot tell hosts apart."""
    files = (config,) if config else (USER_CONFIG, SYSTEM_CONFIG)
    options = tuple(f"-o{name}={value}" for name, value in (("User", asked.user), ("Port", asked.port)) if value)
    if not same_for_all_hosts(files):
        return parse(ask_ssh(asked.address.strip("[]"), options, config), asked.address)
    with ONE_ASKS:
        said = ask_ssh(PLACEHOLDER, options, config)
    way = parse(said, asked.address)
    return replace(way, host=asked.address.strip("[]") if way.host == PLACEHOLDER else way.host)


@lru_cache(maxsize=4096)
def ask_ssh(host: str, options: tuple[str, ...], config: str | None) -> str:
    """The output of `ssh -G`: only resolves, connects to nothing (unless a Match exec of the user's does)."""
    argv = ["ssh", "-G", *(("-F", config) if config else ()), *options, "--", host]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=RESOLVE_LIMIT, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        raise Unobservable(f"`ssh -G {host}` did not end within {RESOLVE_LIMIT:.0f} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Unobservable(f"the SSH configuration cannot be read: {last}", hint=f"try `ssh -G {host}`")
    return done.stdout


def parse(output: str, address: str) -> Way:
    """Read what `ssh -G` prints: a lower-case keyword and its value per line.

    >>> way = parse("host db\\nuser ops\\nhostname 192.0.2.7\\nport 22\\nidentityfile /k/%h\\nproxyjump a,b@c\\n", "db")
    >>> way.host, way.port, way.user, way.identities, way.jumps
    ('192.0.2.7', 22, 'ops', ('/k/192.0.2.7',), ('a', 'b@c'))
    """
    said: dict[str, list[str]] = {}
    for line in output.splitlines():
        keyword, _, value = line.partition(" ")
        said.setdefault(keyword, []).append(value)
    one = {keyword: values[0] for keyword, values in said.items() if values[0].lower() != "none"}
    way = Way(
        address=address,
        host=one.get("hostname", address),
        port=int(one.get("port", "22")),
        user=one.get("user", ""),
        agent=agent_socket(said.get("identityagent", ["SSH_AUTH_SOCK"])[0]),
        only_identities=one.get("identitiesonly", "no") == "yes",
        jumps=tuple(one["proxyjump"].split(",")) if "proxyjump" in one else (),
        proxy_command=one.get("proxycommand", ""),
        alias=one.get("hostkeyalias", ""),
        revoked=one.get("revokedhostkeys", ""),
    )
    files = [*one.get("userknownhostsfile", "").split(), *one.get("globalknownhostsfile", "").split()]
    return replace(
        way,
        identities=tuple(expanded(said.get("identityfile", []), way)),
        certificates=tuple(expanded(said.get("certificatefile", []), way)),
        known_hosts=tuple(expanded(files, way)),
        proxy_command=expand(way.proxy_command, way) if way.proxy_command else "",
    )


def agent_socket(said: str) -> str:
    """IdentityAgent of ssh_config(5): a path, `none`, SSH_AUTH_SOCK, or the name of a variable."""
    if said.lower() == "none":
        return ""
    if said == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if said.startswith("$") and not said.startswith("${"):
        return os.environ.get(said[1:], "")
    return os.path.expanduser(with_variables(said))


def expanded(paths: Sequence[str], way: Way) -> Iterator[str]:
    for path in paths:
        if path and path.lower() != "none":
            yield os.path.expanduser(expand(path, way))


def expand(text: str, way: Way) -> str:
    """Replace the tokens of ssh_config(5), TOKENS, and `${NAME}`.

    Raises Unobservable for a token that only ssh itself can expand.
    """
    values = tokens(way)

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise Unobservable(
                f"%{found[1]} in the SSH configuration of {way.address} ({text})",
                hint="set `connection: ssh` for this node: only the OpenSSH client expands it",
            )
        return values[found[1]]

    return re.sub("%(.)", value, with_variables(text))


def tokens(way: Way) -> Mapping[str, str]:
    name = socket.gethostname()
    return {
        "%": "%",
        "d": os.path.expanduser("~"),
        "h": way.host,
        "i": str(os.getuid()),
        "k": way.alias or way.address,
        "L": name.partition(".")[0],
        "l": name,
        "n": way.address,
        "p": str(way.port),
        "r": way.user,
        "u": getpass.getuser(),
    }


def with_variables(text: str) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], ""), text)


@lru_cache(maxsize=8)
def same_for_all_hosts(files: tuple[str, ...]) -> bool:
    """Whether no line of the configuration depends on the host: then `ssh -G` need not run for each of them."""
    return not any(depends_on_host(line) for file in files for line in lines_of(Path(file).expanduser()))


def depends_on_host(line: str) -> bool:
    """Whether a line may mean another thing for another host; when in doubt, it may.

    >>> depends_on_host("Host *"), depends_on_host("Host db"), depends_on_host("  User ops")
    (False, True, False)
    """
    keyword, *values = re.split(r"[\s=]+", line.strip().lower())
    if keyword == "host":
        return values != ["*"]
    return keyword in {"match", "hostname", "canonicalizehostname"} or "%" in line


def lines_of(path: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a configuration file and of all that it includes (relative to its own folder, or to ~/.ssh)."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        keyword, *values = re.split(r"[\s=]+", line.strip())
        yield line
        if keyword.lower() == "include" and depth < 16:
            base = Path("/etc/ssh") if str(path).startswith("/etc/ssh/") else Path("~/.ssh").expanduser()
            for pattern in values:
                for included in globbed(base, pattern.strip('"')):
                    yield from lines_of(included, depth + 1)


def globbed(base: Path, pattern: str) -> list[Path]:
    whole = Path(os.path.expanduser(pattern))
    root, relative = (Path("/"), str(whole.relative_to("/"))) if whole.is_absolute() else (base, pattern)
    return sorted(root.glob(relative))


CANNOT = frozenset({"include", "match", "canonicalizehostname", "knownhostscommand"})


def without_ssh(address: str, config: str | None) -> Way:
    """What paramiko's own reader makes of the configuration, where there is no OpenSSH to ask.

    Raises Unobservable for keywords that it does not know how to follow.
    """
    from paramiko import SSHConfig

    path = Path(config or USER_CONFIG).expanduser()
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    used = {re.split(r"[\s=]+", line.strip().lower())[0] for line in text.splitlines()}
    if cannot := sorted(used & CANNOT):
        raise Unobservable(
            f"{path} uses {', '.join(cannot)}, which only the OpenSSH client can follow",
            hint="install the OpenSSH client here",
        )
    found = SSHConfig.from_text(text).lookup(address.strip("[]"))
    lines = [
        f"{keyword} {value}"
        for keyword, said in found.items()
        for value in (said if isinstance(said, list) else [said])
    ]
    way = parse("\n".join(lines), address)
    defaults = Way(address, address, 22, getpass.getuser(), identities=DEFAULT_IDENTITIES)
    return replace(
        way,
        user=way.user or defaults.user,
        identities=way.identities or tuple(expanded(DEFAULT_IDENTITIES, defaults)),
        known_hosts=way.known_hosts or tuple(expanded((*DEFAULT_KNOWN_HOSTS, *SYSTEM_KNOWN_HOSTS), defaults)),
    )
