"""An engine of a test's own: dockerd below a scratch folder, a swarm of one node, no network of the machine touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCKERD = shutil.which("dockerd")
WHY_NOT = "" if DOCKERD and os.geteuid() == 0 else "dockerd is needed, and root"
PATIENCE = 60.0


@contextmanager
def private_swarm(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which `docker` speaks to an engine below the folder that manages a swarm; ended afterwards."""
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


def wait_for_engine(environment: dict[str, str], engine: subprocess.Popen[bytes]) -> None:
    """Wait until the engine answers. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and engine.poll() is None:
        done = subprocess.run(("docker", "info"), env=environment, capture_output=True, check=False, timeout=30)
        if done.returncode == 0 and b"ERROR" not in done.stdout:
            return
        time.sleep(0.3)
    raise TimeoutError("the private engine does not answer")
