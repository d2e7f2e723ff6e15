"""The rules about an engine's settings: what keeps containers apart, what is sound, who is asked, where logs go."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.docker.seccomp_profiles import ALLOWS, NO_FILTER
from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.rules.parts import (
    Checks,
    judge_parts,
    security_option,
    value_of,
    values_of,
)
from fleetkeeper.topics.engine.rules.upkeep import version_numbers
from fleetkeeper.transport.commands import Unobservable

RESTART = "in daemon.json, and a restart of the engine: it stops every container of the node"
ENGINE_PROFILES = ("builtin", "default")
"""The engine's own seccomp profile: its name from 23 on, and before."""


def keeps_containers_apart(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """The engine keeps containers from each other and from the node, by default.

    By what `docker info` and the network `bridge` say: no traffic between containers on the default bridge, users of
    containers that are not the node's (level 2), no new privileges, a seccomp profile that denies what it does not
    name, and is the engine's own or the one that is meant (level 2), and no root where `benchmark: {rootless: true}`
    asks for that outside a swarm. Without a seccomp profile, or with one that allows, is an error, the rest are
    warnings.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 2.1, 2.2, 2.10, 2.15, 2.18 and 5.22
    (1.6: 2.1, 2.2, 2.9, 2.14, 2.17, 5.22).
    """
    return judge_parts(fleet, subject, APART)


def runs_without_root(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the inventory asks for a rootless engine, and this one is none."""
    if security_option(facts, "rootless") is not None:
        return
    if facts.info.in_swarm:
        raise NotApplicable("a rootless engine has no networks between nodes, which a swarm needs")
    if not policy.rootless:
        raise NotApplicable("a rootless engine is not asked for (`benchmark: {rootless: true}`)")
    yield Wrong("the engine runs as root", "a rootless engine", "a hole in it gives an attacker the node")


def default_bridge(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where containers on the default bridge may talk to each other."""
    talking = raise_if_unobservable(facts.bridge_icc)
    if talking is None:
        raise NotApplicable("there is no default bridge")
    if talking:
        why = "what is started without a network of its own shares one with all others of its kind"
        saw = "containers on the default bridge may talk to each other"
        yield Wrong(saw, "no traffic between them", why, f'`"icc": false` {RESTART}')


def users_are_mapped(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where root of a container is root of the node."""
    if security_option(facts, "userns") is None and security_option(facts, "rootless") is None:
        yield Wrong(
            "users of containers are users of the node",
            "user namespaces",
            "root in a container is root on the node",
            "decide this with care: `userns-remap` hides all images, containers and volumes that are there",
        )


def no_new_privileges_by_default(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where a program in a container may gain privileges by default.

    By what the engine says of itself; one before 24 does not say it (moby#45320), and then its settings count. Raises
    Unobservable where those, or the version, were not seen.
    """
    denied = security_option(facts, "no-new-privileges") is not None
    if not denied and value_of(facts, "no-new-privileges") == "true":
        denied = version_numbers(facts.info.version) < (24,)
    if not denied:
        saw = "new containers may gain privileges"
        why = "a set-uid program in an image makes root of any user"
        yield Wrong(saw, "no new privileges by default", why, f'`"no-new-privileges": true` {RESTART}')


def seccomp_by_default(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where containers have no seccomp profile by default: one that allows what it does not name is none.

    Raises Unobservable where the text of a file was not seen.
    """
    profile = profile_of_engine(facts)
    why = "it keeps containers from system calls that they do not need"
    if profile in ("", "unconfined"):
        yield Wrong("containers have no seccomp profile by default", "a seccomp profile", why, severity="error")
    elif profile not in ENGINE_PROFILES and default_of_profile(facts) in (*ALLOWS, NO_FILTER):
        saw = f"containers have the seccomp profile {profile}, which allows what it does not name"
        yield Wrong(saw, "a profile that denies what it does not name", why, severity="error")


def default_of_profile(facts: Facts) -> str:
    """What the engine's seccomp profile, a file, does by default. Raises Unobservable where that was not seen.

    A path that is not absolute is relative to where dockerd was started, and is not read.
    """
    action = raise_if_unobservable(facts.seccomp_default)
    if action is None:
        hint = "name it by its whole path in the engine's settings"
        raise Unobservable("what the engine's seccomp profile does by default was not looked for", hint)
    return action


def profile_of_engine(facts: Facts) -> str:
    """The seccomp profile that the engine gives containers: its name or its file; empty without one."""
    return (security_option(facts, "seccomp") or {}).get("profile", "")


def seccomp_profile(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where containers have no seccomp profile by default, or another one than is meant.

    Raises Unobservable as `seccomp_by_default`.
    """
    profile = profile_of_engine(facts)
    why = "it keeps containers from system calls that they do not need"
    if lacking := list(seccomp_by_default(facts, policy)):
        yield from lacking
    elif policy.seccomp_profile and profile != policy.seccomp_profile:
        yield Wrong(f"containers have the seccomp profile {profile}", policy.seccomp_profile, why)
    elif not policy.seccomp_profile and profile not in ENGINE_PROFILES:
        want = "the engine's own, or the one that `benchmark: {seccomp_profile: …}` names"
        yield Wrong(f"containers have the seccomp profile {profile}", want, why)


APART: Checks = {
    "2.1": runs_without_root,
    "2.2": default_bridge,
    "2.10": users_are_mapped,
    "2.15": no_new_privileges_by_default,
    "2.18": seccomp_profile,
    "5.22": seccomp_by_default,
}


def is_set_up_soundly(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """The engine's settings are sound: level of its log, packet filter, registries, drivers, limits, proxy, restarts.

    Where `docker info` says what is in force, that counts; else the command line of the dockerd that runs, and the file
    that it reads. Unknown where that file is no JSON, has a key twice, or was changed after the engine started. That
    images come without TLS, or that the engine may not write the packet filter, is an error, the rest are warnings.
    Live restore does not apply in a swarm: there the engine would not start with it.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 2.3 to 2.7, 2.9, 2.11, 2.12, 2.16, 2.17
    and 2.19 (from 2.8 on one lower in 1.6, which lacks 2.7).
    """
    return judge_parts(fleet, subject, SOUND)


def log_level(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the engine logs more or less than at level info."""
    level = "debug" if facts.info.debug else value_of(facts, "log-level", "info")
    if level != "info":
        why = "debug fills the disk" if level == "debug" else "less hides what happened"
        yield Wrong(f"the engine logs at level {level}", "level info", why, f'`"log-level": "info"` {RESTART}')


def packet_filter(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the engine may not write the node's packet filter."""
    if value_of(facts, "iptables", "true") == "false":
        yield Wrong(
            "the engine may not write the packet filter",
            "`iptables` left as it is",
            "no container is kept from another, and published ports do not do what they say",
            "whoever switched it off has a firewall of his own: ask first",
            "error",
        )


def insecure_registries(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where registries are used without TLS."""
    if facts.info.insecure:
        saw = f"images of {', '.join(sorted(facts.info.insecure))} are taken without TLS"
        why = "whoever is between the node and the registry gives it any image"
        yield Wrong(saw, "no insecure registries", why, severity="error")


def driver_is_not_aufs(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the storage driver is aufs."""
    if facts.info.storage == "aufs":
        yield Wrong("the storage driver is aufs", "overlay2 or containerd's", "nobody maintains it any more")


def driver_is_not_devicemapper(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the storage driver is devicemapper."""
    if facts.info.storage == "devicemapper":
        yield Wrong("the storage driver is devicemapper", "overlay2 or containerd's", "nobody maintains it any more")


def default_limits(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where limits that the inventory asks for are not set for every container."""
    if policy.default_ulimits is None:
        raise NotApplicable("no default limits are asked for (`benchmark: {default_ulimits: […]}`)")
    names = {*values_of(facts, "default-ulimit"), *values_of(facts, "default-ulimits")}
    lacking = [name for name in policy.default_ulimits if name not in names]
    if lacking:
        yield Wrong(f"no default limit of {', '.join(lacking)} is set", "the limits that the inventory names")


def control_group(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where containers start in another control group than is expected."""
    parent = value_of(facts, "cgroup-parent")
    if parent != (policy.cgroup_parent or ""):
        want = policy.cgroup_parent or "the engine's own, or `benchmark: {cgroup_parent: …}`"
        yield Wrong(f"containers start in the control group {parent or 'of the engine itself'}", want)


def base_size(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the base size of containers is set."""
    if facts.info.storage != "devicemapper":
        raise NotApplicable("only devicemapper has a base size")
    if "dm.basesize" in values_of(facts, "storage-opt"):
        yield Wrong("the base size of containers is set", "the driver's own size")


def live_restore(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where containers stop when the engine restarts."""
    if facts.info.in_swarm:
        raise NotApplicable("in a swarm the engine does not start with live restore")
    if not facts.info.live_restore:
        hint = '`"live-restore": true` in daemon.json, and `systemctl reload docker`'
        yield Wrong("containers stop when the engine restarts", "live restore", "an upgrade stops them all", hint)


def userland_proxy(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the userland proxy is on."""
    if value_of(facts, "userland-proxy", "true") != "false":
        why = "a process of root for each published port, where the kernel does the same"
        yield Wrong("the userland proxy is on", "no userland proxy", why, f'`"userland-proxy": false` {RESTART}')


def experimental_features(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where experimental features are on."""
    if facts.info.experimental:
        yield Wrong("experimental features are on", "none", "nobody promises anything about them")


SOUND: Checks = {
    "2.3": log_level,
    "2.4": packet_filter,
    "2.5": insecure_registries,
    "2.6": driver_is_not_aufs,
    "2.7": driver_is_not_devicemapper,
    "2.9": default_limits,
    "2.11": control_group,
    "2.12": base_size,
    "2.16": live_restore,
    "2.17": userland_proxy,
    "2.19": experimental_features,
}


def asks_and_logs(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Something decides what may be asked of the engine, and what containers log leaves the node.

    Both are of level 2. By the authorization plugins and the log driver of `docker info`; which drivers are central is
    said by `benchmark: {central_logs: […]}`, else those of Docker that send logs away. Warnings, unless enforced.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 2.13 and 2.14 (1.6: 2.12 and 2.13).
    """
    return judge_parts(fleet, subject, ASKING)


def authorization_plugin(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where nothing decides which requests to the engine are allowed."""
    if not facts.info.authorization:
        why = "whoever reaches it may do everything"
        yield Wrong("nothing decides what may be asked of the engine", "an authorization plugin", why)


def central_logs(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where what containers log stays on the node."""
    if facts.info.logging not in policy.central_logs:
        why = "whoever breaks into a node removes what is only there"
        saw = f"what containers log stays on the node (driver {facts.info.logging or 'unknown'})"
        yield Wrong(saw, f"one of {', '.join(policy.central_logs)}", why)


ASKING: Checks = {"2.13": authorization_plugin, "2.14": central_logs}
