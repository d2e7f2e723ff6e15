"""What `docker inspect` printed, as facts.

Fields come and go between engines 20.10 and 29: a missing one is empty. Environment, arguments and foreign labels are
never looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fleet.commands import Unobservable
from fleet.topics.containers.facts import DRILL, Container, Isolation, Mount, Port

Json = Mapping[str, Any]
KEPT = ("com.docker.", DRILL)


def containers(printed: str) -> tuple[Container, ...]:
    """The containers that `docker inspect` printed.

    >>> containers('[{"Id": "4f", "Name": "/db", "State": {"Status": "exited", "ExitCode": 1}}]')[0].exit_code
    1
    """
    try:
        inspected = json.loads(printed)
    except ValueError as odd:
        raise Unobservable(f"`docker inspect` printed something that is not JSON: {odd}") from None
    if not isinstance(inspected, list) or not all(isinstance(one, dict) and one.get("Id") for one in inspected):
        raise Unobservable("`docker inspect` printed no list of containers")
    return tuple(container(one) for one in inspected)


def part(of: Json, key: str) -> Json:
    """A nested object, or an empty one where the engine leaves it out or says null."""
    found = of.get(key)
    return found if isinstance(found, Mapping) else {}


def listed(of: Json, key: str) -> list[Any]:
    found = of.get(key)
    return found if isinstance(found, list) else []


def container(inspected: Json) -> Container:
    """One container, as `docker inspect` of any engine shows it.

    >>> container({"Id": "4f", "Name": "/db", "Config": {"User": "0:0"}, "State": {"Status": "paused", "Pid": 7}}).user
    '0:0'
    """
    state, config = part(inspected, "State"), part(inspected, "Config")
    return Container(
        id=str(inspected["Id"]),
        name=str(inspected.get("Name") or "").lstrip("/"),
        image=str(config.get("Image") or ""),
        image_id=str(inspected.get("Image") or ""),
        labels={k: str(v) for k, v in part(config, "Labels").items() if k.startswith(KEPT)},
        state=status(state),
        health=health(state),
        restarts=int(inspected.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        started_at=str(state.get("StartedAt") or ""),
        user=str(config.get("User") or ""),
        pid=int(state.get("Pid") or 0),
        has_healthcheck=has_healthcheck(config),
        patience=patience(part(config, "Healthcheck")) if has_healthcheck(config) else 0.0,
        mounts=tuple(mount(one) for one in listed(inspected, "Mounts")),
        ports=ports(inspected),
        isolation=isolation(part(inspected, "HostConfig")),
    )


def status(state: Json) -> str:
    """Docker's word for the state; derived from the flags where an engine leaves it out.

    >>> status({"Status": "restarting", "Running": True}), status({"Running": True}), status({})
    ('restarting', 'running', 'exited')
    """
    flags = ("Dead", "Restarting", "Paused", "Running")
    return str(state.get("Status") or next((flag.lower() for flag in flags if state.get(flag)), "exited"))


def health(state: Json) -> str:
    """Empty without a health check: engines say so by leaving it out or by "none"."""
    said = str(part(state, "Health").get("Status") or "")
    return "" if said == "none" else said


def has_healthcheck(config: Json) -> bool:
    test = listed(part(config, "Healthcheck"), "Test")
    return bool(test) and test != ["NONE"]


def patience(check: Json) -> float:
    """Seconds from a start until a health check has failed for good; the engine counts in nanoseconds.

    >>> patience({"Interval": 2e9, "Timeout": 3e9, "Retries": 3, "StartPeriod": 60e9}), patience({})
    (75.0, 180.0)

    What is left out is Docker's own: every 30 s, at most 30 s long, three times.
    """
    interval, timeout = (float(check.get(key) or 30e9) / 1e9 for key in ("Interval", "Timeout"))
    return float(check.get("StartPeriod") or 0) / 1e9 + int(check.get("Retries") or 3) * (interval + timeout)


def mount(inspected: Json) -> Mount:
    return Mount(
        type=str(inspected.get("Type") or ("volume" if inspected.get("Name") else "bind")),
        source=str(inspected.get("Source") or ""),
        destination=str(inspected.get("Destination") or ""),
        name=str(inspected.get("Name") or ""),
        driver=str(inspected.get("Driver") or ""),
        rw=bool(inspected.get("RW", True)),
    )


def ports(inspected: Json) -> tuple[Port, ...]:
    """Exposed and published ports; those that a container that runs has really published come first."""
    published = dict(part(part(inspected, "HostConfig"), "PortBindings"))
    published.update({k: v for k, v in part(part(inspected, "NetworkSettings"), "Ports").items() if v})
    exposed = dict.fromkeys(part(part(inspected, "Config"), "ExposedPorts"))
    return tuple(p for key, bindings in {**exposed, **published}.items() for p in port(key, bindings))


def port(key: str, bindings: object) -> list[Port]:
    """One port and where it is published.

    >>> port("443/tcp", [{"HostIp": "", "HostPort": "8443"}])
    [Port(container=443, protocol='tcp', host_ip='', host=8443)]
    >>> port("53/udp", None)
    [Port(container=53, protocol='udp', host_ip='', host=None)]
    """
    number, _, protocol = key.partition("/")
    if not number.isascii() or not number.isdigit():
        return []
    bound = [one for one in bindings if isinstance(one, Mapping)] if isinstance(bindings, list) else []
    return [
        Port(int(number), protocol or "tcp", str(one.get("HostIp") or ""), host_port(one.get("HostPort")))
        for one in bound or [{}]
    ]


def host_port(written: object) -> int | None:
    text = str(written or "")
    return int(text) if text.isascii() and text.isdigit() and int(text) else None


def isolation(host: Json) -> Isolation:
    return Isolation(
        privileged=bool(host.get("Privileged")),
        cap_add=capabilities(listed(host, "CapAdd")),
        cap_drop=capabilities(listed(host, "CapDrop")),
        security_opt=tuple(str(one) for one in listed(host, "SecurityOpt")),
        devices=tuple(str(one.get("PathOnHost") or "") for one in listed(host, "Devices") if isinstance(one, Mapping)),
        device_rules=tuple(str(one) for one in listed(host, "DeviceCgroupRules")),
        network=str(host.get("NetworkMode") or ""),
        pid=str(host.get("PidMode") or ""),
        ipc=str(host.get("IpcMode") or ""),
        uts=str(host.get("UTSMode") or ""),
        userns=str(host.get("UsernsMode") or ""),
        cgroupns=str(host.get("CgroupnsMode") or ""),
    )


def capabilities(written: list[Any]) -> tuple[str, ...]:
    """Capabilities in one spelling: Compose files say sys_admin, engines since 20.10 say CAP_SYS_ADMIN.

    >>> capabilities(["sys_admin", "CAP_CHOWN"])
    ('SYS_ADMIN', 'CHOWN')
    """
    return tuple(str(one).upper().removeprefix("CAP_") for one in written)
