"""The names of a service's fields: what a person calls them, where a stack file says them, how a value is written.

Paths are those of the Engine API, as `comparable_fields` makes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from fleetkeeper.inventory.units import exact_size

SECOND = 1_000_000_000
"""Durations of the Engine API are in nanoseconds."""
IMAGE = "TaskTemplate.ContainerSpec.Image"
ENV = "TaskTemplate.ContainerSpec.Env."
USER = "TaskTemplate.ContainerSpec.User"
UPDATES = "UpdateConfig."
REPLICAS = "Mode.Replicated.Replicas"
KEPT = (
    IMAGE,
    USER,
    "TaskTemplate.ContainerSpec.Dir",
    "TaskTemplate.ContainerSpec.Mounts.",
    "TaskTemplate.ContainerSpec.Secrets.",
    "TaskTemplate.ContainerSpec.Configs.",
    "TaskTemplate.ContainerSpec.Capability",
    "TaskTemplate.ContainerSpec.ReadOnly",
    "TaskTemplate.ContainerSpec.StopGracePeriod",
    "TaskTemplate.ContainerSpec.StopSignal",
    "TaskTemplate.ContainerSpec.Ulimits",
    "TaskTemplate.ContainerSpec.Healthcheck.Interval",
    "TaskTemplate.ContainerSpec.Healthcheck.Timeout",
    "TaskTemplate.ContainerSpec.Healthcheck.Retries",
    "TaskTemplate.ContainerSpec.Healthcheck.StartPeriod",
    "TaskTemplate.Resources.",
    "TaskTemplate.RestartPolicy.",
    "TaskTemplate.Placement.",
    "TaskTemplate.Networks.",
    "EndpointSpec.",
    "UpdateConfig.",
    "RollbackConfig.",
    "Mode",
)
"""How the paths of fields begin whose values are kept and shown. Of all others, which may be secret, only a digest."""
DURATIONS = ("Delay", "Monitor", "Window", "Interval", "Timeout", "Period")
OPTIONS = ("Options", "DriverOpts")
"""Parts of a path below which a driver may have its password."""
TITLES = (
    ("TaskTemplate.ContainerSpec.Env.", "variable "),
    ("TaskTemplate.ContainerSpec.Mounts.", "mount "),
    ("TaskTemplate.ContainerSpec.Secrets.", "secret "),
    ("TaskTemplate.ContainerSpec.Configs.", "config "),
    ("TaskTemplate.ContainerSpec.Healthcheck.", "health check "),
    ("TaskTemplate.ContainerSpec.Command", "entrypoint"),
    ("TaskTemplate.ContainerSpec.Args", "command"),
    ("TaskTemplate.ContainerSpec.Dir", "working directory"),
    ("TaskTemplate.ContainerSpec.Labels.", "container label "),
    ("TaskTemplate.ContainerSpec.Image", "image"),
    ("TaskTemplate.ContainerSpec.User", "user"),
    ("TaskTemplate.ContainerSpec.Hosts", "extra hosts"),
    ("TaskTemplate.ContainerSpec.StopGracePeriod", "stop grace period"),
    ("TaskTemplate.ContainerSpec.StopSignal", "stop signal"),
    ("TaskTemplate.ContainerSpec.ReadOnly", "read-only root"),
    ("TaskTemplate.ContainerSpec.CapabilityAdd", "added capabilities"),
    ("TaskTemplate.ContainerSpec.CapabilityDrop", "dropped capabilities"),
    ("TaskTemplate.ContainerSpec.DNSConfig.Nameservers", "DNS servers"),
    ("TaskTemplate.ContainerSpec.DNSConfig.", "DNS "),
    ("TaskTemplate.ContainerSpec.Sysctls.", "sysctl "),
    ("TaskTemplate.ContainerSpec.TTY", "tty"),
    ("TaskTemplate.ContainerSpec.", ""),
    ("TaskTemplate.Resources.Limits.NanoCPUs", "CPU limit"),
    ("TaskTemplate.Resources.Limits.MemoryBytes", "memory limit"),
    ("TaskTemplate.Resources.Limits.Pids", "limit of processes"),
    ("TaskTemplate.Resources.Reservations.NanoCPUs", "CPU reservation"),
    ("TaskTemplate.Resources.Reservations.MemoryBytes", "memory reservation"),
    ("TaskTemplate.Resources.", "resources "),
    ("TaskTemplate.RestartPolicy.", "restart policy "),
    ("TaskTemplate.Placement.Constraints", "constraints"),
    ("TaskTemplate.Placement.MaxReplicas", "max_replicas_per_node"),
    ("TaskTemplate.Placement.", "placement "),
    ("TaskTemplate.Networks.", "network "),
    ("TaskTemplate.LogDriver.Name", "logging driver"),
    ("TaskTemplate.LogDriver", "logging options"),
    ("TaskTemplate.", ""),
    ("EndpointSpec.Ports.", "port "),
    ("EndpointSpec.Mode", "endpoint mode"),
    ("UpdateConfig.", "update_config "),
    ("RollbackConfig.", "rollback_config "),
    ("Mode.Replicated.Replicas", "replicas"),
    ("Mode", "mode"),
    ("Labels.", "label "),
)
"""What a person calls the fields that begin so; the first that fits is used."""
NAMED_BY_PEOPLE = (
    "variable ",
    "mount ",
    "secret ",
    "config ",
    "container label ",
    "sysctl ",
    "network ",
    "port ",
    "label ",
)
"""Titles before a name that somebody has chosen, which is left as it is."""
ATTACHMENT_FIELD = re.compile(
    r"(?P<attachment>TaskTemplate\.(?:ContainerSpec\.(?:Mounts|Secrets|Configs)|Networks)\..+?)\."
    r"(?P<field>Type|Source|ReadOnly|(?:Bind|Volume|Tmpfs)Options\..+|name|UID|GID|Mode|attached|Aliases|DriverOpts\..+)"
)
"""Paths of the fields of one mount, secret, config or network."""

COMPOSE_PATHS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (ENV, ("environment",)),
    ("TaskTemplate.ContainerSpec.Mounts.", ("volumes",)),
    ("TaskTemplate.ContainerSpec.Secrets.", ("secrets",)),
    ("TaskTemplate.ContainerSpec.Configs.", ("configs",)),
    ("TaskTemplate.ContainerSpec.Healthcheck", ("healthcheck",)),
    ("TaskTemplate.ContainerSpec.Command", ("entrypoint",)),
    ("TaskTemplate.ContainerSpec.Args", ("command",)),
    ("TaskTemplate.ContainerSpec.Dir", ("working_dir",)),
    ("TaskTemplate.ContainerSpec.Labels.", ("labels",)),
    (IMAGE, ("image",)),
    (USER, ("user",)),
    ("TaskTemplate.Resources.Limits.", ("deploy", "resources", "limits")),
    ("TaskTemplate.Resources.", ("deploy", "resources")),
    ("TaskTemplate.RestartPolicy.", ("deploy", "restart_policy")),
    ("TaskTemplate.Placement.Constraints", ("deploy", "placement", "constraints")),
    ("TaskTemplate.Placement.", ("deploy", "placement")),
    ("TaskTemplate.Networks.", ("networks",)),
    ("TaskTemplate.LogDriver", ("logging",)),
    ("EndpointSpec.Ports.", ("ports",)),
    ("EndpointSpec.Mode", ("deploy", "endpoint_mode")),
    (UPDATES, ("deploy", "update_config")),
    ("RollbackConfig.", ("deploy", "rollback_config")),
    (REPLICAS, ("deploy", "replicas")),
    ("Mode", ("deploy", "mode")),
    ("Labels.", ("deploy", "labels")),
)
"""Where a service of a stack file says the fields that begin so; the first that fits is used."""


COLLECTIONS = (
    ENV,
    "TaskTemplate.ContainerSpec.Mounts.",
    "TaskTemplate.ContainerSpec.Secrets.",
    "TaskTemplate.ContainerSpec.Configs.",
    "TaskTemplate.Networks.",
    "EndpointSpec.Ports.",
    "Mode.",
)
"""How paths begin of fields that have a name of the file in them; it may depend on variables."""


def open_collections(fields: Iterable[str], others: Iterable[str]) -> Iterator[str]:
    """The collections of which one side has a field that the other has not, where both are paths of one service.

    >>> list(open_collections(["EndpointSpec.Ports.tcp 20001", "Mode.Global"], ["EndpointSpec.Ports.tcp 40007"]))
    ['Mode.', 'EndpointSpec.Ports.']
    """
    strange = sorted({*fields} ^ {*others}, reverse=True)
    return (
        each for each in dict.fromkeys(start for path in strange for start in COLLECTIONS if path.startswith(start))
    )


def compose_path(path: str) -> tuple[str, ...]:
    """The path below its service at which a stack file says a field; empty for one that it says nowhere.

    >>> compose_path("TaskTemplate.ContainerSpec.Env.TAG"), compose_path(REPLICAS), compose_path("")
    (('environment', 'TAG'), ('deploy', 'replicas'), ())
    """
    inner = next((inner for prefix, inner in COMPOSE_PATHS if path.startswith(prefix)), ())
    return (*inner, path.removeprefix(ENV)) if path.startswith(ENV) else inner


def is_kept(path: str) -> bool:
    """Whether the value of a field is kept and shown.

    >>> [is_kept(path) for path in (IMAGE, ENV + "TAG", "TaskTemplate.ContainerSpec.Args", "Mode.Replicated.Replicas")]
    [True, False, False, True]
    """
    return path.startswith(KEPT) and not any(part in OPTIONS for part in path.split("."))


def field_title(path: str) -> str:
    """What a person calls a field.

    >>> [field_title(path) for path in ("TaskTemplate.ContainerSpec.Env.TAG", "Mode.Replicated.Replicas", "New.Thing")]
    ['variable TAG', 'replicas', 'New.Thing']
    >>> field_title("UpdateConfig.FailureAction"), field_title("TaskTemplate.ContainerSpec.Mounts./d.ReadOnly")
    ('update_config failure_action', 'mount /d read_only')
    """
    for prefix, title in TITLES:
        if path.startswith(prefix):
            rest = path[len(prefix) :] if title.endswith(" ") or not title else ""
            if title not in NAMED_BY_PEOPLE:
                return f"{title}{in_compose_s_spelling(rest)}".strip()
            if field := ATTACHMENT_FIELD.fullmatch(path):
                return f"{title}{rest.removesuffix(field['field'])[:-1]} {in_compose_s_spelling(field['field'])}"
            return f"{title}{rest}"
    return path


def in_compose_s_spelling(name: str) -> str:
    """A name of the Engine API as Compose files spell it.

    >>> in_compose_s_spelling("FailureAction"), in_compose_s_spelling("UID")
    ('failure_action', 'uid')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def attachment_of(path: str) -> str:
    """The path of the mount, secret, config or network that a field is of; "" for any other field.

    >>> attachment_of("TaskTemplate.ContainerSpec.Mounts./a.b.VolumeOptions.NoCopy"), attachment_of(IMAGE)
    ('TaskTemplate.ContainerSpec.Mounts./a.b', '')
    """
    match = ATTACHMENT_FIELD.fullmatch(path)
    return match["attachment"] if match else ""


def attachment_in_words(attachment: str, fields: Mapping[str, str | None]) -> str:
    """What a mount, secret, config or network is, from the fields of its service: its name, source and mode.

    >>> d = "TaskTemplate.ContainerSpec.Mounts./d"
    >>> attachment_in_words(d, {f"{d}.Type": '"bind"', f"{d}.Source": '"/etc"', f"{d}.ReadOnly": "true"})
    'mount /d (bind, /etc, read-only)'
    """
    words = [value_in_words(path, fields[path]) for key in ("Type", "name", "Source", "Mode")
             if fields.get(path := f"{attachment}.{key}")]  # fmt: skip
    words += ["read-only"] if f"{attachment}.ReadOnly" in fields else []
    return f"{field_title(attachment)} ({', '.join(words)})" if words else field_title(attachment)


def value_in_words(path: str, value: str | None) -> str:
    """A kept value, which is JSON, as a person writes it; None is that of a field which is not set.

    >>> value_in_words("UpdateConfig.Delay", "10000000000"), value_in_words(REPLICAS, None)
    ('10 s', '0')
    >>> value_in_words("TaskTemplate.Resources.Limits.MemoryBytes", "104857600"), value_in_words(USER, None)
    ('100 MiB', 'not set')
    >>> value_in_words("EndpointSpec.Ports.tcp 80", '[{"mode": "host", "published": 8080}, {"mode": "ingress"}]')
    '8080 (host), chosen by Docker (ingress)'
    """
    if value is None:
        return "0" if path == REPLICAS else "not set"
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if path.startswith("EndpointSpec.Ports.") and isinstance(read, list):
        return ", ".join(port_in_words(port) for port in read)
    if isinstance(read, int):
        return number_in_words(path, read)
    return read if isinstance(read, str) else ", ".join(map(str, read)) if is_flat(read) else value


def number_in_words(path: str, number: int) -> str:
    """A number of a field as a person writes it: seconds, CPUs, sizes, and modes of files as octal digits.

    >>> number_in_words("TaskTemplate.ContainerSpec.Secrets.key.Mode", 0o400)
    '0400'
    """
    if path.endswith("NanoCPUs"):
        return f"{number / SECOND:g}"
    if path.endswith(DURATIONS):
        return f"{number / SECOND:g} s"
    if path.endswith(".Mode"):
        return f"0{number:o}"
    return exact_size(number) if path.endswith("Bytes") else json.dumps(number)


def port_in_words(port: object) -> str:
    """A published port of a service, with its mode."""
    if not isinstance(port, dict):
        return str(port)
    return f"{port.get('published') or 'chosen by Docker'} ({port.get('mode')})"


def is_flat(value: object) -> bool:
    """Whether a value is a list of single values."""
    return isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)
