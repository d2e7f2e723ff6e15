"""The three machines of the lab: their disks, their containers, their keys, and running commands in them."""

import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lab import images
from lab.engine import Engine
from lab.names import (
    CLONE, CLONE_LABEL, DATA_VOLUME, IDENTITY, KNOWN_HOSTS, LABEL, NETWORK, NODES, PREFIX, SITE, STATE, SUBNET, MANAGER, Node,
)  # fmt: skip
from lab.shell import LabError, until

SEED = f"{PREFIX}-seed"
DISK = "/lab/data"
# Everything that a nested engine needs, without --privileged, which sandboxes refuse; never the right to set the clock.
POWERS = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--cap-drop=SYS_TIME", "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined", "--device-cgroup-rule=a *:* rwm",
    f"--volume={DATA_VOLUME}:{DISK}", "--pull=never", "--detach", "--init",
)  # fmt: skip
CLONE_DISK = """
set -eu; cd /lab/data/nodes
rm -rf "$1"; mkdir "$1"
cp -al seed/overlay2 "$1/overlay2"
find seed -mindepth 1 -maxdepth 1 ! -name overlay2 ! -name engine-id ! -name swarm ! -name containers ! -name network \
    -exec cp -a {} "$1/" ';'
"""


def on(engine: Engine, node: Node, *words: str, limit: float = 60, given: bytes | None = None) -> str:
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


def seed(engine: Engine) -> None:
    """Load the services' images once into a disk that the nodes' disks are then cloned from."""
    with_disk(engine, "rm -rf /lab/data/seeded /lab/data/nodes /lab/data/backups; mkdir -p /lab/data/nodes")
    engine.ask("run", *POWERS, "--network=none", f"--label={LABEL}", f"--name={SEED}", "--env=LAB_NODE=seed", images.image("node"))
    until(lambda: engine.attempt("exec", SEED, "docker", "version").returncode == 0, "the engine of the seed", limit=60)
    pipe(engine, ["save", *images.for_services()], ["exec", "--interactive", SEED, "docker", "load", "--quiet"])
    engine.ask("exec", SEED, "sh", "-c", "kill $(cat /run/docker.pid); while [ -e /run/docker.pid ]; do sleep 0.1; done")
    engine.ask("rm", "--force", SEED)
    with_disk(engine, 'echo "$1" > /lab/data/seeded', images.fingerprint(engine))


def pipe(engine: Engine, source: list[str], sink: list[str]) -> None:
    give = subprocess.Popen([engine.client, *source], stdout=subprocess.PIPE, env=engine.environment)
    take = subprocess.run([engine.client, *sink], stdin=give.stdout, capture_output=True, env=engine.environment, timeout=300)
    if give.wait(timeout=10) or take.returncode:
        raise LabError(f"loading the images into the seed failed: {take.stderr.decode(errors='replace')}")


def seeded(engine: Engine) -> bool:
    known = with_disk(engine, "cat /lab/data/seeded 2>/dev/null || true").strip()
    return bool(known) and known == images.fingerprint(engine)


def with_disk(engine: Engine, script: str, *words: str) -> str:
    """Run a shell script on the lab's volume, in a container of its own."""
    options = ["--rm", "--network=none", "--pull=never", f"--volume={DATA_VOLUME}:{DISK}", "--entrypoint=/bin/sh"]
    return engine.ask("run", *options, images.image("node"), "-c", script, "sh", *words, limit=120)


def switch_on(engine: Engine) -> None:
    """Clone the disks, start the three machines at once and wait until each one's engine and sshd answer."""
    clones = "\n".join(f"clone {node.name}" for node in NODES)
    with_disk(engine, f"rm -rf /lab/data/backups; mkdir /lab/data/backups\nclone() {{ {CLONE_DISK} }}\n{clones}")
    key = public_key()
    with ThreadPoolExecutor(len(NODES)) as pool:
        list(pool.map(lambda node: start(engine, node, key), NODES))
    write_known_hosts(engine)


def start(engine: Engine, node: Node, key: str) -> None:
    peers = [f"--add-host={peer.name}:{peer.address}" for peer in NODES if peer != node]
    engine.ask(
        "run", *POWERS, *peers, f"--name={node.container}", f"--hostname={node.name}", f"--label={LABEL}", f"--add-host={SITE}:{MANAGER.address}",
        f"--label={CLONE_LABEL}={CLONE}", f"--network={NETWORK}", f"--ip={node.address}", "--dns=127.0.0.1",
        f"--network-alias={SITE if node == MANAGER else node.name}",
        f"--publish=127.0.0.1:{node.port}:22", f"--env=LAB_NODE={node.name}", f"--env=LAB_KEY={key}", images.image("node"),
        hint=f"`python -m lab down` clears what is left of an earlier lab",
    )  # fmt: skip
    until(lambda: awake(engine, node), f"the Docker engine and sshd of {node.name}", limit=60)


def awake(engine: Engine, node: Node) -> bool:
    """Whether its Docker engine and sshd answer; a machine that went off is an error with its last words."""
    if attempt_on(engine, node, "sh", "-c", "docker version && ss -ltn | grep -q ':22 '").returncode == 0:
        return True
    if states(engine).get(node.name) != "running":
        said = engine.attempt("logs", "--tail=5", node.container)
        raise LabError(f"{node.name} went off while starting: {(said.stdout + said.stderr).decode().strip()}")
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
        keys = pool.map(lambda node: on(engine, node, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub"), NODES)
    lines = [
        f"[127.0.0.1]:{node.port} {' '.join(line.split()[:2])}"
        for node, printed in zip(NODES, keys, strict=True)
        for line in printed.splitlines()
    ]
    KNOWN_HOSTS.write_text("\n".join(lines) + "\n")


def states(engine: Engine) -> dict[str, str]:
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
    return ["ssh", "-F", "/dev/null", "-i", str(IDENTITY), *(f"-o{option}" for option in options), "-p", str(node.port), "ops@127.0.0.1"]


