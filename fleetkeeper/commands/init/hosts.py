"""From `ops@host` to a node of an inventory: its address, its name, and the rights of the account there."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Without
from fleetkeeper.inventory.survey_results import Machine, Stranger
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.audit_helper import HELPER
from fleetkeeper.transport.commands import Command, Output, Sudo, Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.ssh.jump_hosts import parse_hop
from fleetkeeper.untrusted import one_line

NOT_YET = Without(none="nobody has looked yet")
HERE = "local"
SSH = 22
REACHED_WITHIN = 3.0
PROBE = Command(
    (
        "sh",
        "-c",
        'echo "uid $(id -u)"; echo "host $(uname -n)"\n'
        "if sudo -n true 2>/dev/null; then echo sudo; elif "
        f'[ "$(sudo -n {HELPER} 5 id -u 2>/dev/null)" = 0 ]; then echo looks; fi\n'
        "if docker version >/dev/null 2>&1; then echo docker; fi\n"
        "if [ -S /var/run/docker.sock ] || [ -S /run/docker.sock ]; then echo engine; fi\n"
        "if [ -c /dev/nvidiactl ] || [ -c /dev/nvidia0 ]; then echo gpu; fi\n"
        "echo end",
        "which rights there are",
    )
)
ENGINES = Command(
    ("sh", "-c", load_script("fleetkeeper/commands/init/scripts/find_engines.sh"), "which engines there are")
)
NO_ROOT = (
    "root rights (sudo without a password): who the processes of containers are, crontabs of others, "
    "backups in volumes and certificates in containers stay unknown"
)
NO_DOCKER = "the right to talk to Docker: containers and services stay unknown"


@dataclass(frozen=True)
class Login:
    """What is the same for every named host: `identity` is a private key file, `jump` a jump host (empty: none)."""

    identity: Path | None = None
    jump: str = ""


def node_of(written: str, login: Login) -> Node:
    """The node for `[user@]host[:port]`, with a name made from the host; `local` is this machine itself.

    Raises UsageError for text of another form.
    """
    if written == HERE:
        return Node(name=unique_node_name(socket.gethostname()), connection=HERE)
    try:
        request = parse_hop(written)
    except Unobservable as why:
        raise UsageError(f"{written!r}: {why.why}", hint="write a host as ops@host or ops@host:2222") from None
    given = {"address": request.address, "user": request.user, "port": request.port}
    return make_node(
        unique_node_name(request.address), {**given, "identity": login.identity, "jump": login.jump or None}, written
    )


def make_node(name: str, given: Mapping[str, object], written: str) -> Node:
    """A node from values that somebody typed, or that a swarm reported; empty ones are left out.

    `written` is the text to name in an error. Raises UsageError when a value is invalid.
    """
    values = {key: str(value) if isinstance(value, Path) else value for key, value in given.items() if value}
    try:
        return Node.model_validate({"name": name, **values})
    except ValidationError as odd:
        what = odd.errors(include_url=False)[0]["msg"]
        raise UsageError(f"{written!r} is no host: {what}", hint="write a host as ops@host or ops@host:2222") from None


def unique_node_name(host: str, taken: Collection[str] = ()) -> str:
    """A name for a node that is not in `taken`: the host's first label, or a whole IP address, with a number if needed.

    >>> unique_node_name("rodan2.example.org"), unique_node_name("192.0.2.7"), unique_node_name("web", ["web"])
    ('rodan2', '192.0.2.7', 'web-2')
    """
    address = re.fullmatch(r"[0-9.]+|.*:.*", host)
    label = host if address else host.partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", label).strip("-._") or "node"
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(name for name in names if name not in taken)


def provisional_inventory(nodes: Iterable[Node], path: Path) -> Inventory:
    """An inventory with these nodes only, for looking at them. `path` is where it will be written."""
    return Inventory(
        name=path.stem,
        path=str(path.absolute()),
        nodes={node.name: node for node in nodes},
        services=NOT_YET,
    )


def each_once(nodes: Iterable[Node]) -> list[Node]:
    """The nodes without those that have connection, address and port of another one; of several the last stays."""
    return list({(node.connection, node.address, node.port): node for node in nodes}.values())


def parse_probe(node: Node, answer: Output, taken: Collection[str]) -> Machine:
    """A host with its name and the rights of the account, from the output of `PROBE`.

    Raises Unobservable when it is cut short. `taken` are the names of other nodes.
    """
    lines = split_lines(answer.text())
    texts = dict(line.partition(" ")[::2] for line in lines)
    if lines[-1:] != ["end"]:
        raise Unobservable("the first look was cut short", node=node.name)
    root = texts.get("uid") == "0"
    hostname = texts.get("host", "")
    sudo: Sudo = not root and ("sudo" in texts or ("audit" if "looks" in texts else False))
    missing = [] if root or sudo else [NO_ROOT]
    if "engine" in texts and not (root or sudo or "docker" in texts):
        missing.append(NO_DOCKER)
    name = unique_node_name(hostname or node.name, taken)
    described = node.model_copy(update={"name": name, "sudo": sudo})
    return Machine(described, hostname, missing=tuple(missing), gpu="gpu" in texts)


def with_engines(machine: Machine, answer: Output) -> Machine:
    """The machine, with engines whose containers are not looked at in `missing`. `answer` is the output of `ENGINES`.

    >>> machine = Machine(Node(name="a", connection="local"))
    >>> with_engines(machine, Output(0, b"engine 0 dockerd\\nengine 1000 conmon\\n")).missing
    ('containers of podman run there (user id 1000), and only those of Docker are looked at',)
    """
    lines = [line.split(" ", 2) for line in split_lines(answer.out.decode("utf-8", "replace"))]
    found = [(words[2], words[1]) for words in lines if len(words) == 3 and words[0] == "engine"]
    docker = sorted({uid for name, uid in found if name == "dockerd"})
    others: dict[str, set[str]] = {}
    for name, uid in found:
        if name != "dockerd":
            others.setdefault("CRI-O" if name == "crio" else "podman", set()).add(uid)
    texts = [
        f"containers of {engine} run there (user id {', '.join(sorted(uids))}), and only those of Docker are looked at"
        for engine, uids in sorted(others.items())
    ]
    if len(docker) > 1:
        texts.append(f"several Docker engines run there (of user ids {', '.join(docker)}), and only one is looked at")
    texts += [
        f"the Docker client of this account asks another engine than the node's own: {one_line(' '.join(words[1:]))}"
        for words in lines
        if words[0] == "context" and len(words) > 1
    ]
    return replace(machine, missing=(*machine.missing, *texts))


def member_of(stranger: Stranger, manager: Node, taken: Sequence[str]) -> Node:
    """A member of the swarm as a node, with the manager's account and key.

    The manager is its jump host where its SSH port cannot be reached from here, which is tried (a connection is made).
    `taken` are the names of other nodes. Raises UsageError when its address is invalid.
    """
    name = unique_node_name(stranger.hostname or stranger.address, taken)
    given = {"address": stranger.address, "user": manager.user, "identity": manager.identity, "jump": manager.jump}
    if not answers(stranger.address):
        given["jump"] = manager.name
    return make_node(name, given, stranger.address)


def answers(address: str, port: int = SSH) -> bool:
    """Whether a TCP port accepts connections from here within 3 seconds. Connects, and closes at once."""
    try:
        with socket.create_connection((address, port), timeout=REACHED_WITHIN):
            return True
    except OSError:
        return False
