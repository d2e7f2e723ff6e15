"""An engine of our own: dockerd below a scratch folder, a swarm of one node, no network of the machine touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

DOCKERD = shutil.which("dockerd")
WHY_NOT = "" if DOCKERD and os.geteuid() == 0 else "dockerd is needed, and root"
PATIENCE = 60.0


@contextmanager
def private_swarm() -> Iterator[dict[str, str]]:
    """The environment in which `docker` speaks to an engine that manages a swarm; it is ended and removed after."""
    with (
        TemporaryDirectory(prefix="fk-", ignore_cleanup_errors=True) as folder,
        swarm_below(Path(folder)) as environment,
    ):
        yield environment


@contextmanager
def swarm_below(folder: Path) -> Iterator[dict[str, str]]:
    """The same with everything below a folder, whose path is short: that of a socket has at most 107 characters."""
    socket = f"unix://{folder}/sock"
    (folder / "daemon.json").write_text("{}")
    words = [str(DOCKERD), "--config-file", f"{folder}/daemon.json", "--data-root", f"{folder}/data",
             "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "--host", socket, "--bridge=none",
             "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--storage-driver=vfs",
             "--swarm-default-advertise-addr=127.0.0.1"]  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DOCKER_HOST": socket}
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_for_engine(environment, engine)
            init = ("docker", "swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:23771")
            subprocess.run(
                (*init, "--data-path-port=47891"), env=environment, check=True, capture_output=True, timeout=60
            )
            yield environment
        finally:
            engine.terminate()
            try:
                engine.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                engine.kill()
                engine.wait()
            unmount_below(folder)


def unmount_below(folder: Path) -> None:
    """Take away what the engine has mounted below its folder, as it leaves its own data mounted on itself."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((point for point in mounted if Path(point).is_relative_to(folder)), reverse=True):
        subprocess.run(("umount", point), check=False, capture_output=True, timeout=30)


def wait_for_engine(environment: dict[str, str], engine: subprocess.Popen[bytes]) -> None:
    """Wait until the engine answers. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and engine.poll() is None:
        done = subprocess.run(("docker", "info"), env=environment, capture_output=True, check=False, timeout=30)
        if done.returncode == 0 and b"ERROR" not in done.stdout:
            return
        time.sleep(0.3)
    raise TimeoutError("the private engine does not answer")
