"""The Docker engine under the lab: the one that runs already, else a private one that the lab owns.

A private engine has its own data, sockets and process files, makes no firewall rules and no bridge of its own:
nodes are reached through its user-space proxy on 127.0.0.1, and nothing in the lab has a way out of the machine.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.names import CACHE, CLONE_LABEL, LABEL, NETWORK, RUN
from lab.shell import LabError, attempt_command, run, say, step, wait_until

SOCKET = RUN / "docker.sock"
PIDFILE = RUN / "docker.pid"
EXEC_ROOT = RUN / "exec"
CONTAINERD_PIDFILE = EXEC_ROOT / "containerd" / "containerd.pid"
DATA_ROOT = CACHE / "engine"
LOG = CACHE / "engine.log"
PACKAGES = ("docker.io", "iptables", "mmdebstrap", "openssh-client", "ca-certificates")
WHERE_THEY_EXIST = ("docker-cli", "docker-buildx")
"""Parts of docker.io in Debian 12, packages of their own later."""
INSTALL = "install Docker Engine (with the buildx plugin), start it, and let this user talk to it"


class NoEngine(LabError):
    """This machine has no Docker engine and is none on which the lab knows how to start one."""


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers, and the client that speaks to it."""

    client: str
    host: str | None
    private: bool

    def ask(self, *words: str, limit: float = 60, given: bytes | None = None, hint: str = "") -> str:
        """Run `docker WORDS` to success; its standard output."""
        return run([self.client, *words], limit=limit, given=given, env=self.environment, hint=hint)

    def attempt(self, *words: str, limit: float = 60) -> subprocess.CompletedProcess[bytes]:
        return attempt_command([self.client, *words], limit=limit, env=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        ours = {"DOCKER_HOST": self.host} if self.host else {}
        return {**os.environ, "DOCKER_BUILDKIT": "1", **ours}

    def has_image(self, tag: str) -> bool:
        return self.attempt("image", "inspect", tag).returncode == 0


def ensure_engine() -> Engine:
    """An engine that answers; started, and if need be installed, when there is none."""
    if engine := find_engine():
        return engine
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoEngine("no Docker engine answers on this machine", INSTALL)
    install_engine()
    return find_engine() or start_engine()


def find_engine() -> Engine | None:
    """The engine that answers now: the lab's own before the machine's."""
    if SOCKET.exists() and (client := private_client()):
        engine = Engine(client, f"unix://{SOCKET}", private=True)
        if engine_answers(engine):
            return engine
    if client := shutil.which("docker"):
        engine = Engine(client, None, private=False)
        if engine_answers(engine):
            return engine
    return None


def engine_answers(engine: Engine) -> bool:
    process = engine.attempt("version", "--format", "{{.Server.Version}}", limit=15)
    return process.returncode == 0 and bool(process.stdout.strip())


def private_client() -> str | None:
    """Debian's own client before any other: it builds with BuildKit without a plugin."""
    return next((path for path in ("/usr/bin/docker", shutil.which("docker")) if path and Path(path).exists()), None)


def with_buildkit(engine: Engine) -> Engine:
    """The same engine with a client that can use cache mounts: older than 23, or with buildx."""
    for client in dict.fromkeys((engine.client, "/usr/bin/docker")):
        if Path(client).exists() and client_builds(client):
            return Engine(client, engine.host, engine.private)
    raise LabError("the docker client cannot build with BuildKit", "install the docker-buildx plugin")


def client_builds(client: str) -> bool:
    if attempt_command([client, "buildx", "version"]).returncode == 0:
        return True
    version = attempt_command([client, "--version"]).stdout.decode().removeprefix("Docker version ")
    major = version.split(".")[0]
    return major.isdigit() and int(major) < 23


def install_engine() -> None:
    """Install what a private engine needs, unless it is there."""
    if all(map(is_installed, PACKAGES)):
        return
    with step(f"installing {', '.join(PACKAGES)} from this machine's package sources"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
        run([*apt, "update"], limit=180, env=env)
        more = [name for name in WHERE_THEY_EXIST if attempt_command(["apt-cache", "show", name]).returncode == 0]
        run([*apt, "install", "-y", "--no-install-recommends", *PACKAGES, *more], limit=400, env=env, hint=INSTALL)


def is_installed(package: str) -> bool:
    process = attempt_command(["dpkg-query", "-W", "-f", "${Status}", package])
    return process.stdout.strip().endswith(b"ok installed")


def start_engine() -> Engine:
    """Start the private engine and wait until it answers."""
    for directory in (RUN, CACHE):
        directory.mkdir(parents=True, exist_ok=True)
    forget_the_dead()
    with step("starting a private Docker engine"), LOG.open("wb") as log:
        process = subprocess.Popen(
            daemon_command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        wait_until(lambda: process.poll() is not None or find_private(), "the private Docker engine", limit=60)
    engine = find_private()
    if engine is None:
        raise LabError(f"the private Docker engine stopped at once: {last_words(LOG)}", f"read {LOG}")
    return engine


def find_private() -> Engine | None:
    engine = find_engine() if SOCKET.exists() else None
    return engine if engine and engine.private else None


def daemon_command() -> Sequence[str]:
    program = shutil.which("dockerd") or "/usr/sbin/dockerd"
    return [
        program, f"--data-root={DATA_ROOT}", f"--exec-root={EXEC_ROOT}", f"--host=unix://{SOCKET}",
        f"--pidfile={PIDFILE}", f"--containerd-namespace={NETWORK}",
        f"--containerd-plugins-namespace={NETWORK}-plugins",
        "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--log-level=warn",
        "--shutdown-timeout=3",
    ]  # fmt: skip


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def read_pid(file: Path = PIDFILE) -> int | None:
    """The process whose number is in the file, if it is alive and one of the private engine's."""
    try:
        number = int(file.read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return number if str(RUN).encode() in command else None


def forget_the_dead() -> None:
    """Remove the pid files of an engine that was killed: a new one takes zombies and strangers for itself."""
    for file in (PIDFILE, CONTAINERD_PIDFILE):
        if read_pid(file) is None:
            file.unlink(missing_ok=True)


def stop_engine() -> None:
    """Stop the private engine, and take what it left in /run and among the mounts."""
    if number := read_pid():
        os.kill(number, signal.SIGTERM)
        wait_until(lambda: read_pid() is None, "the private Docker engine to stop", limit=30, every=0.05)
    for mount in reversed(mounts_below(RUN, DATA_ROOT)):
        attempt_command(["umount", "--lazy", mount])
    shutil.rmtree(RUN, ignore_errors=True)


def left_behind() -> bool:
    """Whether a private engine ran and was not stopped: killed, or lost with its session."""
    return EXEC_ROOT.exists()


def mounts_below(*places: Path) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if any(Path(point).is_relative_to(path) for path in places)]


def owner_of_engine(engine: Engine) -> str | None:
    """The clone whose lab runs on this engine, if any; machines that are all off (killed, rebooted) are nobody's."""
    listed = engine.ask("ps", "--filter", f"label={LABEL}", "--format", f'{{{{.Label "{CLONE_LABEL}"}}}}')
    return next(filter(None, listed.split("\n")), None)


def describe_engine(engine: Engine) -> None:
    kind = "private engine" if engine.private else "engine of this machine"
    say(f"{kind}: DOCKER_HOST={engine.host or os.environ.get('DOCKER_HOST', 'as set')} {engine.client}")
