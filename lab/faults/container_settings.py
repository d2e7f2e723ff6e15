"""Containers that are set up as the CIS Docker Benchmark warns against, each in one way and sound in all others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from lab import nodes
from lab.engine import Engine
from lab.faults.fault import Fault
from lab.names import DATA, image_tag
from lab.shell import load_script

Options = Mapping[str, str | None]
NETWORK = "lab-bench"
SOUND: Options = {
    "user": "33", "network": "none", "memory": "64m", "cpus": "0.1", "pids-limit": "50", "read-only": "true",
    "health-cmd": "true",
}  # fmt: skip
"""The options of `docker run` that each of these containers has, but for what it is unsound in."""
WAITS = ("sleep", "86400")
SSHD = ("sh", "-c", "cp /bin/sleep /tmp/sshd && exec /tmp/sshd 86400")
"""A process of that name; what it does is not looked at."""


@dataclass(frozen=True)
class UnsoundContainer:
    """What a container is unsound in: options of `docker run` over those of `SOUND` (None takes one away); its command.

    `numbers` are those of edition 1.8 that it breaks.
    """

    description: str
    numbers: tuple[str, ...]
    options: Options
    command: tuple[str, ...] = WAITS


UNSOUND = {
    "privileged": UnsoundContainer("is privileged", ("5.5", "5.22"), {"privileged": "true"}),
    "holds-socket": UnsoundContainer(
        "holds the engine's socket", ("5.32",), {"volume": "/run/docker.sock:/run/docker.sock"}
    ),
    "host-network": UnsoundContainer("has the node's network", ("5.10",), {"network": "host"}),
    "host-processes": UnsoundContainer("sees the node's processes", ("5.16",), {"pid": "host"}),
    "host-memory": UnsoundContainer("shares the node's memory", ("5.17",), {"ipc": "host"}),
    "host-name": UnsoundContainer("shares the node's host name", ("5.21",), {"uts": "host"}),
    "system-directory": UnsoundContainer("has the node's /etc", ("5.6",), {"volume": "/etc:/mnt"}),
    "device": UnsoundContainer("has a device of the node", ("5.18",), {"device": "/dev/vdlab"}),
    "spreading-mount": UnsoundContainer(
        "has a mount that spreads onto the node", ("5.20",), {"volume": "/srv/lab-shared:/mnt:shared"}
    ),
    "unconfined": UnsoundContainer("has no seccomp profile", ("5.22",), {"security-opt": "seccomp=unconfined"}),
    "capability": UnsoundContainer("may have a capability that amounts to root", ("5.4",), {"cap-add": "SYS_ADMIN"}),
    "gains-privileges": UnsoundContainer(
        "may gain privileges", ("5.26",), {"security-opt": "no-new-privileges=false"}
    ),
    "without-limits": UnsoundContainer(
        "has no limit of memory, processes or CPU", ("5.11", "5.12", "5.29"),
        {"memory": None, "cpus": None, "pids-limit": None},
    ),
    "without-health-check": UnsoundContainer("has no health check", ("4.6", "5.27"), {"health-cmd": None}),
    "changes-itself": UnsoundContainer("can change its own files", ("5.13",), {"read-only": None}),
    "runs-sshd": UnsoundContainer("runs a server of SSH", ("5.7",), {"tmpfs": "/tmp:exec"}, SSHD),  # noqa: S108 - inside
    "low-port": UnsoundContainer(
        "publishes a port of the node below 1024", ("5.8",), {"network": NETWORK, "publish": "127.0.0.1:81:81"}
    ),
    "open-port": UnsoundContainer(
        "publishes a port on all addresses of the node", ("5.14",), {"network": NETWORK, "publish": "8099:8099"}
    ),
    "default-bridge": UnsoundContainer("is on the default bridge", ("5.30",), {"network": "bridge"}),
    "other-group": UnsoundContainer("runs in another control group", ("5.25",), {"cgroup-parent": "/lab-odd"}),
    "own-limits": UnsoundContainer("overrides the default limits", ("5.19",), {"ulimit": "nofile=512:512"}),
    "restarts-for-ever": UnsoundContainer("is started again without end", ("5.15",), {"restart": "always"}),
}  # fmt: skip


def run_words(name: str, unsound: UnsoundContainer) -> list[str]:
    """The words after `docker run` for a container, its name first."""
    options = {key: value for key, value in {**SOUND, **unsound.options}.items() if value is not None}
    return [name, *(f"--{key}={value}" for key, value in options.items()), image_tag("web"), *unsound.command]


def start_container(name: str, unsound: UnsoundContainer, engine: Engine) -> None:
    words = ("sh", "-c", load_script("start_unsound_container.sh"), "sh", NETWORK, *run_words(name, unsound))
    nodes.run_on(engine, DATA, *words)


def remove_container(name: str, engine: Engine) -> None:
    nodes.run_on(engine, DATA, "sh", "-c", load_script("remove_odd_container.sh"), "sh", NETWORK, name)


def container_faults() -> dict[str, Fault]:
    """A fault for each unsound container, by its name."""
    break_: Callable[[Engine], None]
    faults = {}
    for name, unsound in UNSOUND.items():
        break_, mend = partial(start_container, f"lab-{name}", unsound), partial(remove_container, f"lab-{name}")
        faults[f"container-{name}"] = Fault(
            f"On `data` runs a container that {unsound.description}.", break_, mend, unsound.numbers
        )
    return faults
