"""The nodes' disks: each one a clone of a seed, which holds the services' images already.

All of them lie on one volume, so that a clone is made of hard links: three take 2 s, where loading the images into
three engines takes a minute.
"""

import subprocess
from collections.abc import Iterable

from lab import images
from lab.engine import Engine
from lab.names import DATA_VOLUME, LABEL, PREFIX, image_tag
from lab.shell import LabError, load_script, wait_until

SEED = f"{PREFIX}-seed"
# Everything that a nested engine needs, without --privileged, which sandboxes refuse; never the right to set the clock.
POWERS = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--cap-drop=SYS_TIME", "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined", "--device-cgroup-rule=a *:* rwm",
    f"--volume={DATA_VOLUME}:/lab/data", "--pull=never", "--detach", "--init",
)  # fmt: skip
STOP = "kill $(cat /run/docker.pid); while [ -e /run/docker.pid ]; do sleep 0.1; done"


def clone_disks(engine: Engine, names: Iterable[str]) -> None:
    """Make a new disk for each node, and an empty backup volume for all."""
    with_disk(engine, load_script("clone_disks.sh"), *names)


def seed_disk(engine: Engine) -> None:
    """Load the services' images once into a disk that the nodes' disks are then cloned from."""
    with_disk(engine, "rm -rf /lab/data/seeded /lab/data/nodes /lab/data/backups; mkdir -p /lab/data/nodes")
    options = ["--network=none", f"--label={LABEL}", f"--name={SEED}", "--env=LAB_NODE=seed"]
    engine.ask("run", *POWERS, *options, image_tag("node"))
    wait_until(
        lambda: engine.attempt("exec", SEED, "docker", "version").returncode == 0, "the engine of the seed", limit=60
    )
    pipe_commands(
        engine, ["save", *images.for_services()], ["exec", "--interactive", SEED, "docker", "load", "--quiet"]
    )
    engine.ask("exec", SEED, "sh", "-c", STOP)
    engine.ask("rm", "--force", SEED)
    with_disk(engine, 'echo "$1" > /lab/data/seeded', images.images_fingerprint(engine))


def pipe_commands(engine: Engine, source: list[str], sink: list[str]) -> None:
    give = subprocess.Popen([engine.client, *source], stdout=subprocess.PIPE, env=engine.environment)
    take = subprocess.run(
        [engine.client, *sink], stdin=give.stdout, capture_output=True, env=engine.environment, timeout=300, check=False
    )
    if give.wait(timeout=10) or take.returncode:
        raise LabError(f"loading the images into the seed failed: {take.stderr.decode(errors='replace')}")


def is_seeded(engine: Engine) -> bool:
    known_value = with_disk(engine, "cat /lab/data/seeded 2>/dev/null || true").strip()
    return bool(known_value) and known_value == images.images_fingerprint(engine)


def with_disk(engine: Engine, script: str, *words: str) -> str:
    """Run a shell script on the lab's volume, in a container of its own."""
    options = ["--rm", "--network=none", "--pull=never", f"--volume={DATA_VOLUME}:/lab/data", "--entrypoint=/bin/sh"]
    return engine.ask("run", *options, image_tag("node"), "-c", script, "sh", *words, limit=120)


def remove_disks(engine: Engine) -> None:
    engine.attempt("volume", "rm", DATA_VOLUME)
