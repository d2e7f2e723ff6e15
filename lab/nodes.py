"""The three machines of the lab: their containers, their keys, and running commands in them."""

import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lab import disks
from lab.engine import Engine
from lab.names import (
    CLONE,
    CLONE_LABEL,
    IDENTITY,
    KNOWN_HOSTS,
    LABEL,
    MANAGER,
    NETWORK,
    NODES,
    SITE,
    STATE,
    SUBNET,
    Node,
    image_tag,
)
from lab.shell import LabError, wait_until


def run_on(engine: Engine, node: Node, *words: str, limit: float = 60, given: bytes | None = None) -> str:
    """Run a command as root on a node, to success; its standard output."""
    tty = ["--interactive"] if given is not None else []
    return engine.ask("exec", *tty, node.container, *words, limit=limit, given=given)


def attempt_on(engine: Engine, node: Node, *words: str, limit: float = 60) -> subprocess.CompletedProcess[bytes]:
    return engine.attempt("exec", node.container, *words, limit=limit)


def check_ports() -> None:
    for node in NODES:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", node.port))
            except OSError:
                raise LabError(
                    f"port {node.port} on 127.0.0.1, where {node.name} answers ssh, is taken",
                    f"`ss -ltnp 'sport = :{node.port}'` shows by whom",
                ) from None


def make_network(engine: Engine) -> None:
    """A bridge without a way out: nothing is masqueraded."""
    options = ["--subnet", SUBNET, "--opt", "com.docker.network.bridge.enable_ip_masquerade=false"]
    engine.ask("network", "create", *options, "--label", LABEL, NETWORK)


def switch_on(engine: Engine) -> None:
    """Clone the disks, start the three machines at once and wait until each one's engine and sshd answer."""
    disks.clone_disks(engine, [node.name for node in NODES])
    key = public_key()
    with ThreadPoolExecutor(len(NODES)) as pool:
        list(pool.map(lambda node: start_node(engine, node, key), NODES))
    write_known_hosts(engine)


def start_node(engine: Engine, node: Node, key: str) -> None:
    hosts = {SITE: MANAGER.address} | {peer.name: peer.address for peer in NODES if peer != node}
    peers = [f"--add-host={name}:{address}" for name, address in hosts.items()]
    engine.ask(
        "run", *disks.POWERS, *peers, f"--name={node.container}", f"--hostname={node.name}", f"--label={LABEL}",
        f"--label={CLONE_LABEL}={CLONE}", f"--network={NETWORK}", f"--ip={node.address}", "--dns=127.0.0.1",
        f"--network-alias={SITE if node == MANAGER else node.name}", f"--publish=127.0.0.1:{node.port}:22",
        f"--env=LAB_NODE={node.name}", f"--env=LAB_KEY={key}", image_tag("node"),
        hint="`python -m lab down` clears what is left of an earlier lab",
    )  # fmt: skip
    wait_until(lambda: is_awake(engine, node), f"the Docker engine and sshd of {node.name}", limit=60)


def is_awake(engine: Engine, node: Node) -> bool:
    """Whether its Docker engine and sshd answer; a machine that went off is an error with its last words."""
    if attempt_on(engine, node, "sh", "-c", "docker version && ss -ltn | grep -q ':22 '").returncode == 0:
        return True
    if engine.attempt("inspect", "--format", "{{.State.Status}}", node.container).stdout.strip() != b"running":
        process = engine.attempt("logs", "--tail=5", node.container)
        raise LabError(f"{node.name} went off while starting: {(process.stdout + process.stderr).decode().strip()}")
    return False


def public_key() -> str:
    """The public half of the key that logs in as ops; made once per clone."""
    STATE.mkdir(exist_ok=True)
    if not IDENTITY.exists():
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        with os.fdopen(os.open(IDENTITY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(text)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        IDENTITY.with_suffix(".pub").write_bytes(public + b" lab\n")
    return IDENTITY.with_suffix(".pub").read_text().strip()


def write_known_hosts(engine: Engine) -> None:
    with ThreadPoolExecutor(len(NODES)) as pool:
        keys = pool.map(lambda node: run_on(engine, node, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub"), NODES)
    lines = [
        f"[127.0.0.1]:{node.port} {' '.join(line.split()[:2])}"
        for node, printed in zip(NODES, keys, strict=True)
        for line in printed.splitlines()
    ]
    KNOWN_HOSTS.write_text("\n".join(lines) + "\n")


def node_states(engine: Engine) -> dict[str, str]:
    """The state of each node's container: running, paused, exited; a node without container is not there."""
    listed = engine.ask("ps", "-a", "--filter", f"label={LABEL}", "--format", "{{json .}}")
    rows = [json.loads(line) for line in listed.splitlines()]
    by_name = {row["Names"]: row["State"] for row in rows}
    return {node.name: by_name[node.container] for node in NODES if node.container in by_name}


def switch_off(engine: Engine) -> None:
    """Remove every container, and the network, that carry the lab's label."""
    if containers := engine.ask("ps", "-aq", "--filter", f"label={LABEL}").split():
        engine.ask("rm", "--force", "--volumes", *containers, limit=60)
    if networks := engine.ask("network", "ls", "-q", "--filter", f"label={LABEL}").split():
        engine.ask("network", "rm", *networks)


def ssh_words(node: Node) -> list[str]:
    """The OpenSSH command line that logs in to a node as ops, its host key verified."""
    options = [f'UserKnownHostsFile="{KNOWN_HOSTS}"', "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"]
    login = ["-p", str(node.port), "ops@127.0.0.1"]
    return ["ssh", "-F", "/dev/null", "-i", str(IDENTITY), *(f"-o{option}" for option in options), *login]
