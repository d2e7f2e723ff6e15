"""The ways out of a container through filters that are switched off: seccomp, AppArmor, SELinux, no new privileges."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.looking.fleet import raise_if_unobservable
from fleetkeeper.readers.docker.seccomp_profiles import WORDS, lets_all_pass, split_option
from fleetkeeper.topics.containers.facts import Container, Settings
from fleetkeeper.topics.containers.rules.escapes import Escape
from fleetkeeper.transport.commands import Unobservable

ENGINE_DEFAULT = '`"no-new-privileges": true` in the engine\'s daemon.json (a swarm ignores `security_opt`)'
"""`docker stack deploy` drops that option, and `docker service` has none for it; new tasks get the engine's default."""


def filter_paths(container: Container) -> Iterator[Escape]:
    """An escape for each filter (seccomp, AppArmor, SELinux, Docker's own of /proc and /sys) that was switched off.

    Docker itself drops SELinux's label where a namespace of the node is shared: that is none. What the engine gives it
    counts, whatever its options are, and what the kernel does with its processes. Raises Unobservable, after those that
    were seen, where a profile of seccomp cannot be read.
    """
    yield from kernel_filters(container)
    shared = "host" in (container.isolation.pid, container.isolation.ipc) or container.isolation.privileged
    for kind, value in map(split_option, container.isolation.security_opt):
        if value == "unconfined" and kind in ("seccomp", "apparmor"):
            cis = "5.22" if kind == "seccomp" else "5.2"
            yield Escape(cis, f"runs without {kind}'s filter", f"{kind}'s default profile")
        elif kind == "systempaths" and value == "unconfined":
            saw = "can write the node's settings below /proc/sys, which Docker keeps read-only"
            yield Escape(
                "5.5", saw, "without `systempaths=unconfined`", why="one of them names a program for the node to run"
            )
        elif kind == "label" and value == "disable" and not shared:
            yield Escape("5.3", "runs without SELinux's label", "SELinux's default label")
    yield from loose_profiles(container)


def loose_profiles(container: Container) -> Iterator[Escape]:
    """An escape for a profile of seccomp that was given by file and allows all that it does not name.

    The client sends the text of such a file, and `docker inspect` shows it. Raises Unobservable where that is no JSON.
    """
    for kind, profile in map(split_option, container.isolation.security_opt):
        if kind == "seccomp" and profile not in WORDS and lets_all_pass(profile):
            yield Escape("5.22", "has a seccomp profile that allows what it does not name", "seccomp's default profile")


def kernel_filters(container: Container) -> Iterator[Escape]:
    """An escape for each filter that the kernel does not apply to a process, although no option switches it off.

    A kernel that is built without seccomp shows no mode of it (proc(5)). A look of before that was kept has none, and
    no capabilities either.
    """
    options = {option.replace("=", ":") for option in container.isolation.security_opt}
    settings = container.settings or Settings()
    processes = () if isinstance(container.processes, Unobservable) else container.processes
    own = [process for process in processes if not process.entered]
    if "seccomp:unconfined" not in options and any(process.seccomp == 0 for process in own):
        yield Escape("5.22", "runs without seccomp's filter, by the kernel", "seccomp's default profile")
    elif any(process.seccomp is None and process.bounding is not None for process in own):
        yield Escape("5.22", "runs on a kernel that has no seccomp", "a kernel with seccomp (CONFIG_SECCOMP)")
    if settings.apparmor and "apparmor:unconfined" not in options:
        loose = settings.apparmor == "unconfined" or any(
            process.confined == "unconfined" or process.confined.endswith("(complain)") for process in own
        )
        if loose:
            yield Escape("5.2", "is not confined by apparmor's filter", "apparmor's default profile, enforced")
    if ":spc_t:" in settings.selinux or ":unconfined_t:" in settings.selinux:
        yield Escape(
            "5.3", f"runs with SELinux's label {settings.selinux}, which allows everything", "its default label"
        )


def no_new_privileges(container: Container) -> Iterator[Escape]:
    """A warning where a process of its own lacks the kernel's flag; where nothing runs, where the option is missing.

    Raises Unobservable when the processes could not be seen.
    """
    kernel = [
        process.no_new_privileges for process in raise_if_unobservable(container.processes) if not process.entered
    ]
    question = any(
        o.replace("=", ":") in ("no-new-privileges", "no-new-privileges:true") for o in container.isolation.security_opt
    )
    set_ = all(item if item is not None else question for item in kernel) if kernel else question
    if not set_:
        yield Escape(
            "5.26",
            "may gain privileges through set-uid programs",
            ENGINE_DEFAULT if container.swarm_service else "`security_opt: [no-new-privileges:true]`",
            "warning",
            "whoever gets into a process of it can become root inside, with one careless set-uid file",
        )
