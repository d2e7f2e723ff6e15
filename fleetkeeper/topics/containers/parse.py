"""Facts from the output of `docker inspect`.

Fields come and go between engines 20.10 and 29: a missing one is empty. Of the environment, of arguments and of foreign
labels only names are kept, and only those that speak of jobs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from fleetkeeper.readers.docker.inspection import has_healthcheck
from fleetkeeper.readers.docker.labels import COMPOSE_HASH
from fleetkeeper.readers.docker.own_jobs import jobs_of_container
from fleetkeeper.readers.docker.seccomp_profiles import without_rules
from fleetkeeper.readers.json_documents import Json, flag_in, json_document, part, parts, text_in, texts
from fleetkeeper.readers.numbers import number_in, whole_number
from fleetkeeper.readers.run_digests import run_key, text_digest
from fleetkeeper.topics.containers.facts import DRILL, Container, Isolation, Mount, Port, Settings
from fleetkeeper.transport.commands import Unobservable

KEPT = ("com.docker.", DRILL)
LEAST = -(1 << 31)
HIGHEST = 65535
"""The highest port."""


def parse_containers(printed: str) -> tuple[Container, ...]:
    """The containers that `docker inspect` printed. Raises Unobservable when it printed no list of containers.

    >>> parse_containers('[{"Id": "4f", "Name": "/db", "State": {"Status": "exited", "ExitCode": 1}}]')[0].exit_code
    1
    """
    inspected = json_document(printed, "`docker inspect`")
    if not isinstance(inspected, list) or not all(isinstance(item, dict) and item.get("Id") for item in inspected):
        raise Unobservable("`docker inspect` printed no list of containers")
    return tuple(parse_container(item) for item in inspected)


def parse_container(inspected: Json) -> Container:
    """One container, from its object in the output of `docker inspect`. Its `processes` are not filled in here.

    Raises Unobservable for a field of the wrong kind.

    >>> inspected = {"Id": "4f", "Name": "/db", "Config": {"User": "0:0"}, "State": {"Status": "paused", "Pid": 7}}
    >>> parse_container(inspected).user
    '0:0'
    """
    state, config = part(inspected, "State"), part(inspected, "Config")
    labels = part(config, "Labels")
    return Container(
        id=text_in(inspected, "Id"),
        name=text_in(inspected, "Name").lstrip("/"),
        image=text_in(config, "Image"),
        image_id=text_in(inspected, "Image"),
        labels=kept_labels(labels),
        state=parse_status(state),
        health=parse_health(state),
        restarts=number_in(inspected, "RestartCount"),
        exit_code=number_in(state, "ExitCode", least=LEAST),
        started_at=text_in(state, "StartedAt"),
        user=text_in(config, "User"),
        pid=number_in(state, "Pid"),
        has_healthcheck=has_healthcheck(config),
        patience=health_check_patience(part(config, "Healthcheck")) if has_healthcheck(config) else 0.0,
        mounts=tuple(parse_mount(item) for item in parts(inspected, "Mounts")),
        ports=parse_ports(inspected),
        isolation=replace(parse_isolation(part(inspected, "HostConfig")), engine_maps=is_mapped(inspected)),
        jobs=jobs_of_container(inspected),
        settings=parse_settings(inspected),
        restart=restart_policy(part(part(inspected, "HostConfig"), "RestartPolicy")),
    )


def kept_labels(labels: Json) -> dict[str, str]:
    """The labels of Docker itself and of drills, Compose's hash of a container's settings as a digest of this run.

    Raises Unobservable for a label that is no text.
    """
    kept = {key: text_in(labels, key) for key in labels if key.startswith(KEPT)}
    if COMPOSE_HASH in kept:
        kept[COMPOSE_HASH] = text_digest(kept[COMPOSE_HASH], run_key())
    return kept


def restart_policy(policy: Json) -> str:
    """A restart policy in words, with its number of attempts; "no" without one.

    Raises Unobservable for a field of the wrong kind.

    >>> restart_policy({"Name": "on-failure", "MaximumRetryCount": 3}), restart_policy({"Name": "", "Maximum": 0})
    ('on-failure:3', 'no')
    """
    attempts = number_in(policy, "MaximumRetryCount")
    name = text_in(policy, "Name", "no")
    return f"{name}:{attempts}" if attempts and name == "on-failure" else name


def parse_status(state: Json) -> str:
    """Docker's state of a container; derived from the flags where an engine leaves it out.

    Raises Unobservable for a field of the wrong kind.

    >>> parse_status({"Status": "restarting", "Running": True}), parse_status({"Running": True}), parse_status({})
    ('restarting', 'running', 'exited')
    """
    flags = ("Dead", "Restarting", "Paused", "Running")
    return text_in(state, "Status") or next((flag.lower() for flag in flags if flag_in(state, flag)), "exited")


def parse_health(state: Json) -> str:
    """The state of the health check; empty without one: engines leave it out or write "none".

    Raises Unobservable for a field of the wrong kind.
    """
    text = text_in(part(state, "Health"), "Status")
    return "" if text == "none" else text


def health_check_patience(check: Json) -> float:
    """Seconds from a start until a health check has finally failed; the engine counts in nanoseconds.

    Raises Unobservable for a number that is none.

    >>> health_check_patience({"Interval": 2e9, "Timeout": 3e9, "Retries": 3, "StartPeriod": 60e9})
    75.0
    >>> health_check_patience({})
    180.0

    What is left out is Docker's own: every 30 s, at most 30 s long, three times.
    """
    interval, timeout = (float(number_in(check, key) or 30e9) / 1e9 for key in ("Interval", "Timeout"))
    return number_in(check, "StartPeriod") / 1e9 + (number_in(check, "Retries") or 3) * (interval + timeout)


def parse_mount(inspected: Json) -> Mount:
    """One mount, from its object in the output of `docker inspect`.

    Raises Unobservable for a field of the wrong kind.
    """
    return Mount(
        type=text_in(inspected, "Type") or ("volume" if inspected.get("Name") else "bind"),
        source=text_in(inspected, "Source"),
        destination=text_in(inspected, "Destination"),
        name=text_in(inspected, "Name"),
        driver=text_in(inspected, "Driver"),
        rw=flag_in(inspected, "RW", default=True),
        propagation=text_in(inspected, "Propagation"),
    )


def parse_ports(inspected: Json) -> tuple[Port, ...]:
    """Exposed and published ports. Ports that are really published replace those that are only configured.

    A key that is no port is left out. One for each binding. Raises Unobservable for a field of the wrong kind.
    """
    published = dict(part(part(inspected, "HostConfig"), "PortBindings"))
    published.update({k: v for k, v in part(part(inspected, "NetworkSettings"), "Ports").items() if v})
    exposed = dict.fromkeys(part(part(inspected, "Config"), "ExposedPorts"))
    return tuple(p for key, bindings in {**exposed, **published}.items() for p in parse_port(key, bindings))


def parse_port(key: str, bindings: object) -> list[Port]:
    """One port (`443/tcp`) with each of its bindings, or without one. Empty for a key that is no port.

    `host` is None where it is not published. Raises Unobservable for a field of the wrong kind.

    >>> parse_port("443/tcp", [{"HostIp": "", "HostPort": "8443"}])
    [Port(container=443, protocol='tcp', host_ip='', host=8443, chosen=False)]
    >>> parse_port("53/udp", None)
    [Port(container=53, protocol='udp', host_ip='', host=None, chosen=False)]
    """
    number, _, protocol = key.partition("/")
    if not number.isascii() or not number.isdigit():
        return []
    bound = parts({key: bindings}, key)
    inside = whole_number(number, most=HIGHEST)
    hosts = [(text_in(item, "HostIp"), host_port(item)) for item in bound]
    return [Port(inside, protocol or "tcp", address, host, chosen=host is None) for address, host in hosts] or [
        Port(inside, protocol or "tcp")
    ]


def host_port(binding: Json) -> int | None:
    """The port of the node; None where it is left to the engine (empty, or a range to choose from).

    Raises Unobservable for a number above 65535, or a field that is no text.

    >>> host_port({"HostPort": "8443"}), host_port({"HostPort": "8000-8010"}), host_port({})
    (8443, None, None)
    """
    written = text_in(binding, "HostPort")
    return number_in(binding, "HostPort", most=HIGHEST) or None if written.isascii() and written.isdigit() else None


PATHS = ("ResolvConfPath", "HostnamePath", "HostsPath", "LogPath")
REMAPPED_ROOT = re.compile(r"/[0-9]{1,10}\.[0-9]{1,10}/(?:containers|overlay2|fuse-overlayfs|btrfs|zfs|vfs|aufs)/")
"""An engine with `userns-remap` keeps all it has in a directory of its own, called UID.GID (dockerd(8))."""


def is_mapped(inspected: Json) -> bool:
    """Whether the container's engine maps users, by the places where it keeps its containers' files.

    Raises Unobservable for a field of the wrong kind.

    >>> is_mapped({"ResolvConfPath": "/var/lib/docker/165536.165536/containers/4f/resolv.conf"}), is_mapped({})
    (True, False)
    """
    layers = part(part(inspected, "GraphDriver"), "Data")
    places = [*(text_in(inspected, key) for key in PATHS), *(text_in(layers, key) for key in layers)]
    return any(REMAPPED_ROOT.search(place) for place in places)


def system_paths(host: Json) -> tuple[str, ...]:
    """The option `systempaths=unconfined`, if a container was started with it, from HostConfig.

    Docker's client sends it as an empty list of read-only paths (docker/cli, cli/command/container/opts.go); a
    container without it has Docker's own list there, and a privileged one none at all.

    >>> system_paths({"ReadonlyPaths": []}), system_paths({"ReadonlyPaths": ["/proc/sys"]}), system_paths({})
    (('systempaths=unconfined',), (), ())
    """
    return ("systempaths=unconfined",) if host.get("ReadonlyPaths") == [] and not flag_in(host, "Privileged") else ()


def parse_isolation(host: Json) -> Isolation:
    """The isolation of a container, from HostConfig; `engine_maps` is not filled in here.

    Raises Unobservable for a field of the wrong kind.
    """
    return Isolation(
        privileged=flag_in(host, "Privileged"),
        cap_add=parse_capabilities(texts(host, "CapAdd")),
        cap_drop=parse_capabilities(texts(host, "CapDrop")),
        security_opt=(*map(without_rules, texts(host, "SecurityOpt")), *system_paths(host)),
        devices=tuple(text_in(item, "PathOnHost") for item in parts(host, "Devices")),
        device_rules=texts(host, "DeviceCgroupRules"),
        network=text_in(host, "NetworkMode"),
        pid=text_in(host, "PidMode"),
        ipc=text_in(host, "IpcMode"),
        uts=text_in(host, "UTSMode"),
        userns=text_in(host, "UsernsMode"),
        cgroupns=text_in(host, "CgroupnsMode"),
    )


def parse_settings(inspected: Json) -> Settings:
    """What else a container was made with. Raises Unobservable for a field of the wrong kind.

    >>> parse_settings({"HostConfig": {"NanoCpus": 500000000, "PidsLimit": -1, "Ulimits": [{"Name": "nofile"}]}})
    Settings(read_only=False, memory=0, cpu=True, processes=0, ulimits=('nofile',), cgroup_parent='', restart='', \
attempts=0, networks=(), requested=(), apparmor='', selinux='')
    """
    host, networks = part(inspected, "HostConfig"), part(part(inspected, "NetworkSettings"), "Networks")
    restart = part(host, "RestartPolicy")
    return Settings(
        read_only=flag_in(host, "ReadonlyRootfs"),
        memory=number_in(host, "Memory"),
        cpu=has_cpu_share(host),
        processes=max(0, number_in(host, "PidsLimit", least=LEAST)),
        ulimits=tuple(text_in(item, "Name") for item in parts(host, "Ulimits")),
        cgroup_parent=text_in(host, "CgroupParent"),
        restart=text_in(restart, "Name"),
        attempts=number_in(restart, "MaximumRetryCount"),
        networks=tuple(networks),
        requested=tuple(text_in(item, "Driver", "device") for item in parts(host, "DeviceRequests")),
        apparmor=text_in(inspected, "AppArmorProfile"),
        selinux=text_in(inspected, "ProcessLabel"),
    )


DEFAULT_SHARES = 1024


def has_cpu_share(host: Json) -> bool:
    """Whether a container has any share or limit of the CPU: weights other than Docker's own, quotas, sets of CPUs.

    Raises Unobservable for a field of the wrong kind.

    >>> [has_cpu_share(host) for host in ({"CpuShares": 1024}, {"CpuShares": 512}, {"CpusetCpus": "0-3"}, {})]
    [False, True, True, False]
    """
    quotas = (number_in(host, key, least=LEAST) > 0 for key in ("NanoCpus", "CpuQuota", "CpuCount", "CpuPercent"))
    shares = number_in(host, "CpuShares")
    return any(quotas) or shares not in (0, DEFAULT_SHARES) or bool(text_in(host, "CpusetCpus"))


def parse_capabilities(written: Iterable[str]) -> tuple[str, ...]:
    """Capabilities in one spelling: upper case, without CAP_. Compose files write sys_admin, engines CAP_SYS_ADMIN.

    >>> parse_capabilities(["sys_admin", "CAP_CHOWN"])
    ('SYS_ADMIN', 'CHOWN')
    """
    return tuple(item.upper().removeprefix("CAP_") for item in written)
